//! Which changes of a pod are asked about again.

use porthole_manifest::{Node, PodTemplate};

use crate::container::{ContainerKind, ContainerRef, containers_of};
use crate::options::Options;
use crate::report::text;

/// Whether Pod Security looks at a changed pod: where containers or images changed, or up to 1.26 a seccomp annotation. All
/// else that may change in a pod concerns none of the checks, so that a pod that was there before its namespace became
/// stricter can still be labelled, and deleted.
#[must_use]
pub fn is_significant_update(new: &PodTemplate<'_>, old: &PodTemplate<'_>, options: &Options) -> bool {
    let annotation = |pod: &PodTemplate<'_>, key: &str| {
        let annotations = pod.metadata.and_then(|metadata| metadata.field("annotations"));
        let value = annotations.and_then(|annotations| annotations.field(key));
        value.and_then(Node::as_str).unwrap_or_default().to_owned()
    };
    let annotated = |key: &str| annotation(new, key) != annotation(old, key);
    if !options.at_least(25) && annotated("seccomp.security.alpha.kubernetes.io/pod") {
        return true;
    }
    let changed = |new: &ContainerRef<'_>, old: &ContainerRef<'_>| {
        let name = new.name.unwrap_or_default();
        text(new.node, "image") != text(old.node, "image")
            || (!options.at_least(27)
                && annotated(&format!("container.seccomp.security.alpha.kubernetes.io/{name}")))
    };
    let list_changed = |kind| {
        let new: Vec<_> = containers_of(new, kind).collect();
        let old: Vec<_> = containers_of(old, kind).collect();
        new.len() != old.len() || new.iter().zip(&old).any(|(new, old)| changed(new, old))
    };
    list_changed(ContainerKind::Main)
        || list_changed(ContainerKind::Init)
        || containers_of(new, ContainerKind::Ephemeral).any(|container| {
            let before = containers_of(old, ContainerKind::Ephemeral)
                .find(|before| before.name.unwrap_or_default() == container.name.unwrap_or_default());
            before.is_none_or(|before| changed(&container, &before))
        })
}
