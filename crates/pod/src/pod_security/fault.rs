//! What is wrong with the values of labels and configurations.

use porthole_manifest::Node;

use crate::finding::{ErrorKind, Finding, Severity};
use crate::render::go_quote;
use crate::rule::Rule;
use crate::status::aggregate;

/// A value that the API server does not take, which is the string at `node`.
pub(super) fn fault(
    rule: &'static Rule,
    kind: ErrorKind,
    field: String,
    node: Node<'_>,
    detail: impl Into<String>,
) -> Finding {
    Finding {
        rule,
        severity: Severity::Error,
        kind,
        field,
        value: Some(go_quote(node.as_str().unwrap_or_default())),
        detail: detail.into(),
        span: Some(node.span()),
        related: Vec::new(),
        help: None,
        fix: None,
    }
}

/// The faults of a namespace's labels in one text. A server of 1.22 names modes instead of labels, and shows no values.
pub(super) fn labels_text(faults: &[Finding], since_1_23: bool) -> String {
    if since_1_23 {
        return aggregate(faults);
    }
    let name = |label: &str| match label {
        "enforce" => "Enforce.Level",
        "enforce-version" => "Enforce.Version",
        "audit" => "Audit.Level",
        "audit-version" => "Audit.Version",
        "warn" => "Warn.Level",
        _ => "Warn.Version",
    };
    let label = |field: &str| {
        let label = field.rsplit('/').next().unwrap_or_default();
        name(label.trim_end_matches(']'))
    };
    let texts = faults
        .iter()
        .map(|fault| format!("{}: {}", label(&fault.field), fault.detail));
    bracketed(&texts.collect::<Vec<_>>())
}

/// One text, or several in brackets.
pub(super) fn bracketed(texts: &[String]) -> String {
    match texts {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}
