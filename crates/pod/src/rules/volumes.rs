//! `spec.volumes` (`ValidateVolumes`).

mod certificates;
pub(crate) mod claim;
mod disks;
mod downward_api;
mod files;
mod projected;
mod remote;

use porthole_manifest::{Node, WorkloadKind};

use crate::names;
use crate::path::Path;
use crate::report::{Shown, items, place, text};
use crate::rule::{Rule, rules};
use crate::seen::Seen;
use crate::validate::Pass;

rules! { ApiServer:
    /// A volume has a name of its own in the pod: at most 63 lower-case letters, digits and inner dashes. Mounts call it by
    /// that name.
    VOLUME_NAME = "volume-name";
    /// A volume is of one type. One without any is an `emptyDir`; two types are two volumes.
    VOLUME_TYPES = "volume-types";
    /// A volume's source says what its type needs to find the data: a path, a name, a server.
    VOLUME_FIELD_REQUIRED = "volume-field-required";
    /// A field of a volume's source has a value that its type knows.
    VOLUME_FIELD_VALUE = "volume-field-value";
    /// A path of a volume has no `..` in it: it cannot lead out of where the volume is. Only slashes part it, so that
    /// `C:\data\..` is not looked at.
    VOLUME_PATH = "volume-path";
    /// The `type` of a `hostPath` says what is expected there: `Directory`, `DirectoryOrCreate`, `File`, `FileOrCreate`,
    /// `Socket`, `CharDevice`, `BlockDevice`, or nothing at all.
    HOST_PATH_TYPE = "host-path-type";
    /// The mode of a file is an octal number from 0 to 0777. In YAML `0644` is octal, and so is `420` in decimal; a quoted
    /// mode is no number.
    FILE_MODE = "file-mode";
    /// Files of a projected volume come from one kind of source each, and no two have the same path.
    PROJECTED_SOURCES = "projected-sources";
    /// A service account token lives at least 10 minutes and at most 2³² seconds.
    TOKEN_EXPIRATION = "token-expiration";
    /// The claim that an ephemeral volume makes is like any other: access modes, a size, known fields. Of its metadata only
    /// labels and annotations may be given.
    EPHEMERAL_CLAIM = "ephemeral-claim";
}

/// The rules of all that is about volumes.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [RULES, certificates::RULES, downward_api::RULES]
        .into_iter()
        .flatten()
        .copied()
}

/// One source of a volume, with what the rules need of its surroundings.
#[derive(Clone, Copy)]
struct Source<'n, 'p> {
    /// The source.
    node: Node<'n>,
    path: &'p Path<'p>,
    /// The volume.
    volume: Node<'n>,
    volume_path: &'p Path<'p>,
}

impl<'n> Source<'n, '_> {
    fn volume_name(&self) -> &'n str {
        text(self.volume, "name")
    }
}

/// A type of volume.
struct Type {
    key: &'static str,
    /// The first version that knows it.
    since: u16,
    /// The name under which a second type is refused; two are misspelt in the API server.
    refused_as: &'static str,
    /// The name under which its fields are checked.
    checked_as: &'static str,
    check: fn(&mut Pass<'_>, Source<'_, '_>),
}

const fn known(key: &'static str, check: fn(&mut Pass<'_>, Source<'_, '_>)) -> Type {
    Type {
        key,
        since: 0,
        refused_as: key,
        checked_as: key,
        check,
    }
}

/// The types in the API server's order.
static TYPES: [Type; 30] = [
    known("emptyDir", files::check_empty_dir),
    known("hostPath", files::check_host_path),
    known("gitRepo", files::check_git_repo),
    Type {
        checked_as: "persistentDisk",
        ..known("gcePersistentDisk", disks::check_gce)
    },
    known("awsElasticBlockStore", disks::check_aws),
    known("secret", files::check_secret),
    known("nfs", remote::check_nfs),
    known("iscsi", disks::check_iscsi),
    known("glusterfs", remote::check_glusterfs),
    known("flocker", remote::check_flocker),
    known("persistentVolumeClaim", claim::check_claim),
    known("rbd", disks::check_rbd),
    known("cinder", disks::check_cinder),
    Type {
        refused_as: "cephFS",
        ..known("cephfs", remote::check_cephfs)
    },
    known("quobyte", remote::check_quobyte),
    Type {
        refused_as: "downwarAPI",
        ..known("downwardAPI", downward_api::check)
    },
    known("fc", disks::check_fc),
    known("flexVolume", remote::check_flex),
    known("configMap", files::check_config_map),
    known("azureFile", remote::check_azure_file),
    known("vsphereVolume", disks::check_vsphere),
    known("photonPersistentDisk", disks::check_photon),
    known("portworxVolume", disks::check_portworx),
    known("azureDisk", disks::check_azure_disk),
    known("storageos", remote::check_storageos),
    known("projected", projected::check),
    known("scaleIO", remote::check_scaleio),
    known("csi", remote::check_csi),
    known("ephemeral", claim::check_ephemeral),
    Type {
        since: 31,
        ..known("image", files::check_image)
    },
];

