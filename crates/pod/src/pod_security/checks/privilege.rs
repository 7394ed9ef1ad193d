//! Privileged containers, and containers whose processes may gain privileges.

use porthole_manifest::Node;

use crate::pod_security::offenders::Offenders;
use crate::pod_security::subject::Subject;
use crate::pod_security::violation::Violation;
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `baseline` no container is privileged: nearly all that separates it from the host would be gone.
    PRIVILEGED = "pod-security-privileged";
    /// At the level `restricted` every container sets `allowPrivilegeEscalation: false`. Since version 1.25 of the standards
    /// a pod with `os: {name: windows}` is not asked, and must not set the field.
    PRIVILEGE_ESCALATION = "pod-security-privilege-escalation";
}

pub(in crate::pod_security) fn check_privileged(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    for container in subject.containers() {
        if container.setting("privileged").and_then(Node::as_bool) == Some(true) {
            offenders.context(subject, &container, "privileged");
        }
    }
    if offenders.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must not set securityContext.privileged=true",
        offenders.containers_text()
    );
    Some(offenders.violation(&PRIVILEGED, "privileged", "privileged", detail))
}

pub(in crate::pod_security) fn check_escalation(subject: &Subject<'_>) -> Option<Violation> {
    const FIELD: &str = "allowPrivilegeEscalation";
    if subject.policy >= 25 && subject.is_windows() {
        return None;
    }
    let mut offenders = Offenders::default();
    for container in subject.containers() {
        if container.setting(FIELD).and_then(Node::as_bool) != Some(false) {
            offenders.context(subject, &container, FIELD);
        }
    }
    if offenders.is_empty() {
        return None;
    }
    let detail = format!(
        "{} must set securityContext.{FIELD}=false",
        offenders.containers_text()
    );
    let reason = "allowPrivilegeEscalation != false";
    Some(offenders.violation(&PRIVILEGE_ESCALATION, FIELD, reason, detail))
}
