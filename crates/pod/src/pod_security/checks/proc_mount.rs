//! How much of `/proc` containers see.

use crate::pod_security::offenders::Offenders;
use crate::pod_security::subject::Subject;
use crate::pod_security::violation::Violation;
use crate::rule::{Rule, rules};

rules! { PodSecurity:
    /// At the level `baseline` containers see `/proc` masked: `procMount` is `Default`, or is not set. Since version 1.35 of
    /// the standards a pod with users of its own (`hostUsers: false`) may choose.
    PROC_MOUNT = "pod-security-proc-mount";
    /// At the level `restricted`, since version 1.35 of the standards, containers see `/proc` masked in every pod, one with
    /// users of its own included: `procMount` is `Default`, or is not set.
    PROC_MOUNT_RESTRICTED = "pod-security-proc-mount-restricted";
}

pub(in crate::pod_security) fn check_baseline(subject: &Subject<'_>) -> Option<Violation> {
    if subject.is_relaxed_for_own_users(31) {
        return None;
    }
    check(subject, &PROC_MOUNT, "procMount")
}

pub(in crate::pod_security) fn check_restricted(subject: &Subject<'_>) -> Option<Violation> {
    check(subject, &PROC_MOUNT_RESTRICTED, "procMount_restricted")
}

fn check(subject: &Subject<'_>, rule: &'static Rule, id: &'static str) -> Option<Violation> {
    // With the gate off the field has been set to `Default` before admission.
    if !subject.options.enabled("ProcMountType") {
        return None;
    }
    let mut offenders = Offenders::default();
    for container in subject.containers() {
        let Some(node) = container.setting("procMount") else {
            continue;
        };
        let value = node.as_str().unwrap_or_default();
        if value != "Default" {
            offenders.context(subject, &container, "procMount");
            offenders.value(value);
        }
    }
    if offenders.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.procMount to {}",
        offenders.containers_text(),
        offenders.values_text()
    );
    Some(offenders.violation(rule, id, "procMount", detail))
}
