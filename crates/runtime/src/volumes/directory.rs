//! The directory of a pod: taken while the pod lives, and removed with its volumes.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::system::make_directory;
use super::{VolumeError, remove};

const LOCK: &str = "lock";

/// Makes the directory of a pod and locks it. `None` where somebody made it before: then the caller holds it.
pub(super) fn claim(directory: &Path) -> Result<Option<File>, VolumeError> {
    try_claim(directory).map_err(|source| VolumeError::Directory {
        doing: "make and lock the directory of the pod",
        path: directory.to_owned(),
        source,
    })
}

fn try_claim(directory: &Path) -> io::Result<Option<File>> {
    if directory.join(LOCK).exists() {
        return Ok(None);
    }
    if let Some(pods) = directory.parent() {
        fs::create_dir_all(pods)?;
    }
    // Only the holder looks in: Secrets may be below, and containers come by way of their mounts.
    match make_directory(directory, 0o700) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let lock = File::create_new(directory.join(LOCK))?;
    lock.lock()?;
    Ok(Some(lock))
}

/// Removes the volumes of a pod, then its directory.
pub(super) fn remove_whole(directory: &Path) -> Result<(), VolumeError> {
    remove(directory)?;
    match fs::remove_dir_all(directory) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(VolumeError::Directory {
            doing: "remove the directory of the pod",
            path: directory.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}
