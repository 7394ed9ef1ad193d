//! The volumes of a pod on the host: checked and made before its first container, removed after its last.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::PodIdentity;

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
        if let Content::Files(files) = &mut self.content {
            files.clear();
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
    Empty,
    /// Files of a ConfigMap or Secret.
    Files(Vec<ContentFile>),
}

/// One file of a ConfigMap or Secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentFile {
    /// Where, relative to the volume; checked to stay in it.
    pub path: String,
    /// What.
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
}

impl std::fmt::Debug for ContentFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} ({} bytes, mode {:o})",
            self.path,
            self.content.len(),
            self.mode
        )
    }
}

/// `hostPath.type`: what must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostPathType {
    /// Anything but a socket.
    #[serde(rename = "")]
    Unset,
    /// A directory, made with mode 0755 when nothing is there.
    DirectoryOrCreate,
    /// A directory.
    Directory,
    /// A file, made empty with mode 0644 when nothing is there.
    FileOrCreate,
    /// A file.
    File,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl HostPathType {
    /// The type of that name; `Socket` is none that a job container can mount.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "" => Self::Unset,
            "DirectoryOrCreate" => Self::DirectoryOrCreate,
            "Directory" => Self::Directory,
            "FileOrCreate" => Self::FileOrCreate,
            "File" => Self::File,
            "CharDevice" => Self::CharDevice,
            "BlockDevice" => Self::BlockDevice,
            _ => return None,
        })
    }
}

/// Why a volume cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// A `hostPath` where nothing is.
    #[error(
        "mount volume `{volume}`: the host has no `{}`; make it, or set hostPath.type to DirectoryOrCreate or FileOrCreate",
        path.display()
    )]
    Missing {
        /// The volume.
        volume: String,
        /// The host's path.
        path: PathBuf,
    },
    /// A `hostPath` where something else is than its type says.
    #[error("mount volume `{volume}`: hostPath type check failed: `{}` is {found}, not {wanted}", path.display())]
    Type {
        /// The volume.
        volume: String,
        /// The host's path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
        /// What the type asks for.
        wanted: &'static str,
    },
    /// A socket.
    #[error(
        "mount volume `{volume}`: `{}` is a Unix domain socket, which a job container cannot mount; \
         remove the mount and let the program use the path on the host",
        path.display()
    )]
    Socket {
        /// The volume.
        volume: String,
        /// The host's path.
        path: PathBuf,
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

/// The directory of a pod below the state directory: `pods/<namespace>_<name>_<uid>`.
#[must_use]
pub fn pod_directory(state: &Path, pod: &PodIdentity) -> PathBuf {
    state
        .join("pods")
        .join(format!("{}_{}_{}", pod.namespace, pod.name, pod.uid))
}

/// The volumes of a pod that is alive. Dropping it removes what was made of them.
#[derive(Debug)]
pub struct Mounted {
    directory: Option<(PathBuf, File)>,
}

impl Mounted {
    /// Checks every volume, then makes those that have to be made, below `directory`.
    ///
    /// # Errors
    /// A volume cannot be had; what was made has been removed.
    pub fn make(volumes: &[Volume], directory: &Path) -> Result<Self, VolumeError> {
        for volume in volumes {
            check(volume)?;
        }
        let mut mounted = Self { directory: None };
        if volumes
            .iter()
            .any(|volume| !matches!(volume.content, Content::Host(_)))
        {
            mounted.directory = Some((directory.to_owned(), claim(directory)?));
        }
        for volume in volumes {
            make(volume)?;
        }
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
        let Some((directory, lock)) = self.directory.take() else {
            return Ok(());
        };
        // Windows removes no file that is open.
        drop(lock);
        remove(&directory)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // On this way out there is an error already; the next sweep tries again.
        let _ = self.clear();
    }
}

/// Removes the directories of pods whose holder is dead. Cheap when there are none.
///
/// # Errors
/// A directory of a dead holder could not be removed.
pub fn sweep(state: &Path) -> Result<(), VolumeError> {
    let Ok(entries) = fs::read_dir(state.join("pods")) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let directory = entry.path();
        let dead = match File::open(directory.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // A holder makes its lock right after the directory, before anything else is in it.
            Err(error) => error.kind() == io::ErrorKind::NotFound && fs::remove_dir(&directory).is_ok(),
        };
        if dead {
            remove(&directory)?;
        }
    }
    Ok(())
}

const LOCK: &str = "lock";

/// Makes the directory of a pod and locks it, again when a sweep took it for a dead one in between.
fn claim(directory: &Path) -> Result<File, VolumeError> {
    let mut result = Ok(None);
    for _ in 0..CLAIM_ATTEMPTS {
        result = try_claim(directory);
        if let Ok(Some(lock)) = result {
            return Ok(lock);
        }
    }
    let source = result.err().unwrap_or_else(|| io::ErrorKind::WouldBlock.into());
    Err(VolumeError::Directory {
        doing: "make and lock the directory of the pod",
        path: directory.to_owned(),
        source,
    })
}

const CLAIM_ATTEMPTS: usize = 3;

