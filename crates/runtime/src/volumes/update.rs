//! Other contents of ConfigMaps and Secrets for a pod that runs.
//!
//! Everything is read and laid out before the first volume changes, so that an error in one of the objects changes nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::index::IndexPart;
use super::{
    Content, ContentFile, ObjectData, Part, PartSource, Volume, are_made, guard, index, merge, writer,
};
use crate::spec::ObjectKind;

/// No file of a volume is longer than its object may be.
const MAX_FILE: u64 = 2 << 20;

/// Why the volumes of a pod are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// It has ended, or is about to.
    #[error("the pod has no volumes any more")]
    Ended,
    /// An object does not fit the pod.
    #[error("volume `{volume}`: {kind} {name:?} {reason}", kind = kind.name())]
    Object {
        /// The volume.
        volume: String,
        /// ConfigMap or Secret.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The objects do not fit together.
    #[error("volume `{volume}`: {reason}")]
    Content {
        /// The volume.
        volume: String,
        /// Why.
        reason: String,
    },
    /// A system call failed.
    #[error("{doing} for volume `{volume}`: `{}`", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The volume.
        volume: String,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// A volume that is to show other files.
struct Change<'a> {
    volume: &'a Volume,
    parts: Vec<Part>,
}

/// Brings the objects that `find` knows into the volumes of a pod that runs, in its directory. `volumes` may be those of its
/// record, without contents. Returns the names of the volumes that changed; one whose files are the same is not touched.
/// Parts of objects that `find` does not know stay as they are.
///
/// # Errors
/// See [`UpdateError`]. An object that is refused changes nothing; a system call that fails leaves the volumes before it
/// changed, and each as a whole.
pub fn update(
    directory: &Path,
    volumes: &[Volume],
    find: &dyn Fn(ObjectKind, &str) -> Option<ObjectData>,
) -> Result<Vec<String>, UpdateError> {
    let known = |volume: &&Volume| match &volume.content {
        Content::Files(parts) => parts.iter().any(|part| given(part, find).is_some()),
        _ => false,
    };
    let concerned: Vec<&Volume> = volumes.iter().filter(known).collect();
    let Some(first) = concerned.first() else {
        return Ok(Vec::new());
    };
    if !are_made(directory) {
        return Err(UpdateError::Ended);
    }
    let _lock = guard::lock(directory).map_err(failed(first, "wait for others who update it", directory))?;
    if !are_made(directory) {
        return Err(UpdateError::Ended);
    }
    let mut planned = Vec::new();
    for volume in concerned {
        planned.extend(plan(directory, volume, find)?);
    }
    let mut changed = Vec::new();
    for change in planned {
        carry_out(directory, &change)?;
        changed.push(change.volume.name.clone());
    }
    Ok(changed)
}

fn failed<'a>(
    volume: &'a Volume,
    doing: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> UpdateError + 'a {
    move |source| UpdateError::Io {
        doing,
        volume: volume.name.clone(),
        path: path.to_owned(),
        source,
    }
}

fn given(part: &Part, find: &dyn Fn(ObjectKind, &str) -> Option<ObjectData>) -> Option<ObjectData> {
    match &part.source {
        PartSource::Object(object) => find(object.kind, &object.name),
        PartSource::Pod => None,
    }
}

/// The parts that a volume is to have, where they are not those that it has.
fn plan<'a>(
    directory: &Path,
    volume: &'a Volume,
    find: &dyn Fn(ObjectKind, &str) -> Option<ObjectData>,
) -> Result<Option<Change<'a>>, UpdateError> {
    let Content::Files(parts) = &volume.content else {
        return Ok(None);
    };
    let content = |reason: String| UpdateError::Content {
        volume: volume.name.clone(),
        reason,
    };
    let reading = failed(volume, "read what it shows", &volume.path);
    let generation = writer::generation(&volume.path).map_err(&reading)?;
    let index = index::read(directory, &volume.name, &generation).map_err(&reading)?;
    if index.len() != parts.len() {
        return Err(content("its record and its index disagree".to_owned()));
    }
    let current = writer::place(&volume.path, &generation);
    let mut wanted: Vec<Part> = Vec::with_capacity(parts.len());
    let mut different = false;
    for (number, (part, known)) in parts.iter().zip(&index).enumerate() {
        let Some(data) = given(part, find) else {
            wanted.push(kept(part, known, &current).map_err(&reading)?);
            continue;
        };
        let PartSource::Object(object) = &part.source else {
            continue;
        };
        let refused = |reason: String| UpdateError::Object {
            volume: volume.name.clone(),
            kind: object.kind,
            name: object.name.clone(),
            reason,
        };
        let files = object.files(&data).map_err(refused)?;
        let same = is_same(&files, known, &hidden(&index, number), &current).map_err(&reading)?;
        if !same && known.immutable {
            let reason = "is refused: field is immutable when `immutable` is set; give the new contents another name, and \
                          run the pod with that";
            return Err(refused(reason.to_owned()));
        }
        different |= !same || (data.immutable != known.immutable && !known.immutable);
        let mut source = object.clone();
        source.immutable = data.immutable || known.immutable;
        wanted.push(Part {
            source: PartSource::Object(source),
            files,
        });
    }
    if !different {
        return Ok(None);
    }
    emerging(&wanted, parts, &index, find).map_err(content)?;
    merge(wanted.iter().map(|part| part.files.as_slice())).map_err(content)?;
    Ok(Some(Change {
        volume,
        parts: wanted,
    }))
}

