//! What a process holds, for the eyes of its guardian: state directories can be deleted under their containers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{MemfdFlags, memfd_create};
use serde::Deserialize as _;

use super::journal::Journal;
use crate::state::State;

/// As large as anything that is read of it.
const MAX: u64 = 16 * 1024 * 1024;

/// The journals of all containers of this process, by their ids, in a file that has no name.
#[derive(Debug)]
pub(super) struct Ledger {
    file: File,
    entries: Mutex<BTreeMap<String, Journal>>,
}

impl Ledger {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            file: memfd_create("porthole", MemfdFlags::CLOEXEC)?.into(),
            entries: Mutex::default(),
        })
    }

    /// The file.
    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Notes what is about to be made for a container, or with `None` that it is gone.
    pub(super) fn note(&self, id: &str, journal: Option<&Journal>) -> io::Result<()> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match journal {
            Some(journal) => entries.insert(id.to_owned(), journal.clone()),
            None => entries.remove(id),
        };
        // In one write. What is left of a longer text behind it does no harm.
        self.file.write_all_at(&serde_json::to_vec(&*entries)?, 0)
    }
}

/// What a ledger names and its state directory does not know any more. For the guardian, before it sweeps.
pub(super) fn lost(file: BorrowedFd<'_>, state: &State) -> Vec<Journal> {
    let mut text = Vec::new();
    let Ok(file) = file.try_clone_to_owned().map(File::from) else {
        return Vec::new();
    };
    let length = file.metadata().map_or(0, |metadata| metadata.len().min(MAX));
    text.resize(usize::try_from(length).unwrap_or_default(), 0);
    if file.read_exact_at(&mut text, 0).is_err() {
        return Vec::new();
    }
    let mut values = serde_json::Deserializer::from_slice(&text);
    let entries = BTreeMap::<String, Journal>::deserialize(&mut values).unwrap_or_default();
    entries
        .into_iter()
        .filter(|(id, _)| state.peek::<Journal>(id).is_none())
        .map(|(_, journal)| journal)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::cgroup::Group;
    use super::*;

    #[test]
    fn names_what_the_state_directory_has_lost() {
        let root = tempfile::tempdir().unwrap();
        let state = State::new(root.path());
        let ledger = Ledger::new().unwrap();
        assert!(lost(ledger.file(), &state).is_empty());
        let [kept, gone, ended] = ["kept", "gone", "ended"].map(|holder| {
            let journal = Journal::new(holder, Group::default(), Vec::new());
            ledger.note(holder, Some(&journal)).unwrap();
            journal
        });
        let mut held = state.claim("kept").unwrap();
        held.write(&kept).unwrap();
        assert_eq!(lost(ledger.file(), &state), [ended, gone.clone()]);
        // Shorter than before.
        ledger.note("ended", None).unwrap();
        assert_eq!(lost(ledger.file(), &state), [gone]);
    }
}
