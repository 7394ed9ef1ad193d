//! A store for as long as something is being made.

use std::path::Path;

use tempfile::TempDir;

use super::Store;
use super::lock::StoreLock;
use crate::Result;
use crate::error::During as _;

/// A store that is gone when it is dropped. Images are built in one, so that an abandoned build leaves nothing.
#[derive(Debug)]
pub struct Scratch {
    store: Store,
    /// Removed before the lock is given up.
    _directory: TempDir,
    _lock: Option<StoreLock>,
}

impl Scratch {
    /// Makes one within a store, where the next process sweeps it if this one crashes.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn within(store: &Store) -> Result<Self> {
        let lock = store.adding()?;
        let directory = store.temporary_directory()?;
        Ok(Self {
            store: Store::open(directory.path())?,
            _directory: directory,
            _lock: Some(lock),
        })
    }

    /// Makes one in a directory.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn beside(directory: &Path) -> Result<Self> {
        let made = tempfile::Builder::new()
            .prefix(".porthole-")
            .tempdir_in(directory)
            .during("create a directory in", directory)?;
        Ok(Self {
            store: Store::open(made.path())?,
            _directory: made,
            _lock: None,
        })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
