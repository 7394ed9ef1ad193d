//! Volumes.

use std::collections::BTreeSet;

use porthole_manifest::Node;

use crate::pod_security::offenders::{Offenders, plural, quoted};
use crate::pod_security::subject::Subject;
use crate::pod_security::violation::Violation;
use crate::report::{items, text};
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `baseline` no volume is a directory of the host. A HostProcess container needs none to reach them.
    HOST_PATH_VOLUMES = "pod-security-host-path-volumes";
    /// At the level `restricted` volumes are of the types `configMap`, `csi`, `downwardAPI`, `emptyDir`, `ephemeral`,
    /// `persistentVolumeClaim`, `projected` and `secret`, and in clusters of 1.33 and newer `image`. Reach others through a
    /// PersistentVolumeClaim.
    VOLUME_TYPES = "pod-security-volume-types";
}

/// The types that the level `restricted` allows.
const ALLOWED: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// The types that it does not. Of several the first is named.
const OTHERS: [&str; 21] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

pub(in crate::pod_security) fn check_host_path(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    let mut names = Vec::new();
    for (index, volume) in items(subject.spec?, "volumes").enumerate() {
        if let Some(node) = volume.field("hostPath") {
            offenders.place(subject, format_args!("volumes[{index}].hostPath"), node.span());
            names.push(text(volume, "name"));
        }
    }
    if names.is_empty() {
        return None;
    }
    let noun = plural("volume", "volumes", names.len());
    let detail = format!("{noun} {}", quoted(&names));
    Some(offenders.violation(&HOST_PATH_VOLUMES, "hostPathVolumes", "hostPath volumes", detail))
}

pub(in crate::pod_security) fn check_types(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    let mut names = Vec::new();
    let mut kinds = BTreeSet::new();
    for (index, volume) in items(subject.spec?, "volumes").enumerate() {
        let Some(kind) = restricted_type(subject, volume) else {
            continue;
        };
        let (kind, node) = kind;
        let name = if kind == "unknown" { "image" } else { kind };
        offenders.place(subject, format_args!("volumes[{index}].{name}"), node.span());
        names.push(text(volume, "name"));
        kinds.insert(kind);
    }
    if names.is_empty() {
        return None;
    }
    let detail = format!(
        "{} {} {} {} {}",
        plural("volume", "volumes", names.len()),
        quoted(&names),
        plural("uses", "use", names.len()),
        plural("restricted volume type", "restricted volume types", kinds.len()),
        quoted(&kinds.into_iter().collect::<Vec<_>>()),
    );
    let reason = "restricted volume types";
    Some(offenders.violation(&VOLUME_TYPES, "restrictedVolumes", reason, detail))
}

/// The type of a volume, where it is not allowed, and where it stands. A volume without a type has been made an `emptyDir`
/// before admission.
fn restricted_type<'a>(subject: &Subject<'_>, volume: Node<'a>) -> Option<(&'static str, Node<'a>)> {
    let image = volume.field("image").filter(|_| subject.options.at_least(31));
    let images_allowed = subject.options.at_least(33);
    if ALLOWED.iter().any(|kind| volume.field(kind).is_some()) || (image.is_some() && images_allowed) {
        return None;
    }
    OTHERS
        .iter()
        .find_map(|kind| Some((*kind, volume.field(kind)?)))
        // Servers of 1.31 and 1.32 know images, and their check does not.
        .or_else(|| Some(("unknown", image?)))
}
