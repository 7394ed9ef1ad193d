//! Files below one directory on Windows. Each directory on the way is looked at, and must be a plain one.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::LayerError;
use crate::tar::Entry;

/// What an entry's file gets beside its content.
#[derive(Debug)]
pub(super) struct Attributes {
    mtime: SystemTime,
}

impl Attributes {
    /// Takes over what Windows has a place for: the time. Access follows from the directory above.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the same name on every system, and the other one refuses"
    )]
    pub(super) fn of(entry: &Entry, _windows: bool) -> Result<Self, LayerError> {
        let seconds = u64::try_from(entry.mtime.0).unwrap_or(0);
        Ok(Self {
            mtime: SystemTime::UNIX_EPOCH + Duration::new(seconds.min(1 << 34), entry.mtime.1),
        })
    }
}

/// A directory tree being written.
pub(super) struct Tree {
    root: PathBuf,
    /// The directory that was looked at last.
    seen: Option<PathBuf>,
}

impl Tree {
    /// Makes the root.
    pub(super) fn create(path: &Path) -> Result<Self, LayerError> {
        fs::create_dir(path).map_err(|source| LayerError::Write {
            action: "create directory",
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self {
            root: path.to_owned(),
            seen: None,
        })
    }

    /// Makes a directory, or takes the one that is there.
    pub(super) fn directory(
        &mut self,
        components: &[&str],
        _attributes: &Attributes,
    ) -> Result<(), LayerError> {
        let Some((name, parents)) = components.split_last() else {
            return Ok(());
        };
        let path = self.enter(parents)?.join(name);
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => return Ok(()),
            Ok(_) => fs::remove_file(&path).map_err(during("replace", components))?,
            Err(_) => {}
        }
        fs::create_dir(&path).map_err(during("create directory", components))
    }

    /// Makes a file, in place of whatever is there.
    pub(super) fn file(
        &mut self,
        components: &[&str],
        attributes: &Attributes,
        content: &mut impl BufRead,
    ) -> Result<(), LayerError> {
        let mut file = self.create_file(components).map_err(|error| match error {
            Ok(refused) => refused,
            Err(source) => during("create file", components)(source),
        })?;
        loop {
            let buffer = content.fill_buf().map_err(LayerError::Read)?;
            if buffer.is_empty() {
                break;
            }
            let length = buffer.len();
            file.write_all(buffer).map_err(during("write", components))?;
            content.consume(length);
        }
        file.set_modified(attributes.mtime)
            .map_err(during("set the time of", components))
    }

    /// Refuses: making symbolic links takes a privilege on Windows, and they could lead anywhere on the host.
    #[expect(clippy::unused_self, reason = "the same name on every system")]
    pub(super) fn symlink(
        &mut self,
        components: &[&str],
        _attributes: &Attributes,
        target: &str,
    ) -> Result<(), LayerError> {
        let reason = format!("is a symbolic link to {target:?}, which porthole does not make on Windows");
        Err(LayerError::entry(&components.join("/"), reason))
    }

    /// Gives a file of the layer another name.
    pub(super) fn hard_link(
        &mut self,
        components: &[&str],
        target: &[&str],
        entry: &Entry,
    ) -> Result<(), LayerError> {
        let (Some((name, parents)), Some((target_name, target_parents))) =
            (components.split_last(), target.split_last())
        else {
            return Ok(());
        };
        let from = self
            .root
            .join(target_parents.iter().collect::<PathBuf>())
            .join(target_name);
        let plain = (1..=target_parents.len()).all(|end| {
            fs::symlink_metadata(self.root.join(target_parents[..end].iter().collect::<PathBuf>()))
                .is_ok_and(|there| there.is_dir())
        });
        if !plain || !fs::symlink_metadata(&from).is_ok_and(|there| there.is_file()) {
            let reason = format!(
                "is a hard link to {:?}, which is not in this layer before it",
                entry.link
            );
            return Err(LayerError::entry(&entry.path, reason));
        }
        let path = self.enter(parents)?.join(name);
        remove(&path).map_err(during("replace", components))?;
        fs::hard_link(from, path).map_err(during("create hard link", components))
    }

    /// Windows has no overlayfs; `Hidden` says it.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same name on every system"
    )]
    pub(super) fn hide(&mut self, _components: &[&str]) -> Result<(), LayerError> {
        Ok(())
    }

    /// Windows has no overlayfs; `Hidden` says it.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same name on every system"
    )]
    pub(super) fn hide_below(&mut self, _components: &[&str]) -> Result<(), LayerError> {
        Ok(())
    }

    /// Nothing is left to do.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same name on every system"
    )]
    pub(super) fn finish(self) -> Result<BTreeSet<String>, LayerError> {
        Ok(BTreeSet::new())
    }

    /// Entries describe nothing of a directory here.
    #[expect(clippy::unused_self, reason = "the same name on every system")]
    pub(super) fn implied(&self) -> usize {
        0
    }

    fn create_file(&mut self, components: &[&str]) -> Result<File, Result<LayerError, io::Error>> {
        let Some((name, parents)) = components.split_last() else {
            return Err(Err(io::ErrorKind::IsADirectory.into()));
        };
        let path = self.enter(parents).map_err(Ok)?.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove(&path).map_err(Err)?;
                self.seen = None;
                options.open(&path).map_err(Err)
            }
            other => other.map_err(Err),
        }
    }

    /// The way to a directory, making what is missing.
    fn enter(&mut self, components: &[&str]) -> Result<PathBuf, LayerError> {
        let mut path = self.root.clone();
        path.extend(components);
        if self.seen.as_deref() == Some(&path) {
            return Ok(path);
        }
        for end in 1..=components.len() {
            let way = &components[..end];
            let step = self.root.join(way.iter().collect::<PathBuf>());
            match fs::symlink_metadata(&step) {
                Ok(there) if there.is_dir() => {}
                Ok(_) => {
                    let reason = format!("passes through {:?}, which is no directory", way.join("/"));
                    return Err(LayerError::entry(&components.join("/"), reason));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir(&step).map_err(during("create directory", way))?;
                }
                Err(error) => return Err(during("inspect", way)(error)),
            }
        }
        self.seen = Some(path.clone());
        Ok(path)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn during<'a>(action: &'static str, components: &'a [&'a str]) -> impl FnOnce(io::Error) -> LayerError + 'a {
    move |error| LayerError::Write {
        action,
        path: components.join("/"),
        source: error,
    }
}
