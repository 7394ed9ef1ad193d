//! Names and uids of pods and containers.

use std::hash::{BuildHasher as _, RandomState};

use porthole_manifest::{Node, WorkloadKind};

use super::Request;
use crate::plan::PodIdentity;

/// What holds the template, with a uid made for this run: the pod itself, or a workload.
pub(super) fn holder(request: &Request<'_>) -> PodIdentity {
    let template = request.template;
    let generated = || {
        let prefix = template
            .object
            .at("metadata.generateName")
            .and_then(Node::as_str)?;
        (!prefix.is_empty()).then(|| format!("{prefix}{}", fresh_suffix()))
    };
    let name = match template.name.filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => generated().unwrap_or_else(|| "pod".to_owned()),
    };
    let written = template.namespace.filter(|namespace| !namespace.is_empty());
    PodIdentity {
        namespace: written.unwrap_or(request.namespace).to_owned(),
        name,
        uid: fresh_uid(),
    }
}

/// The pods that a template makes: a Pod itself, a DaemonSet's one, and `NAME-0`, `NAME-1`, … of what has replicas.
pub(super) fn identities(request: &Request<'_>) -> Vec<PodIdentity> {
    let template = request.template;
    let holder = holder(request);
    if let Some(name) = &request.choices.name {
        let named = |_| PodIdentity {
            namespace: holder.namespace.clone(),
            name: name.clone(),
            uid: fresh_uid(),
        };
        return (0..template.replicas()).map(named).collect();
    }
    match template.kind {
        WorkloadKind::Pod | WorkloadKind::DaemonSet | WorkloadKind::PodTemplate => vec![holder],
        _ => (0..template.replicas())
            .map(|index| PodIdentity {
                namespace: holder.namespace.clone(),
                name: format!("{}-{index}", holder.name),
                uid: fresh_uid(),
            })
            .collect(),
    }
}

/// Five characters for `generateName`, of those that the API server takes: none that make words or look alike.
pub(crate) fn fresh_suffix() -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let random = fresh_uid();
    let bytes = random.bytes().rev().step_by(2).take(5).enumerate();
    bytes
        .map(|(place, byte)| char::from(ALPHABET[(usize::from(byte) * 7 + place) % ALPHABET.len()]))
        .collect()
}

/// A random version-4 UUID. It has to differ from every other, and need not be unguessable.
pub(crate) fn fresh_uid() -> String {
    // Each state is keyed from the system's randomness; time and process keep apart what a fork would share.
    let part =
        |salt: u8| RandomState::new().hash_one((salt, std::process::id(), std::time::SystemTime::now()));
    let (high, low) = (part(0), part(1));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// An id that no other container of the host has: the beginning of the pod's uid, so that the first 20 characters
/// differ too (Windows names a temporary account after them), and the container's name.
pub(crate) fn container_id(pod: &PodIdentity, container: &str) -> String {
    format!("{}-{container}", container_ids_of(&pod.uid))
}

/// What stands before the first `-` in the ids of all containers of the pod of a uid, and of no other's.
pub(crate) fn container_ids_of(uid: &str) -> String {
    uid.chars().filter(char::is_ascii_hexdigit).take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_version_4_uuids_that_differ() {
        let uids: std::collections::HashSet<String> = (0..1000).map(|_| fresh_uid()).collect();
        assert_eq!(uids.len(), 1000);
        for uid in uids {
            assert_eq!(uid.len(), 36, "{uid}");
            assert_eq!(&uid[14..15], "4", "{uid}");
            assert!(matches!(&uid[19..20], "8" | "9" | "a" | "b"), "{uid}");
        }
    }

    #[test]
    fn container_ids_differ_within_twenty_characters() {
        let pod = |uid: &str| PodIdentity {
            namespace: "n".to_owned(),
            name: "p".to_owned(),
            uid: uid.to_owned(),
        };
        let id = container_id(&pod("01234567-89ab-4def-8123-456789abcdef"), "app");
        assert_eq!(id, "0123456789ab4def-app");
    }
}