fn try_claim(directory: &Path) -> io::Result<Option<File>> {
    if let Some(pods) = directory.parent() {
        fs::create_dir_all(pods)?;
    }
    // Only the holder looks in: Secrets may be below, and containers come by way of their mounts.
    match make_directory(directory, 0o700) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let lock = File::create_new(directory.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) if directory.join(LOCK).exists() => Ok(Some(lock)),
        Ok(()) | Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn remove(directory: &Path) -> Result<(), VolumeError> {
    match fs::remove_dir_all(directory) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(VolumeError::Directory {
            doing: "remove the directory of the pod",
            path: directory.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// What is at the path of a `hostPath`, before anything is made.
fn check(volume: &Volume) -> Result<(), VolumeError> {
    let Content::Host(kind) = volume.content else {
        return Ok(());
    };
    let found = match fs::metadata(&volume.path) {
        Ok(metadata) => Some(name_of(metadata.file_type())),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            None
        }
        Err(source) => {
            return Err(VolumeError::Io {
                doing: "look at the host's path",
                volume: volume.name.clone(),
                path: volume.path.clone(),
                source,
            });
        }
    };
    let (wanted, may_be_made) = match kind {
        HostPathType::Unset => (None, false),
        HostPathType::DirectoryOrCreate => (Some(DIRECTORY), true),
        HostPathType::Directory => (Some(DIRECTORY), false),
        HostPathType::FileOrCreate => (Some(FILE), true),
        HostPathType::File => (Some(FILE), false),
        HostPathType::CharDevice => (Some(CHARACTER_DEVICE), false),
        HostPathType::BlockDevice => (Some(BLOCK_DEVICE), false),
    };
    let (volume, path) = (volume.name.clone(), volume.path.clone());
    match (found, wanted) {
        (None, _) if may_be_made => Ok(()),
        (None, _) => Err(VolumeError::Missing { volume, path }),
        (Some(SOCKET), _) => Err(VolumeError::Socket { volume, path }),
        (Some(found), Some(wanted)) if found != wanted => Err(VolumeError::Type {
            volume,
            path,
            found,
            wanted,
        }),
        _ => Ok(()),
    }
}

fn make(volume: &Volume) -> Result<(), VolumeError> {
    let fail = |doing: &'static str, path: &Path| {
        let (volume, path) = (volume.name.clone(), path.to_owned());
        move |source| VolumeError::Io {
            doing,
            volume,
            path,
            source,
        }
    };
    match &volume.content {
        Content::Host(HostPathType::DirectoryOrCreate) if !volume.path.exists() => {
            fs::create_dir_all(&volume.path).map_err(fail("make the host's directory", &volume.path))
        }
        Content::Host(HostPathType::FileOrCreate) if !volume.path.exists() => {
            write(&volume.path, &[], 0o644).map_err(fail("make the host's file", &volume.path))
        }
        Content::Host(_) => Ok(()),
        // As the kubelet: whatever account a container has, its scratch space is writable.
        Content::Empty => {
            make_directories(&volume.path, 0o777).map_err(fail("make the directory", &volume.path))
        }
        Content::Files(files) => {
            make_directories(&volume.path, 0o755).map_err(fail("make the directory", &volume.path))?;
            for file in files {
                let path = volume.path.join(&file.path);
                // Every one of them for every account, as the volume itself; the mode of a file decides who reads it.
                let between = path
                    .ancestors()
                    .skip(1)
                    .take_while(|parent| **parent != volume.path);
                for parent in between.collect::<Vec<_>>().into_iter().rev() {
                    if !parent.is_dir() {
                        make_directory(parent, 0o755).map_err(fail("make the directory", parent))?;
                    }
                }
                write(&path, &file.content, file.mode).map_err(fail("write the file", &path))?;
            }
            Ok(())
        }
    }
}

fn make_directories(path: &Path, mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    make_directory(path, mode)
}

const DIRECTORY: &str = "a directory";
const FILE: &str = "a file";
const SOCKET: &str = "a socket";
const CHARACTER_DEVICE: &str = "a character device";
const BLOCK_DEVICE: &str = "a block device";

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, FileType, OpenOptions, Permissions, set_permissions};
    use std::io::{self, Write as _};
    use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
    use std::path::Path;

    /// Makes a directory with exactly that mode, whatever the umask.
    pub(super) fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
        DirBuilder::new().mode(mode & 0o700).create(path)?;
        set_permissions(path, Permissions::from_mode(mode))
    }

    /// Makes a file with exactly that mode; never wider in between.
    pub(super) fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode & 0o600)
            .open(path)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(mode))
    }

    pub(super) fn name_of(kind: FileType) -> &'static str {
        if kind.is_dir() {
            super::DIRECTORY
        } else if kind.is_socket() {
            super::SOCKET
        } else if kind.is_char_device() {
            super::CHARACTER_DEVICE
        } else if kind.is_block_device() {
            super::BLOCK_DEVICE
        } else {
            super::FILE
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{FileType, OpenOptions, create_dir};
    use std::io::{self, Write as _};
    use std::path::Path;

    pub(super) fn make_directory(path: &Path, _mode: u32) -> io::Result<()> {
        create_dir(path)
    }

    pub(super) fn write(path: &Path, content: &[u8], _mode: u32) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?
            .write_all(content)
    }

    pub(super) fn name_of(kind: FileType) -> &'static str {
        if kind.is_dir() {
            super::DIRECTORY
        } else {
            super::FILE
        }
    }
}

use system::{make_directory, name_of, write};

#[cfg(test)]
#[path = "volumes_tests.rs"]
mod tests;
