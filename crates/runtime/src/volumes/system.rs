//! Files, directories and links with exactly the modes that are asked for.

#[cfg(unix)]
mod host {
    use std::fs::{DirBuilder, FileType, OpenOptions, Permissions, set_permissions};
    use std::io::{self, Write as _};
    use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
    use std::path::Path;

    use super::Kind;

    /// Makes a directory with exactly that mode, whatever the umask.
    pub(in super::super) fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
        DirBuilder::new().mode(mode & 0o700).create(path)?;
        set_permissions(path, Permissions::from_mode(mode))
    }

    /// Makes a file with exactly that mode; never wider in between.
    pub(in super::super) fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode & 0o600)
            .open(path)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Makes a symbolic link. `Ok(false)` where this host has none.
    pub(in super::super) fn link(target: &str, path: &Path, _directory: bool) -> io::Result<bool> {
        std::os::unix::fs::symlink(target, path).map(|()| true)
    }

    pub(in super::super) fn kind_of(kind: FileType) -> Kind {
        if kind.is_dir() {
            Kind::Directory
        } else if kind.is_socket() {
            Kind::Socket
        } else if kind.is_char_device() {
            Kind::CharDevice
        } else if kind.is_block_device() {
            Kind::BlockDevice
        } else {
            Kind::File
        }
    }

    /// Removes files that have been replaced. What is mounted of them stays with whoever has mounted it.
    pub(in super::super) fn remove_replaced(path: &Path) -> io::Result<()> {
        super::remove_tree(path)
    }

    /// Bytes that a file has on its disk, and what tells it from others where it may be met again.
    pub(in super::super) fn blocks(metadata: &std::fs::Metadata) -> (u64, Option<(u64, u64)>) {
        use std::os::unix::fs::MetadataExt as _;
        let met_again = !metadata.is_dir() && metadata.nlink() > 1;
        (
            metadata.blocks().saturating_mul(512),
            met_again.then(|| (metadata.dev(), metadata.ino())),
        )
    }

    /// The file system that a file is on.
    pub(in super::super) fn device(metadata: &std::fs::Metadata) -> u64 {
        std::os::unix::fs::MetadataExt::dev(metadata)
    }
}

#[cfg(not(unix))]
mod host {
    use std::fs::{self, FileType, OpenOptions};
    use std::io::{self, Write as _};
    use std::path::Path;

    use super::Kind;

    /// On Windows the rights of the pod's directory are passed on.
    pub(in super::super) fn make_directory(path: &Path, _mode: u32) -> io::Result<()> {
        fs::create_dir(path)
    }

    pub(in super::super) fn write(path: &Path, content: &[u8], _mode: u32) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?
            .write_all(content)
    }

    /// Makes a symbolic link. `Ok(false)` where this host has none: not every account may make them, and Wine says that it
    /// made one and did not.
    pub(in super::super) fn link(target: &str, path: &Path, directory: bool) -> io::Result<bool> {
        let target = target.replace('/', "\\");
        let made = if directory {
            std::os::windows::fs::symlink_dir(target, path)
        } else {
            std::os::windows::fs::symlink_file(target, path)
        };
        match made {
            Ok(()) => Ok(fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Err(_) => Ok(false),
        }
    }

    pub(in super::super) fn kind_of(kind: FileType) -> Kind {
        if kind.is_dir() {
            Kind::Directory
        } else {
            Kind::File
        }
    }

    /// Removes files that have been replaced. Those that a container has mounted by `subPath`, or a program reads at this
    /// moment, stay, all of them, for the next time: Windows renames no directory that is held, or in which a file is open.
    pub(in super::super) fn remove_replaced(path: &Path) -> io::Result<()> {
        const ERROR_ACCESS_DENIED: i32 = 5;
        const ERROR_SHARING_VIOLATION: i32 = 32;
        // As long as the other, so that no length is in the way.
        let gone = path.with_extension("replaced0");
        match fs::rename(path, &gone) {
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION)
                ) =>
            {
                Ok(())
            }
            renamed => renamed.and_then(|()| super::remove_tree(&gone)),
        }
    }

    pub(in super::super) fn blocks(metadata: &fs::Metadata) -> (u64, Option<(u64, u64)>) {
        (if metadata.is_dir() { 0 } else { metadata.len() }, None)
    }

    pub(in super::super) fn device(_metadata: &fs::Metadata) -> u64 {
        0
    }
}

use std::path::Path;
use std::{fs, io};

pub(super) use host::{blocks, device, kind_of, link, make_directory, remove_replaced, write};

/// What can be at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Socket,
    CharDevice,
    BlockDevice,
}

/// Makes the directories that are missing on the way to `path`, each for every account, and `path` itself with a mode.
pub(super) fn make_directories(path: &Path, mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    make_directory(path, mode)
}

/// Removes a file or link, which need not be there.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    let removed = match fs::remove_file(path) {
        // A link to a directory, on Windows.
        Err(_) if cfg!(windows) && path.is_symlink() => fs::remove_dir(path),
        removed => removed,
    };
    absent_is_well(removed)
}

/// Removes a directory and what is in it; it need not be there.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    absent_is_well(fs::remove_dir_all(path))
}

fn absent_is_well(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(all(test, windows))]
mod tests {
    use std::os::windows::fs::OpenOptionsExt as _;

    use super::*;

    #[test]
    fn replaced_files_stay_as_long_as_their_directory_is_held() {
        const FILE_LIST_DIRECTORY: u32 = 0x1;
        const FILE_SHARE_READ_AND_WRITE: u32 = 0x3;
        const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x200_0000;
        let place = tempfile::tempdir().unwrap();
        let old = place.path().join("..2026_11_22_09_00_00.123456789");
        fs::create_dir(&old).unwrap();
        write(&old.join("app.conf"), b"old", 0o644).unwrap();
        let held = fs::OpenOptions::new()
            .access_mode(FILE_LIST_DIRECTORY)
            .share_mode(FILE_SHARE_READ_AND_WRITE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
            .open(&old)
            .unwrap();
        remove_replaced(&old).unwrap();
        assert_eq!(fs::read(old.join("app.conf")).unwrap(), b"old");
        drop(held);
        remove_replaced(&old).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
