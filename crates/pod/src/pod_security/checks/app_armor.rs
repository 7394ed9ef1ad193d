//! AppArmor profiles, in the fields of 1.30 and in the annotations before.

use porthole_manifest::Node;

use crate::pod_security::offenders::{Offenders, plural, quoted};
use crate::pod_security::subject::{Container, Subject};
use crate::pod_security::violation::Violation;
use crate::render::go_quote;
use crate::report::text;
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `baseline` no pod switches its AppArmor profile off: the type is `RuntimeDefault` or `Localhost`, or it
    /// is not set at all. The annotations `container.apparmor.security.beta.kubernetes.io/…` of old manifests are held to
    /// the same. Windows has no AppArmor: remove the field.
    APP_ARMOR = "pod-security-app-armor";
}

const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
const UNCONFINED: &str = "unconfined";

pub(in crate::pod_security) fn check(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    let mut annotations = Vec::new();
    if has_fields(subject) {
        check_fields(subject, &mut offenders, &mut annotations);
    }
    check_annotations(subject, &mut offenders, &mut annotations);
    if offenders.is_empty() && annotations.is_empty() {
        return None;
    }
    annotations.sort_unstable();
    let reason = |count| plural("forbidden AppArmor profile", "forbidden AppArmor profiles", count);
    if !subject.options.at_least(30) {
        let detail = annotations.join(", ");
        return Some(offenders.violation(&APP_ARMOR, "appArmorProfile", reason(annotations.len()), detail));
    }
    let mut setters = Vec::new();
    if !offenders.is_empty() {
        setters.push(offenders.setters());
    }
    if !annotations.is_empty() {
        setters.push(plural("annotation", "annotations", annotations.len()).to_owned());
    }
    let values: Vec<String> = offenders.values().map(str::to_owned).chain(annotations).collect();
    let detail = format!(
        "{} must not set AppArmor profile type to {}",
        setters.join(" and "),
        quoted(&values)
    );
    Some(offenders.violation(&APP_ARMOR, "appArmorProfile", reason(values.len()), detail))
}

fn check_fields<'a>(subject: &Subject<'a>, offenders: &mut Offenders<'a>, annotations: &mut Vec<String>) {
    let profile_of_pod = subject.setting("appArmorProfile");
    if let Some(profile) = profile_of_pod.filter(|profile| !is_allowed(text(*profile, "type"))) {
        offenders.pod(subject, "securityContext.appArmorProfile.type", profile.span());
        offenders.value(text(profile, "type"));
    }
    let unconfined =
        |profile: Option<Node<'a>>| profile.is_some_and(|profile| text(profile, "type") == "Unconfined");
    for container in subject.containers() {
        let profile = container.setting("appArmorProfile");
        if let Some(profile) = profile.filter(|profile| !is_allowed(text(*profile, "type"))) {
            offenders.container(
                subject,
                &container,
                "securityContext.appArmorProfile.type",
                profile.span(),
            );
            offenders.value(text(profile, "type"));
        }
        if !is_carried_over(subject) {
            continue;
        }
        let annotation = annotation(subject, &container);
        if let Some((node, UNCONFINED)) = annotation {
            // Before admission the annotation has become the container's field, unless the pod says the same.
            if profile.is_none() && !unconfined(profile_of_pod) {
                offenders.container(
                    subject,
                    &container,
                    "securityContext.appArmorProfile.type",
                    node.span(),
                );
                offenders.value("Unconfined");
            }
        }
        // Up to 1.33 the field has become an annotation as well.
        if annotation.is_none() && !subject.options.at_least(34) && unconfined(profile.or(profile_of_pod)) {
            annotations.push(format!("{PREFIX}{}={}", container.name(), go_quote(UNCONFINED)));
        }
    }
}

/// Whether the API server has the fields; with the gate off they are dropped before admission.
fn has_fields(subject: &Subject<'_>) -> bool {
    let options = subject.options;
    options.at_least(31) || (options.at_least(30) && options.enabled("AppArmorFields"))
}

/// Whether the API server carries annotations over into fields: it does in Pods, but in those for Windows.
fn is_carried_over(subject: &Subject<'_>) -> bool {
    subject.is_pod() && !subject.is_windows()
}

/// The annotation of one container. The key is only put together where there are annotations.
fn annotation<'a>(subject: &Subject<'a>, container: &Container<'a>) -> Option<(Node<'a>, &'a str)> {
    let name = container.name();
    let entry = subject
        .annotations?
        .entries()
        .filter(|entry| entry.key.key_text().strip_prefix(PREFIX) == Some(name))
        .last()?;
    Some((entry.value, entry.value.as_str().unwrap_or_default()))
}

fn check_annotations<'a>(
    subject: &Subject<'a>,
    offenders: &mut Offenders<'a>,
    annotations: &mut Vec<String>,
) {
    for entry in subject.annotations.into_iter().flat_map(Node::entries) {
        let key = entry.key.key_text();
        if !key.starts_with(PREFIX) {
            continue;
        }
        let value = entry.value.as_str().unwrap_or_default();
        let allowed = value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
        let last = || subject.annotations.and_then(|all| all.get(&key));
        if allowed || last().is_some_and(|last| last.span() != entry.value.span()) {
            continue;
        }
        offenders.place_at(
            format!("{}[{key}]", subject.annotations_path()),
            entry.value.span(),
        );
        annotations.push(format!("{key}={}", go_quote(value)));
    }
}

fn is_allowed(profile: &str) -> bool {
    matches!(profile, "RuntimeDefault" | "Localhost")
}
