//! Files of a volume that change all at once, as the kubelet lays them out:
//!
//! ```text
//! KEY     ─▶ ..data/KEY
//! ..data  ─▶ ..2026_11_22_09_00_00.123456789     swapped by renaming ..data_tmp
//! ..2026_11_22_09_00_00.123456789/KEY
//! ```
//!
//! A reader that opens files through `..data` sees the old ones or the new ones, whatever happens to the writer. Where the
//! host has no symbolic links the files lie in the volume itself, and are replaced one by one, each as a whole.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use super::ContentFile;
use super::system::{link, make_directory, remove_file, remove_replaced, remove_tree, write};
use crate::fault;

const DATA: &str = "..data";
const DATA_NEXT: &str = "..data_tmp";
/// The generation of files that lie in the volume itself.
pub(super) const PLAIN: &str = "plain";

/// What a write failed at.
pub(super) type Failed = (&'static str, io::Error);

/// Which generation of files a volume shows: the name of its directory, or [`PLAIN`].
pub(super) fn generation(volume: &Path) -> io::Result<String> {
    match fs::read_link(volume.join(DATA)) {
        Ok(target) => match target.to_str() {
            Some(name) if is_generation(name) => Ok(name.to_owned()),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "..data is no link of porthole's",
            )),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(PLAIN.to_owned()),
        Err(error) => Err(error),
    }
}

/// Where the files of a generation are.
pub(super) fn place(volume: &Path, generation: &str) -> std::path::PathBuf {
    match generation {
        PLAIN => volume.to_owned(),
        name => volume.join(name),
    }
}

fn is_generation(name: &str) -> bool {
    name.starts_with("..") && name.len() > 3 && !name.contains(['/', '\\'])
}

/// Writes all files of a volume, whose directory is there. `before` is told the name of the generation before it is seen.
pub(super) fn write_all(
    volume: &Path,
    files: &[&ContentFile],
    before: &dyn Fn(&str) -> io::Result<()>,
) -> Result<(), Failed> {
    let failed = |doing: &'static str| move |error| (doing, error);
    remove_file(&volume.join(DATA_NEXT)).map_err(failed("remove an unfinished link"))?;
    let name = make_generation(volume).map_err(failed("make the directory of the new files"))?;
    if !link(&name, &volume.join(DATA_NEXT), true).map_err(failed("link the new files"))? {
        remove_tree(&volume.join(&name)).map_err(failed("remove the directory of the new files"))?;
        return write_plain(volume, files, before);
    }
    let written = write_into(&volume.join(&name), files)
        .and_then(|()| make_visible(volume, files))
        .and_then(|()| before(&name).map_err(failed("note the new files")))
        .and_then(|()| swap(volume, &name).map_err(failed("put the new files into effect")));
    if written.is_err() {
        // What is seen is still the old generation; the error says more than what is left of this one.
        let _ = remove_file(&volume.join(DATA_NEXT));
        let _ = remove_tree(&volume.join(&name));
        return written;
    }
    fault::step("volume-swapped");
    clean(volume, files, &name).map_err(failed("remove the old files"))
}

fn write_into(directory: &Path, files: &[&ContentFile]) -> Result<(), Failed> {
    for file in files {
        let path = directory.join(&file.path);
        let between: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .take_while(|parent| *parent != directory)
            .collect();
        for parent in between.into_iter().rev() {
            // Every one of them for every account, as the volume itself; the mode of a file decides who reads it.
            if !parent.is_dir() {
                make_directory(parent, 0o755).map_err(|error| ("make a directory", error))?;
            }
        }
        write(&path, &file.content, file.mode).map_err(|error| ("write a file", error))?;
    }
    Ok(())
}

