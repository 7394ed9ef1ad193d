//! The volumes of a pod on the host: checked and made before its first container, removed after its last.
//!
//! A volume is the host's own (`host_path`), empty, or files of ConfigMaps, Secrets and the pod itself (`parts`), which
//! are swapped all at once (`writer`) when [`update`] brings other contents. What has a limit is measured by `usage`.

mod directory;
mod error;
mod guard;
mod host_path;
mod index;
mod parts;
mod system;
mod update;
mod usage;
mod writer;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::PodIdentity;
use crate::{fault, os};

pub use error::VolumeError;
pub use host_path::HostPathType;
pub use parts::{ContentFile, ObjectData, ObjectPart, Part, PartSource, merge};
pub use update::{UpdateError, update};
pub use usage::{PERIOD, Watch, exceeded, used, used_of};

/// A volume of a pod, and what it takes to have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// The pod's name for it.
    pub name: String,
    /// File or directory on the host that is mounted.
    pub path: PathBuf,
    /// Where its content comes from.
    pub content: Content,
}

impl Volume {
    /// Drops what is in it, for records: Secrets are on the disk nowhere but where they are mounted from.
    pub fn forget_content(&mut self) {
        if let Content::Files(parts) = &mut self.content {
            for part in parts {
                part.files.clear();
            }
        }
    }
}

/// Where a volume's content comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Content {
    /// It is the host's own.
    Host(HostPathType),
    /// An empty directory of the pod's own.
    Empty(EmptyDir),
    /// Files, part over part.
    Files(Vec<Part>),
}

/// `emptyDir`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmptyDir {
    /// `medium: Memory`: on Linux a file system in memory; on Windows a directory like any other, as with the kubelet.
    pub memory: bool,
    /// `sizeLimit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<SizeLimit>,
    /// The size of the file system in memory: `sizeLimit`, or what the containers may use together where that is less.
    /// `None` is half of the host's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// `sizeLimit` of an `emptyDir`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SizeLimit {
    /// Bytes.
    pub bytes: u64,
    /// As it is written, for the kubelet's words.
    pub text: String,
}

impl Volume {
    fn io(&self, doing: &'static str, path: &Path, source: io::Error) -> VolumeError {
        VolumeError::Io {
            doing,
            volume: self.name.clone(),
            path: path.to_owned(),
            source,
        }
    }
}

/// The directory of a pod below the state directory: `pods/<namespace>_<name>_<uid>`, with a name cut where it is too long
/// for that.
#[must_use]
pub fn pod_directory(state: &Path, pod: &PodIdentity) -> PathBuf {
    state.join("pods").join(crate::pods::directory_name(pod))
}

/// The volumes of a pod that is alive. Dropping it removes what was made of them.
#[derive(Debug)]
pub struct Mounted {
    directory: Option<PathBuf>,
    /// Held where the pod's directory is this one's.
    lock: Option<File>,
}

impl Mounted {
    /// Checks every volume, then makes those that have to be made, below `directory`. One that is locked already is held by
    /// the caller, and stays; else it is made, locked, and removed with the volumes.
    ///
    /// # Errors
    /// A volume cannot be had; what was made has been removed.
    pub fn make(volumes: &[Volume], directory: &Path) -> Result<Self, VolumeError> {
        for volume in volumes {
            check(volume)?;
        }
        let mut mounted = Self {
            directory: None,
            lock: None,
        };
        if volumes
            .iter()
            .any(|volume| !matches!(volume.content, Content::Host(_)))
        {
            mounted.lock = directory::claim(directory)?;
            mounted.directory = Some(directory.to_owned());
        }
        make(volumes, directory)?;
        Ok(mounted)
    }

    /// Removes what was made.
    ///
    /// # Errors
    /// Something could not be removed.
    pub fn remove(mut self) -> Result<(), VolumeError> {
        self.clear()
    }

