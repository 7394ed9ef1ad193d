//! The state directory: which containers exist, who holds them, and what must be removed after them.
//!
//! ```text
//! <state>/containers/<id>/journal.json   what was made for the container, written before it is made
//! <state>/containers/<id>/…              the container's own files
//! <state>/claims/                        names that are unique on the host while in use
//! ```
//!
//! A container is held by whoever holds the lock on its journal. Locks vanish with their process, so a journal that can be
//! locked belongs to nobody, whatever process ids have been reused since. Nothing is synchronised to the disk: after a
//! power failure there are no processes, mounts or cgroups left to remove, and the directories are found all the same.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

const JOURNAL: &str = "journal.json";
/// A journal names a few paths per volume; anything larger was not written by porthole.
const MAX_JOURNAL: u64 = 4 * 1024 * 1024;

/// The state directory of one or many porthole processes.
#[derive(Clone, Debug)]
pub struct State {
    root: PathBuf,
}

/// Why a container's directory could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// A live process holds a container of this id.
    #[error("container `{id}` is in use by another porthole process")]
    InUse {
        /// The id asked for.
        id: String,
    },
    /// The directory or journal could not be made.
    #[error("write state directory {}", path.display())]
    Io {
        /// What was to be made or read.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl State {
    /// The state under a directory, which is made when the first container is.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The directory given to [`State::new`].
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where names that are unique while in use are claimed: one file a name, whose content is the container's id.
    #[must_use]
    pub fn claims(&self, kind: &str) -> PathBuf {
        self.root.join("claims").join(kind)
    }

    fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// The directory of the container of an id, which must be one, whether it is there or not.
    #[must_use]
    pub fn directory(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    /// Takes a container's directory and holds it. One that a dead process left behind is handed over as it is:
    /// [`Held::read`] then says what is still to be removed.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub fn claim(&self, id: &str) -> Result<Held, ClaimError> {
        let directory = self.directory(id);
        loop {
            let made = match make_directory(&directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(self.containers()).and_then(|()| make_directory(&directory))
                }
                made => made,
            };
            made.map_err(|source| ClaimError::Io {
                path: directory.clone(),
                source,
            })?;
            match hold(id, &directory, true) {
                Ok(Some(held)) => return Ok(held),
                Ok(None) => return Err(ClaimError::InUse { id: id.to_owned() }),
                // Another process swept the empty directory away between the two calls: make it again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    // Nothing is left of a journal that could not be made, for example on a full disk.
                    let _ = fs::remove_dir(&directory);
                    return Err(ClaimError::Io {
                        path: directory,
                        source,
                    });
                }
            }
        }
    }

    /// The ids of all containers, held or not, in order.
    ///
    /// # Errors
    /// The directory could not be read. A missing one has no containers.
    pub fn ids(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.containers()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            ids.extend(entry?.file_name().into_string().ok());
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Takes over a container that nobody holds. `None` when somebody does, or when it is gone.
    ///
    /// # Errors
    /// The journal could not be opened.
    pub fn take_over(&self, id: &str) -> io::Result<Option<Held>> {
        let directory = self.directory(id);
        match hold(id, &directory, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A directory without a journal: its maker died, or is just about to write one; then `rmdir` either
                // fails or makes it begin again.
                match fs::remove_dir(&directory) {
                    Err(error)
                        if !matches!(
                            error.kind(),
                            io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
                        ) =>
                    {
                        Err(error)
                    }
                    _ => Ok(None),
                }
            }
            held => held,
        }
    }

    /// Reads a container's journal without holding it.
    #[must_use]
    pub fn peek<T: DeserializeOwned>(&self, id: &str) -> Option<T> {
        let mut file = File::open(self.directory(id).join(JOURNAL)).ok()?;
        read(&mut file).ok().flatten()
    }
}

/// Only the holder looks in: what a container writes is below, and the container itself comes by way of its mounts.
fn make_directory(directory: &Path) -> io::Result<()> {
    match make_private(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

#[cfg(unix)]
fn make_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    fs::DirBuilder::new().mode(0o700).create(directory)
}

/// On Windows the state directory's own rights are passed on.
#[cfg(not(unix))]
fn make_private(directory: &Path) -> io::Result<()> {
    fs::create_dir(directory)
}

fn hold(id: &str, directory: &Path, create: bool) -> io::Result<Option<Held>> {
    let path = directory.join(JOURNAL);
    let lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .open(&path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Between opening and locking, another process may have removed the journal: then this lock is on nothing.
    if !path.try_exists()? || !same_file(&lock, &path)? {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(Some(Held {
        id: id.to_owned(),
        directory: directory.to_owned(),
        lock,
    }))
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (one, other) = (file.metadata()?, fs::metadata(path)?);
    Ok(one.dev() == other.dev() && one.ino() == other.ino())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "asking can fail elsewhere")]
fn same_file(_: &File, _: &Path) -> io::Result<bool> {
    // Elsewhere an open file's name is not given away before it is closed.
    Ok(true)
}

fn read<T: DeserializeOwned>(file: &mut File) -> io::Result<Option<T>> {
    let mut text = String::new();
    file.rewind()?;
    file.take(MAX_JOURNAL).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text).ok())
}

