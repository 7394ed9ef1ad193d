//! Which file of a volume is of which part: what an update needs to keep the parts that it is not told of.
//!
//! An index is written beside the volumes before its generation is seen, and named after it, so that the two never disagree.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::system::{make_directories, remove_file, write};
use super::{Part, PartSource};

const DIRECTORY: &str = "parts";
/// An index names the keys of a few objects, each of at most a MiB.
const MAX_INDEX: u64 = 64 << 20;

/// The files of one part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexPart {
    /// Path and mode.
    pub(super) files: Vec<(String, u32)>,
    /// Whether the object is immutable.
    #[serde(default)]
    pub(super) immutable: bool,
}

/// The index of a volume's parts.
pub(super) fn of(parts: &[Part]) -> Vec<IndexPart> {
    parts
        .iter()
        .map(|part| IndexPart {
            files: part
                .files
                .iter()
                .map(|file| (file.path.clone(), file.mode))
                .collect(),
            immutable: matches!(&part.source, PartSource::Object(object) if object.immutable),
        })
        .collect()
}

/// Volumes have names without dots, generations have nothing else before their first digit.
fn path(pod: &Path, volume: &str, generation: &str) -> PathBuf {
    pod.join(DIRECTORY).join(format!("{volume}{generation}.json"))
}

/// Notes the index of a generation that is about to be seen.
pub(super) fn note(pod: &Path, volume: &str, generation: &str, index: &[IndexPart]) -> io::Result<()> {
    let text = serde_json::to_vec(index)?;
    let directory = pod.join(DIRECTORY);
    if !directory.is_dir() {
        make_directories(&directory, 0o700)?;
    }
    let (path, next) = (
        path(pod, volume, generation),
        directory.join(format!("{volume}.next")),
    );
    remove_file(&next)?;
    write(&next, &text, 0o600)?;
    fs::rename(next, path)
}

/// Reads the index of a generation.
pub(super) fn read(pod: &Path, volume: &str, generation: &str) -> io::Result<Vec<IndexPart>> {
    let path = path(pod, volume, generation);
    if fs::metadata(&path)?.len() > MAX_INDEX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long"));
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// Removes the indexes of generations that are not seen any more.
pub(super) fn clean(pod: &Path, volume: &str, current: &str) -> io::Result<()> {
    let kept = path(pod, volume, current);
    for entry in fs::read_dir(pod.join(DIRECTORY))? {
        let entry = entry?;
        let name = entry.file_name();
        let of_volume = name
            .to_str()
            .and_then(|name| name.strip_prefix(volume))
            .is_some_and(|rest| rest.starts_with("..") || rest == "plain.json");
        if of_volume && entry.path() != kept {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// The directory of a pod's indexes.
pub(super) fn directory(pod: &Path) -> PathBuf {
    pod.join(DIRECTORY)
}
