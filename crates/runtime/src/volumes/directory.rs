//! The directory of a pod: taken while the pod lives, found and removed when its holder is dead.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::system::make_directory;
use super::{VolumeError, remove};

const LOCK: &str = "lock";
const RECORD: &str = "pod.json";

/// Removes the volumes of pods whose holder is dead, and the directories of those that have nothing else. What has a
/// [record](crate::pods) keeps it. Cheap when there are none.
///
/// # Errors
/// A volume of a dead holder could not be removed.
pub fn sweep(state: &Path) -> Result<(), VolumeError> {
    let Ok(entries) = fs::read_dir(state.join("pods")) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let directory = entry.path();
        // One without a lock is just being made, or has nothing in it.
        let Ok(lock) = File::open(directory.join(LOCK)) else {
            continue;
        };
        if !super::are_made(&directory) || lock.try_lock().is_err() {
            continue;
        }
        if directory.join(RECORD).exists() {
            remove(&directory)?;
        } else {
            // Windows removes no file that is open.
            drop(lock);
            remove_whole(&directory)?;
        }
    }
    Ok(())
}

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
