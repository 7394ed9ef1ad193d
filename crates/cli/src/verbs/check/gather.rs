//! The files that are checked: whatever of them can be read.

use std::path::{Path, PathBuf};

use porthole_check::File;
use porthole_manifest::Source;

use super::config::Config;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::fetch::{self, Address};
use crate::intake;
use crate::parallel;

/// A file that is no text, or cannot be opened.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(super) name: String,
    pub(crate) reason: String,
}

/// Where a text comes from.
enum Origin {
    Path(PathBuf),
    Bytes(String, Vec<u8>),
}

/// Reads and parses everything. What a directory holds and what cannot be read is named beside the rest.
///
/// # Errors
/// A path that is named does not exist, or a URL cannot be fetched.
pub(crate) fn read(paths: &[PathBuf], config: &Config) -> Result<(Vec<File>, Vec<Unreadable>), Failure> {
    let mut origins = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let bytes =
                intake::standard_input().attempt(exit::UNASKED, || "read standard input".to_owned())?;
            origins.push(Origin::Bytes("-".to_owned(), bytes));
        } else if let Some(address) = path.to_str().and_then(Address::parse) {
            let address = address?;
            origins.push(Origin::Bytes(address.name(), fetch::fetch(&address)?));
        } else if path.is_dir() {
            let before = origins.len();
            walk(path, config, &mut origins)?;
            if origins.len() == before {
                let failure = Failure::unasked(format!(
                    "read `{}`: no .yaml, .yml or .json file in it",
                    path.display()
                ));
                return Err(failure.help("name the files, or another directory"));
            }
        } else {
            std::fs::metadata(path).attempt(exit::UNASKED, || format!("read `{}`", path.display()))?;
            origins.push(Origin::Path(path.clone()));
        }
    }
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    // One file has all threads; of many each is read by one.
    let threads = if origins.len() == 1 {
        parallel::threads()
    } else {
        1
    };
    for result in parallel::map(&origins, |origin| parse(origin, threads)) {
        match result {
            Ok(file) => files.push(file),
            Err(error) => unreadable.push(error),
        }
    }
    Ok((files, unreadable))
}

/// The manifests of a directory and of those in it, by name; hidden ones and what `.gitignore` names are left out.
fn walk(directory: &Path, config: &Config, origins: &mut Vec<Origin>) -> Result<(), Failure> {
    let walk = ignore::WalkBuilder::new(directory)
        .sort_by_file_path(Ord::cmp)
        .build();
    for entry in walk {
        let entry = entry.attempt(exit::UNASKED, || {
            format!("read the directory `{}`", directory.display())
        })?;
        let path = entry.path();
        let known = path
            .extension()
            .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if known && path.is_file() && !config.excludes(path) {
            origins.push(Origin::Path(path.to_owned()));
        }
    }
    Ok(())
}

/// The manifests of a directory and of those in it, as far as it can be read.
pub(crate) fn manifests(directory: &Path, config: &Config) -> Vec<PathBuf> {
    let mut origins = Vec::new();
    // What cannot be read has nothing to say here: whoever opens it sees it.
    let _ = walk(directory, config, &mut origins);
    let paths = origins.into_iter().filter_map(|origin| match origin {
        Origin::Path(path) => Some(path),
        Origin::Bytes(..) => None,
    });
    paths.collect()
}

fn parse(origin: &Origin, threads: usize) -> Result<File, Unreadable> {
    let (name, bytes) = match origin {
        Origin::Path(path) => {
            let name = path.display().to_string();
            match intake::file(path) {
                Ok(bytes) => (name, bytes),
                Err(error) => {
                    let reason = format!("read `{name}`: {error}");
                    return Err(Unreadable { name, reason });
                }
            }
        }
        Origin::Bytes(name, bytes) => (name.clone(), bytes.clone()),
    };
    let source = Source::from_bytes(name.clone(), bytes);
    let file = source.map(|source| File::read_on(source, threads));
    file.map_err(|error| Unreadable {
        name,
        reason: error.to_string(),
    })
}

/// The files as they are now, after some have been changed.
///
/// # Errors
/// One of them can no longer be read.
pub(super) fn again(files: &[File]) -> Result<Vec<File>, Failure> {
    files
        .iter()
        .map(|file| {
            let name = file.source.name();
            if !Path::new(name).is_file() {
                return Ok(File::parse(name, file.source.text()));
            }
            parse(&Origin::Path(PathBuf::from(name)), 1)
                .map_err(|unreadable| Failure::unasked(unreadable.reason))
        })
        .collect()
}
