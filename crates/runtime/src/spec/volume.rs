//! Volumes and their mounts.

mod files;
mod mount;

use porthole_manifest::{Node, Span};
use serde::{Deserialize, Serialize};

use super::env::EnvValue;
use super::pod::NEXT;
use super::quantity::Quantity;
use super::reader::{Reader, Table, Treatment};
use crate::volumes::{HostPathType, ObjectPart, SizeLimit};
use Treatment::{Read, Refuse};

pub(crate) use mount::fault as sub_path_fault;
pub(super) use mount::read as read_mounts;

/// A volume.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
pub enum VolumeSource {
    /// The host's file or directory.
    HostPath {
        /// As it is written.
        path: String,
        /// What must be there.
        kind: HostPathType,
    },
    /// An empty directory.
    EmptyDir {
        /// `medium: Memory`.
        memory: bool,
        /// `sizeLimit`, where it is more than 0.
        limit: Option<SizeLimit>,
    },
    /// Files: of a ConfigMap, of a Secret, of the pod itself, or `projected` from several of them.
    Files(Vec<FilesSpec>),
}

/// One source of a volume's files.
#[derive(Clone, Debug, PartialEq)]
pub struct FilesSpec {
    /// The path: `spec.volumes[0].projected.sources[0].configMap`.
    pub path: String,
    /// Where it is written.
    pub span: Span,
    /// What it is.
    pub source: FilesSource,
}

/// What the files of a source are of.
#[derive(Clone, Debug, PartialEq)]
pub enum FilesSource {
    /// A ConfigMap or Secret.
    Object(ObjectPart),
    /// The downward API.
    Downward(Vec<DownwardFile>),
}

/// A file of the downward API.
#[derive(Clone, Debug, PartialEq)]
pub struct DownwardFile {
    /// The path: `spec.volumes[0].downwardAPI.items[0]`.
    pub path: String,
    /// Where it is written.
    pub span: Span,
    /// The file, relative to the volume.
    pub file: String,
    /// Its mode.
    pub mode: u32,
    /// What is in it: a field or a resource.
    pub value: EnvValue,
}

/// A key of an object and the file that it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The key.
    pub key: String,
    /// The file, relative to the volume.
    pub path: String,
    /// Its mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// What of the volume is mounted, where it is not all of it.
    pub sub_path: Option<SubPath>,
}

/// `subPath` or `subPathExpr`, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubPath {
    /// `subPath`.
    Literal(String),
    /// `subPathExpr`, whose `$(VAR)` are still to be expanded.
    Expression(String),
}

const VOLUME_SOURCES: &[&str] = &[
    "configMap",
    "downwardAPI",
    "emptyDir",
    "hostPath",
    "projected",
    "secret",
];

const VOLUME: &Table = &[
    ("configMap", Read),
    ("downwardAPI", Read),
    ("emptyDir", Read),
    ("hostPath", Read),
    ("name", Read),
    ("projected", Read),
    ("secret", Read),
    ("awsElasticBlockStore", Refuse(CLUSTER)),
    ("azureDisk", Refuse(CLUSTER)),
    ("azureFile", Refuse(CLUSTER)),
    ("cephfs", Refuse(CLUSTER)),
    ("cinder", Refuse(CLUSTER)),
    ("csi", Refuse(CLUSTER)),
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
    ("quobyte", Refuse(CLUSTER)),
    ("rbd", Refuse(CLUSTER)),
    ("scaleIO", Refuse(CLUSTER)),
    ("storageos", Refuse(CLUSTER)),
    ("vsphereVolume", Refuse(CLUSTER)),
];
const CLUSTER: &str = "porthole has no cluster's storage; use a hostPath volume";

const EMPTY_DIR: &Table = &[("medium", Read), ("sizeLimit", Read)];

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
        return (!names_another).then_some(VolumeSource::EmptyDir {
            memory: false,
            limit: None,
        });
    };
    let path = format!("{path}.{key}");
    match key {
        "emptyDir" => Some(empty_dir(reader, node, &path)),
        "hostPath" => host_path(reader, node, &path),
        _ => files::read(reader, node, path, key).map(VolumeSource::Files),
    }
}

fn empty_dir(reader: &mut Reader, node: Node<'_>, path: &str) -> VolumeSource {
    reader.fields(node, path, EMPTY_DIR);
    let medium = reader.string(node, path, "medium");
    let mut memory = false;
    if let Some(medium) = medium {
        let field = format!("{path}.medium");
        match medium.value.as_str() {
            "" => {}
            "Memory" => {
                memory = true;
                if cfg!(windows) {
                    let reason = "is a directory like any other on Windows, as with the kubelet there";
                    reader.note(field, medium.span, reason);
                }
            }
            other if other.starts_with("HugePages") => {
                let help = "use medium: Memory";
                reader.refuse_with_help(field, medium.span, "huge pages are not given to pods", help);
            }
            other => reader.refuse(field, medium.span, format!("unknown storage medium {other:?}")),
        }
    }
    let limit = node.field("sizeLimit").and_then(|size| {
        let field = format!("{path}.sizeLimit");
        match Quantity::read(size) {
            Ok(quantity) => match quantity.units() {
                // The kubelet takes 0 for no limit.
                Some(0) => None,
                Some(bytes) => Some(SizeLimit {
                    bytes,
                    text: size.text().unwrap_or_default().to_owned(),
                }),
                None => {
                    reader.refuse(field, size.span(), "is out of range");
                    None
                }
            },
            Err(error) => {
                reader.refuse(field, size.span(), error.to_string());
                None
            }
        }
    });
    VolumeSource::EmptyDir { memory, limit }
}

fn host_path(reader: &mut Reader, node: Node<'_>, path: &str) -> Option<VolumeSource> {
    reader.fields(node, path, &[("path", Read), ("type", Read)]);
    let host = reader.required(node, path, "path")?;
    let kind = reader
        .string(node, path, "type")
        .map(|kind| (kind.span, kind.value))
        .unwrap_or_default();
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
            format!(
                "Unsupported value: {:?}: supported values: {}",
                kind.1,
                supported(HostPathType::ALL.iter().map(|(name, _)| *name))
            ),
        );
        return None;
    };
    Some(VolumeSource::HostPath {
        path: host.value,
        kind,
    })
}

/// The values of a field as the API server lists them.
fn supported<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = values.map(|value| format!("{value:?}")).collect();
    quoted.join(", ")
}