/// A part as it is on disk. Files that another part lies over are not there; their contents are not known here.
fn kept(part: &Part, known: &IndexPart, current: &Path) -> io::Result<Part> {
    let mut source = part.source.clone();
    if let PartSource::Object(object) = &mut source {
        object.immutable |= known.immutable;
    }
    let files = known.files.iter().map(|(path, mode)| {
        Ok(ContentFile {
            path: path.clone(),
            content: read(&current.join(path))?,
            mode: *mode,
        })
    });
    Ok(Part {
        source,
        files: files.collect::<io::Result<_>>()?,
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::symlink_metadata(path)?.len() > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a file is too long"));
    }
    fs::read(path)
}

/// The paths of a part that later parts lie over.
fn hidden(index: &[IndexPart], number: usize) -> BTreeSet<&str> {
    let later = index.iter().skip(number + 1);
    later
        .flat_map(|part| part.files.iter().map(|(path, _)| path.as_str()))
        .collect()
}

/// Whether a part would show what it shows. What is hidden cannot be compared, and cannot be seen either.
fn is_same(
    files: &[ContentFile],
    known: &IndexPart,
    hidden: &BTreeSet<&str>,
    current: &Path,
) -> io::Result<bool> {
    let sorted = |mut files: Vec<(String, u32)>| {
        files.sort();
        files
    };
    let listed = files.iter().map(|file| (file.path.clone(), file.mode)).collect();
    if sorted(listed) != sorted(known.files.clone()) {
        return Ok(false);
    }
    for file in files.iter().filter(|file| !hidden.contains(file.path.as_str())) {
        if read(&current.join(&file.path))? != file.content {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A file that was hidden by another part's, and would come to light with contents that nobody gave, is an error.
fn emerging(
    wanted: &[Part],
    parts: &[Part],
    index: &[IndexPart],
    find: &dyn Fn(ObjectKind, &str) -> Option<ObjectData>,
) -> Result<(), String> {
    for (number, (part, known)) in parts.iter().zip(index).enumerate() {
        if given(part, find).is_some() {
            continue;
        }
        let was_hidden = hidden(index, number);
        for (path, _) in &known.files {
            let still = wanted
                .iter()
                .skip(number + 1)
                .any(|part| part.files.iter().any(|file| file.path == *path));
            if was_hidden.contains(path.as_str()) && !still {
                let of = match &part.source {
                    PartSource::Object(object) => format!("{} {:?}", object.kind.name(), object.name),
                    PartSource::Pod => "the downward API".to_owned(),
                };
                return Err(format!(
                    "`{path}` would come from {of}, which it has been hiding; give its manifest too, or run the pod anew"
                ));
            }
        }
    }
    Ok(())
}

fn carry_out(directory: &Path, change: &Change<'_>) -> Result<(), UpdateError> {
    let volume = change.volume;
    let files = merge(change.parts.iter().map(|part| part.files.as_slice())).map_err(|reason| {
        UpdateError::Content {
            volume: volume.name.clone(),
            reason,
        }
    })?;
    let index = index::of(&change.parts);
    let note = |generation: &str| index::note(directory, &volume.name, generation, &index);
    writer::write_all(&volume.path, &files, &note)
        .map_err(|(doing, source)| failed(volume, doing, &volume.path)(source))?;
    writer::generation(&volume.path)
        .and_then(|current| index::clean(directory, &volume.name, &current))
        .map_err(failed(
            volume,
            "remove what was known of the old files",
            directory,
        ))
}

#[cfg(test)]
#[path = "update_tests.rs"]
mod tests;