/// The claims that a `StatefulSet` makes for its pods, which since 1.34 count as their volumes, before those of the template;
/// one of each name.
pub(crate) fn claims<'a>(pass: &Pass<'a>) -> Vec<Node<'a>> {
    let mut claims: Vec<Node<'a>> = Vec::new();
    if pass.template.kind == WorkloadKind::StatefulSet && pass.at_least(34) {
        let spec = pass.template.object.child("spec");
        for claim in items(spec, "volumeClaimTemplates") {
            if !claims.iter().any(|other| claim_name(*other) == claim_name(claim)) {
                claims.push(claim);
            }
        }
    }
    claims
}

/// The name of a claim that a `StatefulSet` makes, under which its volume is mounted.
pub(crate) fn claim_name(claim: Node<'_>) -> &str {
    text(claim.child("metadata"), "name")
}

/// Whether a volume has no type, and so is an `emptyDir`.
pub(crate) fn is_untyped(volume: Node<'_>) -> bool {
    let mut entries = volume.entries();
    !entries.any(|entry| entry.key.text() != Some("name") && !entry.value.is_null())
}

/// Whether image volumes are known and turned off: the API server drops them whole, with the mounts that name them, and
/// what comes after them moves up.
fn drops_images(pass: &Pass<'_>) -> bool {
    pass.at_least(31) && !pass.enabled("ImageVolume")
}

/// The volumes that the API server validates, numbered as it does: the claims of a `StatefulSet` stand before them, in place
/// of those of the same name.
pub(crate) fn of<'a>(pass: &Pass<'a>, spec: Node<'a>) -> impl Iterator<Item = (usize, Node<'a>)> + use<'a> {
    let drops_images = drops_images(pass);
    let claims = claims(pass);
    let before = claims.len();
    items(spec, "volumes")
        .filter(move |volume| !drops_images || volume.field("image").is_none())
        .filter(move |volume| {
            !claims
                .iter()
                .any(|claim| claim_name(*claim) == text(*volume, "name"))
        })
        .enumerate()
        .map(move |(index, volume)| (before + index, volume))
}

/// Whether the API server drops that volume.
pub(crate) fn drops(pass: &Pass<'_>, volume: Node<'_>) -> bool {
    drops_images(pass) && volume.field("image").is_some()
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    let spec_node = pass.spec;
    let claims = claims(pass);
    if spec_node.field("volumes").is_none() && claims.is_empty() {
        return;
    }
    for (index, claim) in claims.into_iter().enumerate() {
        check_claim_volume(pass, index, claim);
    }
    let spec = pass.spec_path();
    let list = spec.child("volumes");
    let pod_name = pod_name(pass);
    let created = claim::created(pass, pod_name);
    let mut taken = Seen::new();
    for (index, volume) in of(pass, spec_node) {
        let path = list.index(index);
        let before = pass.count();
        check_source(pass, volume, &path);
        let name = text(volume, "name");
        let name_path = path.child("name");
        let span = place(volume, "name");
        if name.is_empty() {
            pass.required(&VOLUME_NAME, &name_path, "", span);
        } else {
            let faults = names::dns1123_label(name, pass.options.kubernetes_version);
            pass.faults(&VOLUME_NAME, &name_path, name, faults, span);
        }
        if taken.contains(&name) {
            pass.duplicate(&VOLUME_NAME, &name_path, Shown::Str(name), span);
        }
        if pass.count() == before {
            taken.insert(name);
        }
        claim::check_not_created(pass, volume, &path, &created);
    }
}

