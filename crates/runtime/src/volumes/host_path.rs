//! `hostPath`: what must be there is looked at, and what may be missing is made, as the kubelet does.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::system::{self, Kind};
use super::{Volume, VolumeError};

/// `hostPath.type`: what must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostPathType {
    /// Anything.
    #[serde(rename = "")]
    Unset,
    /// A directory, made with mode 0755 when nothing is there.
    DirectoryOrCreate,
    /// A directory.
    Directory,
    /// A file, made empty with mode 0644 when nothing is there; its directory must be there.
    FileOrCreate,
    /// A file.
    File,
    /// A Unix domain socket: on Linux only.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl HostPathType {
    /// Every type with its name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("", Self::Unset),
        ("BlockDevice", Self::BlockDevice),
        ("CharDevice", Self::CharDevice),
        ("Directory", Self::Directory),
        ("DirectoryOrCreate", Self::DirectoryOrCreate),
        ("File", Self::File),
        ("FileOrCreate", Self::FileOrCreate),
        ("Socket", Self::Socket),
    ];

    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }

    /// What it asks for, where it asks for something.
    fn wanted(self) -> Option<(Kind, &'static str)> {
        Some(match self {
            Self::Unset => return None,
            Self::DirectoryOrCreate | Self::Directory => (Kind::Directory, "directory"),
            Self::FileOrCreate | Self::File => (Kind::File, "file"),
            Self::Socket => (Kind::Socket, "socket file"),
            Self::CharDevice => (Kind::CharDevice, "character device"),
            Self::BlockDevice => (Kind::BlockDevice, "block device"),
        })
    }
}

/// A kind as `hostPath.type` names it.
fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Directory => "Directory",
        Kind::File => "File",
        Kind::Socket => "Socket",
        Kind::CharDevice => "CharDevice",
        Kind::BlockDevice => "BlockDevice",
    }
}

/// Looks at what is there. Makes nothing.
pub(super) fn check(volume: &Volume, kind: HostPathType) -> Result<(), VolumeError> {
    let found = match fs::metadata(&volume.path) {
        Ok(metadata) => Some(system::kind_of(metadata.file_type())),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            None
        }
        Err(source) => return Err(volume.io("look at the host's path", &volume.path, source)),
    };
    let may_be_made = matches!(kind, HostPathType::DirectoryOrCreate | HostPathType::FileOrCreate);
    let (name, path) = (volume.name.clone(), volume.path.clone());
    match (found, kind.wanted()) {
        (None, _) if may_be_made => Ok(()),
        (None, _) => Err(VolumeError::Missing { volume: name, path }),
        (Some(found), Some((kind, wanted))) if found != kind => Err(VolumeError::Type {
            volume: name,
            path,
            found: name_of(found),
            wanted,
        }),
        _ => Ok(()),
    }
}

/// Makes what is missing and may be. It stays when the pod has ended.
pub(super) fn make(volume: &Volume, kind: HostPathType) -> Result<(), VolumeError> {
    if volume.path.exists() {
        return Ok(());
    }
    match kind {
        HostPathType::DirectoryOrCreate => directories(&volume.path)
            .map_err(|source| volume.io("make the host's directory", &volume.path, source)),
        HostPathType::FileOrCreate => system::write(&volume.path, &[], 0o644)
            .map_err(|source| volume.io("make the host's file", &volume.path, source)),
        _ => Ok(()),
    }
}

/// Makes each missing directory with mode 0755, whatever the umask.
fn directories(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        directories(parent)?;
    }
    match system::make_directory(path, 0o755) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}
