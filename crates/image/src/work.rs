//! Work in progress beside what it will become, on the same file system, so that the last step is a rename.
//!
//! A process that is killed cannot tidy up. Each directory of work holds a file that its process keeps locked; who
//! begins work in the same place removes the directories whose lock nobody holds.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use tempfile::TempDir;

use crate::Result;
use crate::error::During as _;

/// How the directories' names begin. Builds never take them for files of theirs.
pub(crate) const PREFIX: &str = ".porthole-work-";
/// The file that is locked while the work goes on.
const LOCK: &str = "in-use";
/// How often another process may take a directory for an abandoned one before it was locked.
const ATTEMPTS: usize = 10;

/// A directory of one's own, gone when dropped.
#[derive(Debug)]
pub(crate) struct Work {
    /// Removed before the lock is given up.
    directory: TempDir,
    lock: Option<File>,
}

impl Work {
    /// Makes one in a directory, from which it first removes what is left of processes that are gone.
    pub(crate) fn within(parent: &Path) -> Result<Self> {
        sweep(parent);
        let mut attempts = 0;
        loop {
            let mut builder = tempfile::Builder::new();
            builder.prefix(PREFIX);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                builder.permissions(fs::Permissions::from_mode(0o700));
            }
            let directory = builder
                .tempdir_in(parent)
                .during("create a directory in", parent)?;
            let path = directory.path().join(LOCK);
            let lock = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path);
            let lock = match lock {
                // File systems without locks are no reason not to work.
                Ok(file) => match file.try_lock() {
                    Ok(()) | Err(TryLockError::Error(_)) => path.exists().then_some(file),
                    Err(TryLockError::WouldBlock) => None,
                },
                Err(error) if attempts == ATTEMPTS => return Err(error).during("create", &path),
                Err(_) => None,
            };
            if let Some(lock) = lock {
                return Ok(Self {
                    directory,
                    lock: Some(lock),
                });
            }
            attempts += 1;
        }
    }

    /// Where the work is done.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Windows does not remove a directory that holds an open file.
        if cfg!(windows) {
            self.lock = None;
        }
    }
}

/// The directory that a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Removes the work of processes that are gone. What cannot be removed is in nobody's way.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        if ours && entry.metadata().is_ok_and(|metadata| mine(&metadata)) {
            remove_abandoned(&entry.path());
        }
    }
}

fn remove_abandoned(directory: &Path) {
    let mut options = OpenOptions::new();
    // A process that was killed before it made its lock left none.
    options.read(true).write(true).create(true).truncate(false);
    let Ok(lock) = options.open(directory.join(LOCK)) else {
        return;
    };
    if lock.try_lock().is_ok() {
        let held = (!cfg!(windows)).then_some(lock);
        let _ = fs::remove_dir_all(directory);
        drop(held);
    }
}

/// Whether nobody else can have put anything into the directory: the parent may be open to all, as `/tmp` is.
fn mine(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let closed =
            metadata.mode() & 0o777 == 0o700 && metadata.uid() == rustix::process::geteuid().as_raw();
        metadata.is_dir() && closed
    }
    #[cfg(not(unix))]
    {
        metadata.is_dir()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{LOCK, PREFIX, Work};

    fn names(directory: &std::path::Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_another_does_stays() {
        let parent = tempfile::tempdir().unwrap();
        let private = |name: &str| {
            let path = parent.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&path).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
            }
            path
        };
        fs::write(private("killed").join(LOCK), "").unwrap();
        private("killed-early");
        let file = parent.path().join(format!("{PREFIX}file"));
        fs::write(&file, "").unwrap();
        let one = Work::within(parent.path()).unwrap();
        let two = Work::within(parent.path()).unwrap();
        let mut expected: Vec<_> = [one.path(), two.path(), &file]
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .into();
        expected.sort();
        assert_eq!(names(parent.path()), expected);
        drop((one, two));
        assert_eq!(names(parent.path()), [format!("{PREFIX}file")]);
    }

    #[cfg(unix)]
    #[test]
    fn directories_that_others_can_write_are_let_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join(format!("{PREFIX}open"));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        drop(Work::within(parent.path()).unwrap());
        assert!(path.exists());
    }
}
