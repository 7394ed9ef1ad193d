//! Passwords in the manifest.

use porthole_manifest::Node;

use crate::finding::{Finding, Severity};
use crate::rule::rules;
use crate::windows_pod::WindowsContainer;

rules! { Advice:
    /// Whoever may read the pod, or the repository, reads what stands in `env`. Keep a password in a Secret and refer to it by
    /// `valueFrom.secretKeyRef`.
    SECRET_IN_ENV = "secret-in-env";
}

/// Words at the end of a variable's name that say that its value is secret.
const WORDS: [&str; 6] = ["password", "passwd", "secret", "api_key", "apikey", "access_key"];

pub(super) fn check(container: &WindowsContainer<'_>, findings: &mut Vec<Finding>) {
    for (index, variable) in container.node().child("env").items().enumerate() {
        let name = variable.field("name").and_then(Node::as_str);
        let (Some(name), Some(value)) = (name, variable.field("value")) else {
            continue;
        };
        if !is_secret(name) || !value.as_str().is_some_and(is_literal) {
            continue;
        }
        findings.push(
            Finding::remark(
                &SECRET_IN_ENV,
                Severity::Advice,
                format!("{}.env[{index}].value", container.path()),
                format!("the value of `{name}` stands in the manifest"),
                value.span(),
            )
            .with_help("keep it in a Secret and refer to it by valueFrom.secretKeyRef"),
        );
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.ends_with(word))
}

/// Whether a value is a secret itself, and not a switch, a path, a reference or a place to fill in.
fn is_literal(value: &str) -> bool {
    let switch = ["true", "false", "yes", "no", "on", "off", "none", "0", "1"];
    !value.is_empty()
        && !switch.contains(&value.to_ascii_lowercase().as_str())
        && !value.contains("$(")
        && !value.contains(['/', '\\', '<', '>', '{', '}'])
}
