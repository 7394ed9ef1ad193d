//! Locks among processes. A lock ends with the process that holds it, however that ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use super::Store;
use crate::Result;
use crate::error::During as _;

/// The store's lock, held until dropped.
#[derive(Debug)]
#[must_use = "the lock ends when this is dropped"]
pub struct StoreLock(#[expect(dead_code, reason = "held for its drop")] File);

impl StoreLock {
    /// Makes the lock file.
    pub(super) fn create(path: &Path) -> Result<()> {
        open(path).map(drop)
    }

    fn shared(path: &Path) -> Result<Self> {
        // Readers of a store on a read-only file system can still lock what they can read.
        let file = File::open(path).during("open the lock", path)?;
        file.lock_shared().during("lock", path)?;
        Ok(Self(file))
    }

    fn exclusive(path: &Path) -> Result<Self> {
        let file = open(path)?;
        file.lock().during("lock", path)?;
        Ok(Self(file))
    }
}

pub(super) fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .during("open the lock", path)
}

impl Store {
    /// Nothing is removed from the store while the lock is held: for those who look an image up and then use it.
    ///
    /// # Errors
    /// If the lock cannot be opened.
    pub fn reading(&self) -> Result<StoreLock> {
        StoreLock::shared(&self.lock_path())
    }

    /// As [`Store::reading`], for those who add; what a crash left in `tmp/` is removed first if nobody else is there.
    pub(crate) fn adding(&self) -> Result<StoreLock> {
        let path = self.lock_path();
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => self.sweep(),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).during("lock", &path),
        }
        drop(file);
        self.reading()
    }

    /// Nobody else changes what names stand for while the lock is held. Taken after [`Store::adding`].
    pub(crate) fn naming(&self) -> Result<StoreLock> {
        StoreLock::exclusive(&self.root.join("names.lock"))
    }

    /// Nobody else reads or adds while the lock is held.
    pub(crate) fn removing(&self) -> Result<StoreLock> {
        let lock = StoreLock::exclusive(&self.lock_path())?;
        self.sweep();
        Ok(lock)
    }

    /// Removes work in progress of processes that are gone. Needs the store's lock exclusively.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.temporary_path()) else {
            return;
        };
        for entry in entries.flatten() {
            // What cannot be removed now is tried again next time and is in nobody's way.
            let path = entry.path();
            let _ = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
        }
    }
}
