//! Seccomp profiles, in the fields of 1.19 and in the annotations before.

use std::collections::BTreeSet;

use porthole_manifest::Node;

use crate::pod_security::offenders::{Offenders, plural};
use crate::pod_security::subject::{Container, Subject};
use crate::pod_security::violation::Violation;
use crate::render::go_quote;
use crate::report::text;
use crate::rule::{Rule, rules};

rules! { PodSecurity:
    /// At the level `baseline` nothing switches seccomp off: `seccompProfile.type` is `RuntimeDefault` or `Localhost`, or the
    /// profile is not set. Before version 1.19 of the standards the annotations are asked, not the fields.
    SECCOMP_BASELINE = "pod-security-seccomp-baseline";
    /// At the level `restricted` every container has a seccomp profile of type `RuntimeDefault` or `Localhost`, from the pod or
    /// of its own. Since version 1.25 of the standards a pod with `os: {name: windows}` is not asked: Windows has no seccomp.
    SECCOMP_RESTRICTED = "pod-security-seccomp-restricted";
}

const FIELD: &str = "securityContext.seccompProfile.type";
const REASON: &str = "seccompProfile";
const POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// The type of a profile, and where it is set.
#[derive(Clone, Copy)]
struct Profile<'a> {
    kind: &'a str,
    node: Node<'a>,
}

impl Profile<'_> {
    fn is_allowed(&self) -> bool {
        matches!(self.kind, "Localhost" | "RuntimeDefault")
    }
}

pub(in crate::pod_security) fn check_baseline(subject: &Subject<'_>) -> Option<Violation> {
    if subject.policy < 19 {
        return check_annotations(subject);
    }
    let (offenders, _) = gather(subject);
    refused(offenders, &SECCOMP_BASELINE, "seccompProfile_baseline")
}

pub(in crate::pod_security) fn check_restricted(subject: &Subject<'_>) -> Option<Violation> {
    const ID: &str = "seccompProfile_restricted";
    if subject.policy >= 25 && subject.is_windows() {
        return None;
    }
    let (offenders, silent) = gather(subject);
    if !offenders.is_empty() {
        return refused(offenders, &SECCOMP_RESTRICTED, ID);
    }
    if silent.is_empty() {
        return None;
    }
    let detail = format!(
        "pod or {} must set {FIELD} to \"RuntimeDefault\" or \"Localhost\"",
        silent.containers_text()
    );
    Some(silent.violation(&SECCOMP_RESTRICTED, ID, REASON, detail))
}

fn refused(offenders: Offenders<'_>, rule: &'static Rule, id: &'static str) -> Option<Violation> {
    if offenders.is_empty() {
        return None;
    }
    let setters = offenders.setters();
    let detail = format!("{setters} must not set {FIELD} to {}", offenders.values_text());
    Some(offenders.violation(rule, id, REASON, detail))
}

/// Who sets a profile that is not allowed, and which containers have none.
fn gather<'a>(subject: &Subject<'a>) -> (Offenders<'a>, Offenders<'a>) {
    let mut offenders = Offenders::default();
    let mut silent = Offenders::default();
    let of_pod = profile_of_pod(subject);
    if let Some(profile) = of_pod.filter(|profile| !profile.is_allowed()) {
        offenders.pod(subject, FIELD, profile.node.span());
        offenders.value(profile.kind);
    }
    let covered = of_pod.is_some_and(|profile| profile.is_allowed());
    for container in subject.containers() {
        match profile_of_container(subject, &container) {
            Some(profile) if profile.is_allowed() => {}
            Some(profile) => {
                offenders.container(subject, &container, FIELD, profile.node.span());
                offenders.value(profile.kind);
            }
            None if covered => {}
            None => silent.context(subject, &container, "seccompProfile"),
        }
    }
    (offenders, silent)
}

fn profile_of_pod<'a>(subject: &Subject<'a>) -> Option<Profile<'a>> {
    let field = subject.setting("seccompProfile").map(field_profile);
    field.or_else(|| {
        let annotations = carried_over(subject)?;
        annotated_profile(annotations.field(POD_ANNOTATION)?)
    })
}

fn profile_of_container<'a>(subject: &Subject<'a>, container: &Container<'a>) -> Option<Profile<'a>> {
    let field = container.setting("seccompProfile").map(field_profile);
    field.or_else(|| {
        let annotations = carried_over(subject)?;
        annotated_profile(annotations.field(&container_key(container))?)
    })
}

fn container_key(container: &Container<'_>) -> String {
    format!("{CONTAINER_ANNOTATION}{}", container.name())
}

fn field_profile(profile: Node<'_>) -> Profile<'_> {
    Profile {
        kind: text(profile, "type"),
        node: profile.field("type").unwrap_or(profile),
    }
}

/// The annotations that have become fields before admission: those of Pods, up to 1.26.
fn carried_over<'a>(subject: &Subject<'a>) -> Option<Node<'a>> {
    let carries = !subject.options.at_least(27) && subject.is_pod();
    subject.annotations.filter(|_| carries)
}

fn annotated_profile(annotation: Node<'_>) -> Option<Profile<'_>> {
    let kind = match annotation.as_str()? {
        "unconfined" => "Unconfined",
        "runtime/default" | "docker/default" => "RuntimeDefault",
        localhost
            if localhost
                .strip_prefix("localhost/")
                .is_some_and(|path| !path.is_empty()) =>
        {
            "Localhost"
        }
        _ => return None,
    };
    Some(Profile {
        kind,
        node: annotation,
    })
}

/// The check of versions up to 1.18.
fn check_annotations(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    let mut forbidden = BTreeSet::new();
    let mut ask = |key: &str, profile: Option<Node<'_>>, offenders: &mut Offenders<'_>| {
        let written = subject.annotations.and_then(|annotations| annotations.get(key));
        // Up to 1.24 a Pod's field has become an annotation before admission.
        let carried = profile
            .filter(|_| !subject.options.at_least(25) && subject.is_pod())
            .filter(|profile| text(*profile, "type") == "Unconfined");
        let (node, value) = match (written, carried) {
            (Some(node), _) => (node, node.as_str().unwrap_or_default()),
            (None, Some(profile)) => (profile, "unconfined"),
            (None, None) => return,
        };
        let allowed =
            matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/");
        if !allowed {
            offenders.place_at(format!("{}[{key}]", subject.annotations_path()), node.span());
            forbidden.insert(format!("{key}={}", go_quote(value)));
        }
    };
    ask(POD_ANNOTATION, subject.setting("seccompProfile"), &mut offenders);
    for container in subject.containers() {
        let profile = container.setting("seccompProfile");
        if profile.is_some() || subject.annotations.is_some() {
            ask(&container_key(&container), profile, &mut offenders);
        }
    }
    if forbidden.is_empty() {
        return None;
    }
    let noun = plural("annotation", "annotations", forbidden.len());
    let annotations = forbidden.into_iter().collect::<Vec<_>>().join(", ");
    let detail = format!("forbidden {noun} {annotations}");
    Some(offenders.violation(&SECCOMP_BASELINE, "seccompProfile_baseline", REASON, detail))
}