/// The first component of each path is a link into what is current.
fn make_visible(volume: &Path, files: &[&ContentFile]) -> Result<(), Failed> {
    for (name, directory) in visible(files) {
        let path = volume.join(name);
        if !path.is_symlink() {
            match link(&format!("{DATA}/{name}"), &path, directory) {
                Ok(true) => {}
                Ok(false) => {
                    let error = io::Error::new(io::ErrorKind::Unsupported, "the host made no link");
                    return Err(("link a file", error));
                }
                Err(error) => return Err(("link a file", error)),
            }
        }
    }
    Ok(())
}

/// The names in the volume's directory, and whether each is a directory.
fn visible<'a>(files: &[&'a ContentFile]) -> BTreeSet<(&'a str, bool)> {
    let first = |file: &&'a ContentFile| match file.path.split_once('/') {
        Some((directory, _)) => (directory, true),
        None => (file.path.as_str(), false),
    };
    files.iter().map(first).collect()
}

#[cfg(unix)]
fn swap(volume: &Path, _name: &str) -> io::Result<()> {
    fs::rename(volume.join(DATA_NEXT), volume.join(DATA))
}

/// Windows replaces no link to a directory by a rename: for a moment there is none, as with the kubelet there.
#[cfg(not(unix))]
fn swap(volume: &Path, _name: &str) -> io::Result<()> {
    remove_file(&volume.join(DATA))?;
    fs::rename(volume.join(DATA_NEXT), volume.join(DATA))
}

/// Removes links that lead nowhere any more, and all generations but the current one: that of before, and what a writer
/// that was killed left.
fn clean(volume: &Path, files: &[&ContentFile], current: &str) -> io::Result<()> {
    let kept: BTreeSet<&str> = visible(files).into_iter().map(|(name, _)| name).collect();
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name == DATA || name == current || kept.contains(name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            remove_replaced(&entry.path())?;
        } else {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Without links: new files first, then what is no file of the volume any more is removed.
fn write_plain(
    volume: &Path,
    files: &[&ContentFile],
    before: &dyn Fn(&str) -> io::Result<()>,
) -> Result<(), Failed> {
    let next = volume.join(DATA_NEXT);
    remove_tree(&next).map_err(|error| ("remove unfinished files", error))?;
    make_directory(&next, 0o755).map_err(|error| ("make the directory of the new files", error))?;
    write_into(&next, files)?;
    before(PLAIN).map_err(|error| ("note the new files", error))?;
    for file in files {
        let path = volume.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| ("make a directory", error))?;
        }
        fs::rename(next.join(&file.path), &path).map_err(|error| ("put a file into effect", error))?;
    }
    let wanted: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    remove_tree(&next)
        .and_then(|()| clean_plain(volume, volume, &wanted))
        .map_err(|error| ("remove the old files", error))
}

fn clean_plain(volume: &Path, directory: &Path, wanted: &BTreeSet<&str>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let relative = path.strip_prefix(volume).unwrap_or(&path).to_string_lossy();
        let relative = relative.replace('\\', "/");
        if entry.file_type()?.is_dir() {
            clean_plain(volume, &path, wanted)?;
            let inside = format!("{relative}/");
            if !wanted.iter().any(|file| file.starts_with(&inside)) {
                remove_tree(&path)?;
            }
        } else if !wanted.contains(relative.as_str()) {
            remove_file(&path)?;
        }
    }
    Ok(())
}

/// Makes the directory of a generation, named after the moment.
fn make_generation(volume: &Path) -> io::Result<String> {
    let mut moment = SystemTime::now();
    loop {
        let name = stamp(moment);
        match make_directory(&volume.join(&name), 0o755) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => moment += Duration::from_nanos(100),
            made => return made.map(|()| name),
        }
    }
}

/// `..2026_11_22_09_00_00.123456789`.
fn stamp(moment: SystemTime) -> String {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days since 0000-03-01, in eras of 400 years: a year that begins in March has its odd day at the end.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "..{year:04}_{month:02}_{day:02}_{hour:02}_{minute:02}_{second:02}.{:09}",
        since.subsec_nanos()
    )
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