/// The volume of a claim that a `StatefulSet` makes.
fn check_claim_volume(pass: &mut Pass<'_>, index: usize, claim: Node<'_>) {
    let spec = pass.spec_path();
    let list = spec.child("volumes");
    let path = list.index(index);
    let name = claim_name(claim);
    let span = place(claim.child("metadata"), "name");
    if name.is_empty() {
        let source = path.child("persistentVolumeClaim");
        pass.required(&VOLUME_FIELD_REQUIRED, &source.child("claimName"), "", span);
        pass.required(&VOLUME_NAME, &path.child("name"), "", span);
        return;
    }
    let faults = names::dns1123_label(name, pass.options.kubernetes_version);
    pass.faults(&VOLUME_NAME, &path.child("name"), name, faults, span);
}

/// The name of a Pod, as far as it is known before the API server makes one up.
fn pod_name<'a>(pass: &Pass<'a>) -> Option<&'a str> {
    let template = pass.template;
    (template.kind == WorkloadKind::Pod)
        .then_some(template.name)
        .flatten()
        .filter(|name| !name.is_empty())
}

fn check_source(pass: &mut Pass<'_>, volume: Node<'_>, path: &Path<'_>) {
    let mut found = None;
    let mut several = false;
    for entry in volume.entries() {
        let Some(kind) = type_of(pass, entry.key.text().unwrap_or_default()) else {
            continue;
        };
        if entry.value.is_null() {
            continue;
        }
        several |= found.is_some();
        found = Some((kind, entry.value));
    }
    if !several {
        // A volume without a type is an empty directory, and those have no rules.
        if let Some((kind, node)) = found {
            if is_dropped(pass, kind.key) {
                pass.required(&VOLUME_TYPES, path, "must specify a volume type", node.span());
            } else {
                check_type(pass, kind, node, volume, path);
            }
        }
        return;
    }
    let mut first = true;
    for kind in &TYPES {
        let node = volume.field(kind.key).filter(|_| !is_dropped(pass, kind.key));
        let Some(node) = node.filter(|_| pass.at_least(kind.since)) else {
            continue;
        };
        if first {
            check_type(pass, kind, node, volume, path);
            first = false;
        } else {
            pass.forbidden(
                &VOLUME_TYPES,
                &path.child(kind.refused_as),
                "may not specify more than 1 volume type",
                node.span(),
            );
            if kind.key == "iscsi" {
                disks::check_iscsi_name(pass, node, volume, path);
            }
        }
    }
}

/// The type that a key of a volume names.
fn type_of(pass: &Pass<'_>, key: &str) -> Option<&'static Type> {
    if key == "name" {
        return None;
    }
    TYPES
        .iter()
        .find(|kind| kind.key == key && pass.at_least(kind.since))
}

fn check_type(pass: &mut Pass<'_>, kind: &Type, node: Node<'_>, volume: Node<'_>, path: &Path<'_>) {
    let source = Source {
        node,
        path: &path.child(kind.checked_as),
        volume,
        volume_path: path,
    };
    (kind.check)(pass, source);
    if kind.key == "iscsi" {
        disks::check_iscsi_name(pass, node, volume, path);
    }
}

/// Whether the API server drops the type before it validates, for its gate is off.
fn is_dropped(pass: &Pass<'_>, key: &str) -> bool {
    match key {
        "csi" => !pass.feature("CSIInlineVolume", 25),
        "ephemeral" => !pass.feature("GenericEphemeralVolume", 23),
        _ => false,
    }
}

/// Reports the field `key` where it is not set or empty.
fn require(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>, key: &str) {
    if text(node, key).is_empty() {
        pass.required(&VOLUME_FIELD_REQUIRED, &path.child(key), "", place(node, key));
    }
}

/// Reports the name in a reference such as `secretRef`, where the reference is there and names nothing.
fn require_reference(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>, key: &str) {
    if let Some(reference) = node.field(key) {
        require(pass, reference, &path.child(key), "name");
    }
}

/// Reports a path that has `..` for a part.
pub(crate) fn check_backsteps(
    pass: &mut Pass<'_>,
    rule: &'static Rule,
    value: &str,
    path: &Path<'_>,
    span: porthole_manifest::Span,
) {
    if value.split('/').any(|part| part == "..") {
        pass.invalid(rule, path, Shown::Str(value), "must not contain '..'", span);
    }
}

/// Reports a path that does not stay below where it begins (`validateLocalDescendingPath`).
pub(crate) fn check_descending(
    pass: &mut Pass<'_>,
    rule: &'static Rule,
    value: &str,
    path: &Path<'_>,
    span: porthole_manifest::Span,
) {
    if value.starts_with('/') {
        pass.invalid(rule, path, Shown::Str(value), "must be a relative path", span);
    }
    check_backsteps(pass, rule, value, path, span);
}
