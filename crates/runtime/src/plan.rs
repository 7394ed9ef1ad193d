//! The plan: everything needed to start one container, and nothing else.
//!
//! A plan is made from a pod or from an OCI runtime specification, is what `porthole explain` prints, and is the
//! only thing that an [`Engine`](crate::Engine) reads. It holds no secret that is not already in the container's
//! environment, and everything that its making could refuse has been refused.

use std::path::PathBuf;
use std::time::Duration;

use porthole_pod::Account;
use serde::{Deserialize, Serialize};

/// Everything needed to start one container.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Unique on this host; names the job object (`JobContainer_<id>`) or the cgroup. `[a-z0-9][a-z0-9-]{0,126}`.
    pub id: String,
    /// The pod that the container belongs to.
    pub pod: PodIdentity,
    /// The container's name in the pod.
    pub container: String,
    /// What the private writable root file system is made of.
    pub rootfs: Rootfs,
    /// How the container sees its rootfs and its volumes.
    pub view: View,
    /// What is started.
    pub command: CommandLine,
    /// The working directory before resolution: the container's, else the image's, else the rootfs.
    pub working_directory: Option<String>,
    /// The image's and then the container's variables in their order, `$(VAR)` expanded, the sandbox mount point
    /// not yet put in. The system's own variables are added at launch.
    pub environment: Vec<(String, String)>,
    /// Volumes, in the order in which they are mounted (shallow destinations first).
    pub mounts: Vec<Mount>,
    /// Who the container runs as.
    pub user: User,
    /// Limits on the job as a whole.
    pub limits: Limits,
    /// How the container is asked to stop, and for how long.
    pub stop: Stop,
    /// The contents of the credential spec, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_spec: Option<String>,
    /// What the program's standard streams are.
    #[serde(default)]
    pub streams: Streams,
}

/// `stdin` and `tty` of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Streams {
    /// Standard input stays open, where there is something to connect it to; else it is empty.
    pub stdin: bool,
    /// The streams are a terminal, where the output goes somewhere that can be one.
    pub terminal: bool,
}

/// Which pod a container belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodIdentity {
    /// Namespace, `default` where the manifest names none.
    pub namespace: String,
    /// Name, with the index that a workload adds.
    pub name: String,
    /// Made fresh for every run, as the API server does.
    pub uid: String,
}

/// What a container's private rootfs is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rootfs {
    /// Unpacked layers of the image store, the lowest first; never written to.
    Layers(Vec<PathBuf>),
    /// A plain directory of the user's (`--image NAME=DIR`), never written to.
    Directory(PathBuf),
    /// Nothing: an empty rootfs.
    Empty,
}

/// How a container sees its rootfs and volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum View {
    /// Only this container sees them: a mount namespace on Linux, a silo with bind filter on Windows.
    Private,
    /// Links below the rootfs, which every process of the host can see: Windows without a bind filter.
    Links,
    /// No silo and no links: the rootfs is an ordinary directory (the opt-out for drivers that cannot run in a silo).
    None,
}

/// What is started, before the sandbox mount point is put in and before resolution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandLine {
    /// Program and arguments, each passed on exactly.
    Arguments(Vec<String>),
    /// One command line in Windows' own form (OCI `process.commandLine`).
    Windows(String),
}

/// One volume at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// The pod's name of the volume, for messages.
    pub volume: String,
    /// File or directory on the host, absolute.
    pub source: PathBuf,
    /// What of the source is mounted: a relative path without `..`, found without following a symbolic link out of the
    /// source, and made as a directory where it is missing (`subPath`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<PathBuf>,
    /// `mountPath`: an absolute path as the container sees it.
    pub destination: String,
    /// Writes are refused by the system.
    pub read_only: bool,
}

/// Who a container runs as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum User {
    /// Whoever runs porthole (`--inherit-user`).
    Inherit,
    /// An account of the host.
    Account(Account),
}

/// Limits of the job as a whole. `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Thousandths of a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_milli: Option<u64>,
    /// The share of the processors beside others that want them, in the units of an OCI runtime's `cpu.shares`: on Windows
    /// 1 to 11249, of which it makes nine weights; on Linux 2 to 262144, and 1024 is what others have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_shares: Option<u64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
    /// The processors that may be used, by number, ascending, each once; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processors: Vec<u32>,
    /// Limits of block devices (Linux).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceLimit>,
}

/// How fast one block device may be read and written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceLimit {
    /// The device (`/dev/sda`), or any file on it, as the user named it.
    pub device: PathBuf,
    /// Bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_bytes: Option<u64>,
    /// Operations a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_operations: Option<u64>,
    /// Operations a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_operations: Option<u64>,
}

/// How a container is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// What is sent to every process of the container first.
    pub signal: crate::Signal,
    /// How long they have before they are killed.
    pub grace: Duration,
}
