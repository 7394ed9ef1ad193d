//! A store for as long as something is being made.

use std::path::Path;

use tempfile::TempDir;

use super::Store;
use super::lock::StoreLock;
use crate::Result;
use crate::work::Work;

/// A store that is gone when it is dropped. Images are built in one, so that an abandoned build leaves nothing.
#[derive(Debug)]
pub struct Scratch {
    store: Store,
    _place: Place,
}

/// Where it is.
#[derive(Debug)]
enum Place {
    /// In a store: the directory, removed before the lock is given up.
    Store(#[expect(dead_code, reason = "held for its drop")] (TempDir, StoreLock)),
    /// In any directory.
    Beside(#[expect(dead_code, reason = "held for its drop")] Work),
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
            _place: Place::Store((directory, lock)),
        })
    }

    /// Makes one in a directory, where the next one sweeps it if this process crashes.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn beside(directory: &Path) -> Result<Self> {
        let work = Work::within(directory)?;
        Ok(Self {
            store: Store::open(work.path())?,
            _place: Place::Beside(work),
        })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
