//! Layers to disk, trusting nothing in them.
//!
//! A layer is read once: one thread reads, hashes and inflates the blob, a second hashes the archive in it, and the
//! caller's writes the files; a few buffers go round, so memory stays flat whatever the layer's size. Nothing
//! appears under its final name before both digests, over every byte, are right.
//!
//! What is refused, each with an error that names the entry:
//!
//! - paths that are absolute, climb with `..`, or pass through anything but a directory of this layer. Files are
//!   made relative to open directories, and no link is ever followed;
//! - devices and FIFOs, sparse files, kinds that are not known, names that are not UTF-8;
//! - on Windows, and in images for Windows: device names (`NUL`, `COM1.txt`), alternate streams and every
//!   other character or ending that Windows would change, and names that differ only in case;
//! - extended attributes that would be overlayfs' own;
//! - more than [`Limits`].
//!
//! Owners, set-user-ID and set-group-ID bits, `user.*` attributes and file capabilities are kept when root unpacks an
//! image for Linux, and left out otherwise; the store is closed to other users for that reason. Other attributes
//! belong to the machine that made the layer and are left out. Directories keep their owner's full access unless
//! root unpacks, for otherwise they could not be removed again.
//!
//! A hard link leads to an earlier entry of the same layer, never to a layer below: each layer is unpacked by itself,
//! once for all images that have it, as container engines on overlayfs do it, and programs that make layers repeat
//! the file for that reason. A directory that a layer uses but does not describe is as the layers below say; in a
//! layer kept for overlayfs, which cannot know what will be below it, it is root's with mode 0755.
//!
//! Of a layer for Windows the content of `Files/` is unpacked. `Hives/`, `UtilityVM/` and the five hives below
//! `Files/Windows/System32/config` are Windows' own and left out.

mod layer;
mod merge;
pub(crate) mod names;
mod pipeline;
#[cfg(test)]
mod tests;
#[cfg(unix)]
#[path = "tree_unix.rs"]
mod tree;
#[cfg(windows)]
#[path = "tree_windows.rs"]
mod tree;
mod zstd;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::layer::{layer, write};
pub(crate) use self::merge::merge;
pub use self::names::windows_component;
use crate::error::During as _;
pub use crate::oci::Compression;
use crate::tar::{self, TarError};
use crate::work::{self, Work};
use crate::{Digest, Error, Result};

/// How a layer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The layer is for Windows.
    pub(crate) windows: bool,
    /// What the layer hides is also written in overlayfs' form, where the system has it.
    pub(crate) overlay: bool,
}

impl Form {
    /// Files only; what the layer hides is only told.
    #[must_use]
    pub fn plain(windows: bool) -> Self {
        Self {
            windows,
            overlay: false,
        }
    }

    /// A layer to be put over others.
    #[must_use]
    pub fn layer(windows: bool) -> Self {
        Self {
            windows,
            overlay: true,
        }
    }
}

/// What a layer must turn out to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Digest of the blob.
    pub digest: &'a Digest,
    /// Digest of the archive in it.
    pub diff_id: &'a Digest,
}

/// How large a layer may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Limits of the archive.
    pub tar: tar::Limits,
    /// Bytes of the archive.
    pub total: u64,
    /// Whiteouts, and separately opaque directories and directories that no entry describes.
    pub hidden: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tar: tar::Limits::default(),
            total: 1 << 40,
            hidden: 100_000,
        }
    }
}

/// What a layer hides of the layers below it: paths relative to the root, with slashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    /// Paths that are gone, with all below them.
    pub whiteouts: BTreeSet<String>,
    /// Directories of which only this layer's entries remain; the root is the empty path.
    pub opaque: BTreeSet<String>,
    /// Directories of this layer, the root perhaps among them, that no entry describes: what the layers below say of
    /// them stands.
    #[serde(default)]
    pub implied: BTreeSet<String>,
}

/// Why a layer was refused or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The blob cannot be read or decompressed.
    #[error("read and decompress the layer")]
    Read(#[source] io::Error),
    /// The archive is corrupt or beyond the limits.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// The blob is not what its digest says.
    #[error("the layer is corrupt: its digest is {actual}, not {expected}")]
    Digest {
        /// What the manifest says.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The archive in the blob is not what the configuration says.
    #[error("the layer's content is corrupt: its diff ID is {actual}, not {expected}")]
    DiffId {
        /// What the configuration says.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// An entry was refused.
    #[error("entry {path:?} {reason}")]
    Entry {
        /// Its name in the archive.
        path: String,
        /// Why.
        reason: String,
    },
    /// More than the limits allow.
    #[error("the layer has more than {limit} {what}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The system refused to write an entry.
    #[error("{action} {path:?}")]
    Write {
        /// What was being done.
        action: &'static str,
        /// The entry, relative to the root.
        path: String,
        /// Why not.
        source: io::Error,
    },
}

/// Characters of a name that errors show.
const SHOWN: usize = 512;

impl LayerError {
    pub(crate) fn entry(path: &str, reason: impl Into<String>) -> Self {
        // A name may be a megabyte of anything.
        let path = match path.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &path[..end]),
            None => path.to_owned(),
        };
        Self::Entry {
            path,
            reason: reason.into(),
        }
    }
}

/// Makes something beside `directory` and puts it in its place, which must be absent or empty.
pub(crate) fn into_directory(directory: &Path, make: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
    match fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Ok(false) => {
            return Err(Error::NotEmpty {
                path: directory.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::NotEmpty {
                path: directory.to_owned(),
            });
        }
        Err(error) => return Err(error).during("read directory", directory),
    }
    let work = Work::within(work::parent(directory))?;
    let complete = make(work.path())?;
    if cfg!(windows) && directory.exists() {
        fs::remove_dir(directory).during("replace", directory)?;
    }
    fs::rename(&complete, directory).during("create", directory)
}
