//! The annotation by which a pod's `windowsOptions` reach a container runtime on Linux, and its guard.
//!
//! A kubelet on Linux drops `windowsOptions`. For pods of a `RuntimeClass` of porthole's, admission writes what they come to
//! into an annotation, which the runtime obeys. So nobody else may write it: else every author of a pod could become SYSTEM.
//! The whole prefix is kept for admission, for the status of a pod and for bindings as well, which both can carry
//! annotations.
//!
//! What comes of a pod after the annotation is written, other webhooks' containers above all, has to be seen again:
//! porthole's webhook is registered with `reinvocationPolicy: IfNeeded`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use porthole_manifest::{Node, PodTemplate};
use porthole_pod::effective::resolve;
use porthole_pod::{ContainerKind, EffectiveOptions, containers, decode_object};
use serde_json::{Map, Value, json};

use super::denial::{Problem, Problems};
use super::patch::Patch;
use super::pod::Pod;
use crate::level::Level;

/// What the keys of porthole's annotations begin with.
pub const PREFIX: &str = "porthole.dev/";
/// Container name → the account, whether it is a HostProcess container, and the name of the credential spec.
pub const WINDOWS_OPTIONS: &str = "porthole.dev/windows-options";

/// The value of [`WINDOWS_OPTIONS`] for a pod: every container but the ephemeral ones by name, with the fields that its
/// `windowsOptions` and the pod's come to.
///
/// Ephemeral containers are not in it: they come when the pod runs, by a part of the API that changes no annotation.
#[must_use]
pub fn windows_options(template: &PodTemplate<'_>) -> String {
    let mut of_containers: BTreeMap<&str, Value> = BTreeMap::new();
    for container in containers(template).filter(|container| container.kind != ContainerKind::Ephemeral) {
        let options = fields(&resolve(template, Some(container)));
        of_containers.insert(container.name.unwrap_or_default(), options.into());
    }
    json!(of_containers).to_string()
}

/// What the runtime is told of one container.
fn fields(options: &EffectiveOptions<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(account) = options.run_as_user_name {
        fields.insert("runAsUserName".to_owned(), json!(account.value));
    }
    if let Some(host_process) = options.host_process {
        fields.insert("hostProcess".to_owned(), json!(host_process.value));
    }
    if let Some(name) = options.gmsa_credential_spec_name {
        fields.insert("gmsaCredentialSpecName".to_owned(), json!(name.value));
    }
    fields
}

/// The value of [`WINDOWS_OPTIONS`] that the pod is to have: none unless its `RuntimeClass` is one of `classes`.
fn wanted(pod: &Pod<'_>, classes: &[String]) -> Option<String> {
    is_of(pod, classes).then(|| windows_options(&pod.template))
}

fn is_of(pod: &Pod<'_>, classes: &[String]) -> bool {
    let class = pod.text("runtimeClassName");
    !class.is_empty() && classes.iter().any(|name| name == class)
}

/// Adds the annotation to a new pod that is to have it, and to one whose update would drop it.
///
/// One that says less than it is to say is completed: another webhook may have added containers since it was written.
pub(super) fn write(pod: &Pod<'_>, old: Option<&Pod<'_>>, classes: &[String], patch: &mut Patch) {
    let found = value(pod.annotations(), WINDOWS_OPTIONS);
    let value = wanted(pod, classes).and_then(|wanted| match (old, found) {
        (None, None) => Some(wanted),
        (None, Some(found)) => (found != wanted && is_part(found, &wanted)).then_some(wanted),
        (Some(old), None) => value(old.annotations(), WINDOWS_OPTIONS).map(str::to_owned),
        (Some(_), Some(_)) => None,
    });
    if let Some(value) = value {
        let keys = ["metadata", "annotations", WINDOWS_OPTIONS];
        patch.add(pod.object(), &keys, value.into());
    }
}

/// Whether all that `found` says `wanted` says as well.
fn is_part(found: &str, wanted: &str) -> bool {
    match (decode_object(found), decode_object(wanted)) {
        (Ok(Some(found)), Ok(Some(wanted))) => found
            .iter()
            .all(|(name, options)| wanted.get(name) == Some(options)),
        _ => false,
    }
}

/// What of a pod's annotations, or of their change, is not for its author. Before they are `complete`, [`write`] may still
/// add to them.
pub(super) fn check(
    pod: &Pod<'_>,
    old: Option<&Pod<'_>>,
    classes: &[String],
    complete: bool,
    problems: &mut Problems,
) {
    let wanted = wanted(pod, classes);
    let new = pod.annotations();
    let of_old = old.into_iter().flat_map(|old| keys(old.annotations()));
    let mut keys: BTreeSet<String> = keys(new).chain(of_old).collect();
    if wanted.is_some() {
        keys.insert(WINDOWS_OPTIONS.to_owned());
    }
    for key in keys {
        let wanted = wanted.as_deref().filter(|_| key == WINDOWS_OPTIONS);
        let found = value(new, &key);
        let is_kept = old.is_some_and(|old| value(old.annotations(), &key) == found);
        let is_to_come = !complete
            && match (found, wanted) {
                (None, _) => true,
                (Some(found), Some(wanted)) => old.is_none() && is_part(found, wanted),
                (Some(_), None) => false,
            };
        if found != wanted && !is_kept && !is_to_come {
            problems.push(foreign(&key, found.is_none()));
        }
    }
}

/// What of the annotations that a binding brings to its pod is not for its author.
pub(super) fn check_binding(binding: Node<'_>, problems: &mut Problems) {
    let brought = keys(binding.child("metadata").child("annotations"));
    problems.extend(brought.map(|key| foreign(&key, false)));
}

/// An ephemeral container whose `windowsOptions` no annotation can carry.
pub(super) fn check_ephemeral(pod: &Pod<'_>, level: &Level<'_>, classes: &[String], problems: &mut Problems) {
    let Some(container) = level.container.filter(|_| is_of(pod, classes)) else {
        return;
    };
    if fields(&resolve(&pod.template, Some(container))).is_empty() {
        return;
    }
    let message = format!(
        "ephemeral container \"{}\" cannot have windowsOptions, its own or the pod's, in a pod of RuntimeClass \"{}\": \
         an update of ephemeral containers cannot change the annotation {WINDOWS_OPTIONS} that carries them",
        level.name,
        pod.text("runtimeClassName")
    );
    let field = format!("{}.securityContext.windowsOptions", container.path());
    problems.push(Problem::new("windows-options-not-carried", 403, field, message).own_if(true));
}

/// The keys that are kept for admission.
fn keys(annotations: Node<'_>) -> impl Iterator<Item = String> {
    let keys = annotations.entries().map(|entry| entry.key.key_text());
    keys.filter(|key| key.starts_with(PREFIX)).map(Cow::into_owned)
}

fn value<'a>(annotations: Node<'a>, key: &str) -> Option<&'a str> {
    annotations.field(key).and_then(Node::as_str)
}

fn foreign(key: &str, is_missing: bool) -> Problem {
    let message = if is_missing {
        format!(
            "annotation \"{key}\" is missing: porthole's admission writes it, and nobody may take it away"
        )
    } else {
        format!("annotation \"{key}\" is written by porthole's admission alone")
    };
    let help = if is_missing {
        "the mutating webhook of porthole has to see the pod: is it registered?".to_owned()
    } else {
        format!("leave out annotations that begin with `{PREFIX}`")
    };
    let field = format!("metadata.annotations[{key}]");
    Problem::new("porthole-annotation", 403, field, message)
        .own_if(true)
        .with_help(help)
}