    fn clear(&mut self) -> Result<(), VolumeError> {
        let Some(directory) = self.directory.take() else {
            return Ok(());
        };
        match self.lock.take() {
            Some(lock) => {
                // Windows removes no file that is open.
                drop(lock);
                directory::remove_whole(&directory)
            }
            None => remove(&directory),
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // On this way out there is an error already; the next command tries again.
        let _ = self.clear();
    }
}

/// Checks every volume of a pod, then makes those that have to be made, in the pod's directory, which is there and held by
/// the caller. Containers come and go; volumes are made once.
///
/// # Errors
/// A volume cannot be had; [`remove`] removes what was made.
pub fn make(volumes: &[Volume], directory: &Path) -> Result<(), VolumeError> {
    for volume in volumes {
        check(volume)?;
    }
    for volume in volumes {
        make_one(volume, directory)?;
        fault::step("volume-made");
    }
    Ok(())
}

/// Removes the volumes in a pod's directory, files in memory included, and what is known of them. The directory itself, and
/// what else is in it, stays. Nothing is there to remove a second time.
///
/// # Errors
/// Something could not be removed; the rest has been.
pub fn remove(directory: &Path) -> Result<(), VolumeError> {
    let volumes = directory.join(VOLUMES);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| VolumeError::Directory {
            doing: "remove the volumes of the pod",
            path,
            source,
        }
    };
    // Nobody writes into what is being removed.
    let lock = if volumes.exists() {
        Some(guard::lock(directory).map_err(failed(directory))?)
    } else {
        None
    };
    os::memory::remove_below(&volumes).map_err(failed(&volumes))?;
    system::remove_tree(&volumes).map_err(failed(&volumes))?;
    fault::step("volumes-removed");
    let indexes = index::directory(directory);
    system::remove_tree(&indexes).map_err(failed(&indexes))?;
    if lock.is_some() {
        drop(lock);
        guard::remove(directory).map_err(failed(directory))?;
    }
    Ok(())
}

const VOLUMES: &str = "volumes";

/// Where the volume of that name lies in a pod's directory.
#[must_use]
pub fn place(directory: &Path, name: &str) -> PathBuf {
    directory.join(VOLUMES).join(name)
}

/// What can be said before anything is made.
fn check(volume: &Volume) -> Result<(), VolumeError> {
    match &volume.content {
        Content::Host(kind) => host_path::check(volume, *kind),
        Content::Empty(_) => Ok(()),
        Content::Files(parts) => match merge(parts.iter().map(|part| part.files.as_slice())) {
            Ok(_) => Ok(()),
            Err(reason) => Err(VolumeError::Content {
                volume: volume.name.clone(),
                reason,
            }),
        },
    }
}

fn make_one(volume: &Volume, pod: &Path) -> Result<(), VolumeError> {
    match &volume.content {
        Content::Host(kind) => host_path::make(volume, *kind),
        Content::Empty(_) | Content::Files(_) if volume.path.exists() => Err(volume.io(
            "make the directory",
            &volume.path,
            io::ErrorKind::AlreadyExists.into(),
        )),
        Content::Empty(empty) => {
            // As the kubelet: whatever account a container has, its scratch space is writable.
            system::make_directories(&volume.path, 0o777)
                .map_err(|source| volume.io("make the directory", &volume.path, source))?;
            if empty.memory {
                os::memory::mount(&volume.path, empty.size).map_err(|reason| VolumeError::Unsupported {
                    volume: volume.name.clone(),
                    reason,
                })?;
            }
            Ok(())
        }
        Content::Files(parts) => {
            system::make_directories(&volume.path, 0o755)
                .map_err(|source| volume.io("make the directory", &volume.path, source))?;
            let files = merge(parts.iter().map(|part| part.files.as_slice())).map_err(|reason| {
                VolumeError::Content {
                    volume: volume.name.clone(),
                    reason,
                }
            })?;
            let index = index::of(parts);
            let note = |generation: &str| index::note(pod, &volume.name, generation, &index);
            writer::write_all(&volume.path, &files, &note)
                .map_err(|(doing, source)| volume.io(doing, &volume.path, source))
        }
    }
}

/// Whether a pod's volumes are there to be updated.
fn are_made(pod: &Path) -> bool {
    fs::symlink_metadata(pod.join(VOLUMES)).is_ok()
}

#[cfg(test)]
#[path = "volumes/tests.rs"]
mod tests;
