//! Root.

use porthole_manifest::Node;

use crate::pod_security::offenders::Offenders;
use crate::pod_security::subject::Subject;
use crate::pod_security::violation::Violation;
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `restricted` every container runs under `runAsNonRoot: true`, set at the pod or at the container, and
    /// nothing sets it to false. Pods for Windows are asked too. Since version 1.35 of the standards a pod with users of
    /// its own (`hostUsers: false`) is not.
    RUN_AS_NON_ROOT = "pod-security-run-as-non-root";
    /// At the level `restricted` nothing sets `runAsUser: 0`. Since version 1.35 of the standards a pod with users of its own
    /// (`hostUsers: false`) may.
    RUN_AS_USER = "pod-security-run-as-user";
}

/// The first server whose gate relaxes the checks for pods with users of their own.
const GATED_SINCE: u16 = 29;

pub(in crate::pod_security) fn check_non_root(subject: &Subject<'_>) -> Option<Violation> {
    const FIELD: &str = "runAsNonRoot";
    if subject.is_relaxed_for_own_users(GATED_SINCE) {
        return None;
    }
    let mut refusing = Offenders::default();
    let mut silent = Offenders::default();
    let at_pod = subject.setting(FIELD).and_then(Node::as_bool);
    if at_pod == Some(false) {
        let span = subject.setting(FIELD).or(subject.context)?.span();
        refusing.pod(subject, "securityContext.runAsNonRoot", span);
    }
    for container in subject.containers() {
        match container.setting(FIELD).and_then(Node::as_bool) {
            Some(false) => refusing.context(subject, &container, FIELD),
            None if at_pod != Some(true) => silent.context(subject, &container, FIELD),
            _ => {}
        }
    }
    let (offenders, detail) = if !refusing.is_empty() {
        let setters = refusing.setters();
        (
            refusing,
            format!("{setters} must not set securityContext.{FIELD}=false"),
        )
    } else if !silent.is_empty() {
        let containers = silent.containers_text();
        (
            silent,
            format!("pod or {containers} must set securityContext.{FIELD}=true"),
        )
    } else {
        return None;
    };
    Some(offenders.violation(&RUN_AS_NON_ROOT, FIELD, "runAsNonRoot != true", detail))
}

pub(in crate::pod_security) fn check_user(subject: &Subject<'_>) -> Option<Violation> {
    const FIELD: &str = "runAsUser";
    if subject.is_relaxed_for_own_users(GATED_SINCE) {
        return None;
    }
    let mut offenders = Offenders::default();
    let root = |node: Option<Node<'_>>| node.and_then(Node::as_i64) == Some(0);
    if root(subject.setting(FIELD)) {
        let span = subject.setting(FIELD)?.span();
        offenders.pod(subject, "securityContext.runAsUser", span);
    }
    for container in subject.containers() {
        if root(container.setting(FIELD)) {
            offenders.context(subject, &container, FIELD);
        }
    }
    if offenders.is_empty() {
        return None;
    }
    let detail = format!("{} must not set {FIELD}=0", offenders.setters());
    Some(offenders.violation(&RUN_AS_USER, FIELD, "runAsUser=0", detail))
}
