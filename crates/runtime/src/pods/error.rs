//! What can go wrong with pods on disk.

use std::io;
use std::path::PathBuf;

use super::STATE_VERSION;

/// Why a pod could not be had, found or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PodsError {
    /// The whole state directory is a newer porthole's.
    #[error(
        "the state directory `{}` was written by a newer porthole (version {found}; this one knows {STATE_VERSION}): nothing in it \
         was touched; use that porthole, or another --state",
        path.display()
    )]
    NewerState {
        /// The state directory.
        path: PathBuf,
        /// What its version says.
        found: String,
    },
    /// One pod is a newer porthole's.
    #[error("what is in `{}` was written by a newer porthole (record version {found}): it is left alone", path.display())]
    NewerRecord {
        /// Its directory.
        path: PathBuf,
        /// The record's version.
        found: u64,
    },
    /// The name is in use.
    #[error(
        "the {noun} {title} {}: end it with `porthole rm -f {title}`, run in its place with --replace, or run beside it with --name",
        if *running { "is there already and runs" } else { "is there already, though it has ended" }
    )]
    Taken {
        /// `pod` or `job`.
        noun: &'static str,
        /// `NAMESPACE/NAME`.
        title: String,
        /// Whether somebody holds it.
        running: bool,
    },
    /// What cannot be the name of a pod.
    #[error("name a pod {title:?}: {reason}")]
    Name {
        /// `NAMESPACE/NAME` as it was given.
        title: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its volumes could not be removed.
    #[error("remove the volumes of the pod in `{}`", path.display())]
    Volumes {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: crate::volumes::VolumeError,
    },
    /// Containers can only be told apart by their names.
    #[error(
        "{}; its containers: {}",
        match wanted {
            Some(wanted) => format!("the pod {pod} has no container `{wanted}`"),
            None => format!("the pod {pod} has several containers: say which one"),
        },
        names.join(", ")
    )]
    Container {
        /// The pod.
        pod: String,
        /// The name that was given.
        wanted: Option<String>,
        /// The names there are.
        names: Vec<String>,
    },
    /// The container waits, or has ended.
    #[error("container `{container}` of the pod {pod} does not run")]
    NotRunning {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// A file of the pod holds no JSON, or not what it should hold.
    #[error("read `{}`: it is not what porthole writes", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: serde_json::Error,
    },
    /// Somebody else does something with the pod that takes unusually long.
    #[error("{doing} `{}`: another porthole process has held it for {} s; look whether it is stopped", path.display(), seconds)]
    Busy {
        /// What was being done.
        doing: &'static str,
        /// The lock.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// A system call failed.
    #[error("{doing} `{}`", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl PodsError {
    /// Whether it is about what one pod or job has, and no reason not to see the others.
    pub(super) fn is_of_one_record(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Io { .. })
    }
}
