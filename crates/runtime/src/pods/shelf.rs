//! Where the directories of pods and of jobs are, and which there are.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::PodsError;

/// What a directory is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelf {
    Pods,
    Jobs,
}

impl Shelf {
    /// Where all of them are.
    pub(super) fn of(self, state: &Path) -> PathBuf {
        state.join(match self {
            Self::Pods => "pods",
            Self::Jobs => "jobs",
        })
    }

    /// The file that says which of them somebody holds.
    pub(super) fn roll(self, state: &Path) -> PathBuf {
        state.join(match self {
            Self::Pods => "pods.roll",
            Self::Jobs => "jobs.roll",
        })
    }

    /// One of them, for people.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Pods => "pod",
            Self::Jobs => "job",
        }
    }
}

/// The directories of all pods, or of all jobs, in order.
pub(super) fn names(state: &Path, shelf: Shelf) -> Result<Vec<String>, PodsError> {
    let pods = shelf.of(state);
    let failed = |source| PodsError::Io {
        doing: "read the directory",
        path: pods.clone(),
        source,
    };
    let entries = match fs::read_dir(&pods) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(failed)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}
