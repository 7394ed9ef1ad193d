//! Volumes and their mounts.

use porthole_manifest::{Node, Span};

use super::env::ObjectKind;
use super::pod::NEXT;
use super::reader::{Reader, Table, Treatment};
use crate::volumes::HostPathType;
use Treatment::{Read, Refuse, RefuseUnless};

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpec {
    /// The path: `spec.volumes[0]`.
    pub path: String,
    /// Where it is written.
    pub span: Span,
    /// Its name.
    pub name: String,
    /// What it is.
    pub source: VolumeSource,
}

/// What a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeSource {
    /// The host's file or directory.
    HostPath {
        /// As it is written.
        path: String,
        /// What must be there.
        kind: HostPathType,
    },
    /// An empty directory.
    EmptyDir,
    /// The keys of a ConfigMap or Secret as files.
    Object {
        /// Which kind.
        kind: ObjectKind,
        /// The object's name.
        name: String,
        /// Which keys, where; all of them when empty.
        items: Vec<Item>,
        /// The mode of files that have none of their own.
        mode: u32,
        /// Whether object and keys may be missing.
        optional: bool,
    },
}

/// A key of an object and the file that it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: String,
    /// The file, relative to the volume.
    pub path: String,
    /// Its mode.
    pub mode: Option<u32>,
}

/// A volume at a place of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeMount {
    /// The path: `spec.containers[0].volumeMounts[0]`.
    pub path: String,
    /// Where it is written.
    pub span: Span,
    /// The volume's name.
    pub volume: String,
    /// `mountPath` as it is written.
    pub destination: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

const VOLUME_SOURCES: &[&str] = &["configMap", "emptyDir", "hostPath", "secret"];

const VOLUME: &Table = &[
    ("configMap", Read),
    ("emptyDir", Read),
    ("hostPath", Read),
    ("name", Read),
    ("secret", Read),
    ("awsElasticBlockStore", Refuse(CLUSTER)),
    ("azureDisk", Refuse(CLUSTER)),
    ("azureFile", Refuse(CLUSTER)),
    ("cephfs", Refuse(CLUSTER)),
    ("cinder", Refuse(CLUSTER)),
    ("csi", Refuse(CLUSTER)),
    ("downwardAPI", Refuse(NEXT)),
    ("ephemeral", Refuse(CLUSTER)),
    ("fc", Refuse(CLUSTER)),
    ("flexVolume", Refuse(CLUSTER)),
    ("flocker", Refuse(CLUSTER)),
    ("gcePersistentDisk", Refuse(CLUSTER)),
    ("gitRepo", Refuse(CLUSTER)),
    ("glusterfs", Refuse(CLUSTER)),
    ("image", Refuse(NEXT)),
    ("iscsi", Refuse(CLUSTER)),
    ("nfs", Refuse(CLUSTER)),
    ("persistentVolumeClaim", Refuse(CLUSTER)),
    ("photonPersistentDisk", Refuse(CLUSTER)),
    ("portworxVolume", Refuse(CLUSTER)),
    ("projected", Refuse(NEXT)),
    ("quobyte", Refuse(CLUSTER)),
    ("rbd", Refuse(CLUSTER)),
    ("scaleIO", Refuse(CLUSTER)),
    ("storageos", Refuse(CLUSTER)),
    ("vsphereVolume", Refuse(CLUSTER)),
];
const CLUSTER: &str = "porthole has no cluster's storage; use a hostPath volume";

const EMPTY_DIR: &Table = &[("medium", Refuse(NEXT)), ("sizeLimit", Refuse(NEXT))];
const CONFIG_MAP: &Table = &[
    ("defaultMode", Read),
    ("items", Read),
    ("name", Read),
    ("optional", Read),
];
const SECRET: &Table = &[
    ("defaultMode", Read),
    ("items", Read),
    ("optional", Read),
    ("secretName", Read),
];
const MOUNT: &Table = &[
    ("mountPath", Read),
    ("mountPropagation", RefuseUnless("None", NEXT)),
    ("name", Read),
    ("readOnly", Read),
    ("recursiveReadOnly", RefuseUnless("Disabled", NEXT)),
    ("subPath", Refuse(NEXT)),
    ("subPathExpr", Refuse(NEXT)),
];

/// The remedy for what a job container cannot mount.
pub(crate) const PIPE_HELP: &str = "remove the mount and let the program use the path on the host";

pub(super) fn read(reader: &mut Reader, spec: Node<'_>, prefix: &str) -> Vec<VolumeSpec> {
    let mut volumes: Vec<VolumeSpec> = Vec::new();
    for (item, path) in reader.items(spec, prefix, "volumes") {
        reader.fields(item, &path, VOLUME);
        let Some(name) = reader.required(item, &path, "name") else {
            continue;
        };
        if volumes.iter().any(|volume| volume.name == name.value) {
            reader.refuse(
                format!("{path}.name"),
                name.span,
                format!("Duplicate value: {:?}", name.value),
            );
            continue;
        }
        super::name::check_label(reader, &path, &name);
        if let Some(source) = source(reader, item, &path) {
            volumes.push(VolumeSpec {
                path,
                span: item.span(),
                name: name.value,
                source,
            });
        }
    }
    volumes
}

