//! Why a volume cannot be had.

use std::io;
use std::path::PathBuf;

/// Why a volume cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// A `hostPath` where nothing is.
    #[error(
        "mount volume `{volume}`: hostPath {} doesn't exist; make it, or set hostPath.type to DirectoryOrCreate or \
         FileOrCreate",
        path.display()
    )]
    Missing {
        /// The volume.
        volume: String,
        /// The host's path.
        path: PathBuf,
    },
    /// A `hostPath` where something else is than its type says, in the kubelet's words.
    #[error(
        "mount volume `{volume}`: hostPath type check failed: {} is not a {wanted}, it's a {found}",
        path.display()
    )]
    Type {
        /// The volume.
        volume: String,
        /// The host's path.
        path: PathBuf,
        /// What is there, as a `hostPath.type`.
        found: &'static str,
        /// What the type asks for.
        wanted: &'static str,
    },
    /// Its parts cannot lie beside each other.
    #[error("write volume `{volume}`: {reason}")]
    Content {
        /// The volume.
        volume: String,
        /// Why.
        reason: String,
    },
    /// This host cannot have it.
    #[error("make volume `{volume}`: {reason}")]
    Unsupported {
        /// The volume.
        volume: String,
        /// Why, and what to try.
        reason: String,
    },
    /// A system call failed.
    #[error("{doing} for volume `{volume}`: `{}`", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The volume.
        volume: String,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The pod's own directory could not be made or removed.
    #[error("{doing} `{}`", path.display())]
    Directory {
        /// What was being done.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}