/// A container's directory, held until this is dropped or its process ends.
#[derive(Debug)]
pub struct Held {
    id: String,
    directory: PathBuf,
    lock: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        // Said aloud: a process that is just being started may have a copy of the descriptor for a moment.
        let _ = self.lock.unlock();
    }
}

impl Held {
    /// The container's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The container's own directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file whose lock is held, for engines that must keep it out of their child processes.
    #[must_use]
    pub fn lock(&self) -> &File {
        &self.lock
    }

    /// The journal, `None` when it was never written in full: then nothing was made for the container either.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn read<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        read(&mut self.lock)
    }

    /// Writes the journal: before anything that it names is made.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn write<T: Serialize>(&mut self, journal: &T) -> io::Result<()> {
        let text = serde_json::to_vec(journal)?;
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        self.lock.write_all(&text)
    }

    /// Removes all files of the container but the journal.
    ///
    /// # Errors
    /// The first that could not be removed.
    pub fn empty(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name() == JOURNAL {
                continue;
            }
            if entry.file_type()?.is_dir() {
                remove_all(&entry.path())?;
            } else {
                match fs::remove_file(entry.path()) {
                    // Its own writer was faster: the note of a program that ends with the container.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    removed => removed?,
                }
            }
        }
        Ok(())
    }

    /// Removes the journal and the directory: the last thing that is done about a container.
    ///
    /// # Errors
    /// One of them could not be removed.
    pub fn remove(&self) -> io::Result<()> {
        let gone = |removed: io::Result<()>| match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        gone(fs::remove_file(self.directory.join(JOURNAL)))?;
        match fs::remove_dir(&self.directory) {
            // A program that was being started in it has left a note since.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                gone(self.empty())?;
                gone(fs::remove_dir(&self.directory))
            }
            removed => gone(removed),
        }
    }
}

/// Removes a directory with all that is in it, also where its owner had shut it.
fn remove_all(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if cfg!(unix) && error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(directory)?;
            fs::remove_dir_all(directory)
        }
        removed => removed,
    }
}

/// Lets the owner of a tree into all of its directories.
#[cfg(unix)]
fn open_up(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

/// Elsewhere rights are passed on from the state directory.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn open_up(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_second_holder_and_hands_over_after_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::new(&directory.path().join("state"));
        let mut held = state.claim("one").unwrap();
        held.write(&vec!["a", "b"]).unwrap();
        assert!(matches!(state.claim("one"), Err(ClaimError::InUse { .. })));
        assert!(state.take_over("one").unwrap().is_none());
        drop(held);
        let mut held = state.take_over("one").unwrap().unwrap();
        assert_eq!(held.read::<Vec<String>>().unwrap().unwrap(), ["a", "b"]);
        // Windows keeps the name of an open file until it is closed: its engine removes the directory after that.
        #[cfg(unix)]
        {
            held.remove().unwrap();
            assert!(state.ids().unwrap().is_empty());
        }
    }

    #[cfg(unix)]
    #[test]
    fn lets_nobody_else_into_a_containers_directory() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let held = State::new(directory.path()).claim("one").unwrap();
        let mode = fs::metadata(held.directory()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn takes_a_torn_journal_for_none() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::new(directory.path());
        let held = state.claim("torn").unwrap();
        fs::write(held.directory().join(JOURNAL), "{\"cgroups\":[").unwrap();
        drop(held);
        let mut held = state.take_over("torn").unwrap().unwrap();
        assert!(held.read::<Vec<String>>().unwrap().is_none());
    }

    #[test]
    fn removes_a_directory_whose_maker_died_before_the_journal() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::new(directory.path());
        fs::create_dir_all(directory.path().join("containers/half")).unwrap();
        assert!(state.take_over("half").unwrap().is_none());
        assert!(state.ids().unwrap().is_empty());
    }

    #[test]
    fn empties_all_but_the_journal() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::new(directory.path());
        let held = state.claim("one").unwrap();
        fs::create_dir_all(held.directory().join("upper/a")).unwrap();
        fs::write(held.directory().join("note"), "x").unwrap();
        held.empty().unwrap();
        assert_eq!(fs::read_dir(held.directory()).unwrap().count(), 1);
    }
}
