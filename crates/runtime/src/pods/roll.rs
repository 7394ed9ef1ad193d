//! Who holds which directory, told without opening any of them: a command that looks at each of many pods finds the living
//! here with one short call each, and opens the directories of the others alone.
//!
//! It is a help and not the truth, which is in the locks: a holder need not be on the roll.

use std::fs;
use std::path::Path;

use super::shelf::Shelf;
use crate::os::{Mark, Marks};

/// The roll of a shelf.
#[derive(Debug)]
pub(super) struct Roll(Option<Marks>);

impl Roll {
    /// The roll as it is at any moment from now on.
    pub(super) fn of(state: &Path, shelf: Shelf) -> Self {
        Self(Marks::open(&shelf.roll(state)).ok())
    }

    /// Puts a directory on it that this process has locked; nothing where that cannot be.
    pub(super) fn sign(self, directory: &Path) -> Option<Mark> {
        self.0?.take(number_of(directory)?).ok()
    }

    /// Whether a process holds the directory of that number.
    pub(super) fn has(&self, number: Option<u64>) -> bool {
        let (Some(marks), Some(number)) = (&self.0, number) else {
            return false;
        };
        marks.has(number)
    }
}

/// What tells a directory from all others of its file system.
#[cfg(unix)]
fn number_of(directory: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;

    Some(fs::symlink_metadata(directory).ok()?.ino())
}

/// The same, as reading the directory above tells it.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "not every system tells it")]
pub(super) fn number_in(entry: &fs::DirEntry) -> Option<u64> {
    use std::os::unix::fs::DirEntryExt as _;

    Some(entry.ino())
}

#[cfg(not(unix))]
fn number_of(_: &Path) -> Option<u64> {
    None
}

#[cfg(not(unix))]
pub(super) fn number_in(_: &fs::DirEntry) -> Option<u64> {
    None
}
