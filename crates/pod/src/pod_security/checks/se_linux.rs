//! SELinux labels.

use porthole_manifest::Node;

use crate::pod_security::offenders::{Offenders, plural};
use crate::pod_security::subject::{Container, Subject};
use crate::pod_security::violation::Violation;
use crate::report::text;
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `baseline` the SELinux type is `container_t`, `container_init_t` or `container_kvm_t` (since version 1.31
    /// of the standards also `container_engine_t`) or is not set, and user and role are not set: others could leave the
    /// container.
    SE_LINUX = "pod-security-se-linux";
}

const TYPES: [&str; 5] = [
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];

/// Which of the parts are set that may not be.
#[derive(Default)]
struct Parts {
    user: bool,
    role: bool,
}

pub(in crate::pod_security) fn check(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    let mut parts = Parts::default();
    if let Some(options) = subject.setting("seLinuxOptions") {
        check_options(subject, None, options, &mut parts, &mut offenders);
    }
    for container in subject.containers() {
        if let Some(options) = container.setting("seLinuxOptions") {
            check_options(subject, Some(&container), options, &mut parts, &mut offenders);
        }
    }
    if offenders.is_empty() {
        return None;
    }
    let mut faults = Vec::new();
    let types = offenders.value_count();
    if types > 0 {
        let noun = plural("type", "types", types);
        faults.push(format!("{noun} {}", offenders.values_text()));
    }
    // Up to 1.25 user and role are named beside a type only.
    if types > 0 || subject.options.at_least(26) {
        let named = [
            (parts.user, "user may not be set"),
            (parts.role, "role may not be set"),
        ];
        faults.extend(
            named
                .iter()
                .filter(|(set, _)| *set)
                .map(|(_, text)| (*text).to_owned()),
        );
    }
    let detail = format!(
        "{} set forbidden securityContext.seLinuxOptions: {}",
        offenders.setters(),
        faults.join("; ")
    );
    Some(offenders.violation(&SE_LINUX, "seLinuxOptions", "seLinuxOptions", detail))
}

fn check_options<'a>(
    subject: &Subject<'a>,
    container: Option<&Container<'a>>,
    options: Node<'a>,
    parts: &mut Parts,
    offenders: &mut Offenders<'a>,
) {
    let mut name = |key: &str| {
        let field = format_args!("securityContext.seLinuxOptions.{key}");
        let span = options.get(key).unwrap_or(options).span();
        match container {
            Some(container) => offenders.container(subject, container, field, span),
            None => offenders.pod(subject, field, span),
        }
    };
    let kind = text(options, "type");
    let allowed = if subject.policy >= 31 {
        &TYPES[..]
    } else {
        &TYPES[..4]
    };
    let forbidden = !allowed.contains(&kind);
    if forbidden {
        name("type");
    }
    if !text(options, "user").is_empty() {
        name("user");
        parts.user = true;
    }
    if !text(options, "role").is_empty() {
        name("role");
        parts.role = true;
    }
    if forbidden {
        offenders.value(kind);
    }
}