fn source(reader: &mut Reader, item: Node<'_>, path: &str) -> Option<VolumeSource> {
    let mut named = VOLUME_SOURCES
        .iter()
        .filter_map(|key| item.field(key).map(|node| (*key, node)));
    let (first, second) = (named.next(), named.next());
    if let Some((key, node)) = second {
        reader.refuse(
            format!("{path}.{key}"),
            node.span(),
            "may not specify more than 1 volume type",
        );
        return None;
    }
    let Some((key, node)) = first else {
        // Without a source a volume is an empty directory, as the API server's defaults have it.
        let names_another = item.entries().any(|entry| entry.key.key_text() != "name");
        return (!names_another).then_some(VolumeSource::EmptyDir);
    };
    let path = format!("{path}.{key}");
    match key {
        "emptyDir" => {
            reader.fields(node, &path, EMPTY_DIR);
            Some(VolumeSource::EmptyDir)
        }
        "hostPath" => host_path(reader, node, &path),
        "configMap" => object(reader, node, &path, ObjectKind::ConfigMap),
        _ => object(reader, node, &path, ObjectKind::Secret),
    }
}

fn host_path(reader: &mut Reader, node: Node<'_>, path: &str) -> Option<VolumeSource> {
    reader.fields(node, path, &[("path", Read), ("type", Read)]);
    let host = reader.required(node, path, "path")?;
    let kind = reader
        .string(node, path, "type")
        .map(|kind| (kind.span, kind.value))
        .unwrap_or_default();
    if kind.1 == "Socket" {
        let reason = "Unix domain sockets cannot be mounted into a job container";
        reader.refuse_with_help(format!("{path}.type"), kind.0, reason, PIPE_HELP);
        return None;
    }
    if host.value.replace('/', r"\").starts_with(r"\\.\") {
        let reason = "named pipe mounts not supported for job containers - interact with the pipe directly";
        reader.refuse_with_help(format!("{path}.path"), host.span, reason, PIPE_HELP);
        return None;
    }
    if host.value.split(['/', '\\']).any(|part| part == "..") {
        reader.refuse(format!("{path}.path"), host.span, "must not contain '..'");
        return None;
    }
    let Some(kind) = HostPathType::parse(&kind.1) else {
        reader.refuse(
            format!("{path}.type"),
            kind.0,
            format!("Unsupported value: {:?}", kind.1),
        );
        return None;
    };
    Some(VolumeSource::HostPath {
        path: host.value,
        kind,
    })
}

fn object(reader: &mut Reader, node: Node<'_>, path: &str, kind: ObjectKind) -> Option<VolumeSource> {
    let (table, name) = match kind {
        ObjectKind::ConfigMap => (CONFIG_MAP, "name"),
        ObjectKind::Secret => (SECRET, "secretName"),
    };
    reader.fields(node, path, table);
    let name = reader.required(node, path, name)?.value;
    let optional = reader
        .boolean(node, path, "optional")
        .is_some_and(|optional| optional.value);
    let mode = mode(reader, node, path, "defaultMode").unwrap_or(0o644);
    let mut items: Vec<Item> = Vec::new();
    for (item, path) in reader.items(node, path, "items") {
        reader.fields(item, &path, &[("key", Read), ("mode", Read), ("path", Read)]);
        let key = reader.required(item, &path, "key");
        let file = reader.required(item, &path, "path");
        let mode = self::mode(reader, item, &path, "mode");
        let (Some(key), Some(file)) = (key, file) else {
            continue;
        };
        if !stays_inside(&file.value) {
            let reason = "must be a relative path without `..`";
            reader.refuse(format!("{path}.path"), file.span, reason);
        } else if items.iter().any(|earlier| earlier.path == file.value) {
            reader.refuse(
                format!("{path}.path"),
                file.span,
                format!("Duplicate value: {:?}", file.value),
            );
        } else {
            items.push(Item {
                key: key.value,
                path: file.value,
                mode,
            });
        }
    }
    Some(VolumeSource::Object {
        kind,
        name,
        items,
        mode,
        optional,
    })
}

/// Whether a path of an item names a place below the volume on every system.
fn stays_inside(path: &str) -> bool {
    !path.starts_with(['/', '\\'])
        && !path.starts_with("..")
        && !path.contains([':', '\0'])
        && path
            .split(['/', '\\'])
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

fn mode(reader: &mut Reader, node: Node<'_>, path: &str, key: &str) -> Option<u32> {
    let mode = reader.number(node, path, key)?;
    match u32::try_from(mode.value) {
        Ok(bits) if bits <= 0o777 => Some(bits),
        _ => {
            reader.refuse(
                format!("{path}.{key}"),
                mode.span,
                "must be a number between 0 and 0777 (octal), both inclusive",
            );
            None
        }
    }
}

pub(super) fn read_mounts(
    reader: &mut Reader,
    container: Node<'_>,
    path: &str,
    volumes: &[VolumeSpec],
) -> Vec<VolumeMount> {
    let mut mounts = Vec::new();
    for (item, path) in reader.items(container, path, "volumeMounts") {
        reader.fields(item, &path, MOUNT);
        let name = reader.required(item, &path, "name");
        let destination = reader.required(item, &path, "mountPath");
        let read_only = reader
            .boolean(item, &path, "readOnly")
            .is_some_and(|read_only| read_only.value);
        let (Some(name), Some(destination)) = (name, destination) else {
            continue;
        };
        // A volume that was refused itself is not named a second time.
        if !volumes.iter().any(|volume| volume.name == name.value) && reader.refusals.is_empty() {
            reader.refuse(
                format!("{path}.name"),
                name.span,
                format!("Not found: {:?}", name.value),
            );
            continue;
        }
        mounts.push(VolumeMount {
            path,
            span: destination.span,
            volume: name.value,
            destination: destination.value,
            read_only,
        });
    }
    mounts
}
