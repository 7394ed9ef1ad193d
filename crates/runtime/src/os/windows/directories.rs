//! Directories of the host that containers need and that may not have been there: `C:\hpc`, parents of destinations.
//!
//! A directory that porthole made is claimed by every container that needs it, and removed with the last of them. One
//! that was there before is never claimed, and so never removed. Claims are files below the state directory, written
//! before the directory is made:
//!
//! ```text
//! <state>/claims/directories/<hash of the path>/path     the path
//! <state>/claims/directories/<hash of the path>/<id>     one claim
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::path;

use super::api::Host;

const PATH: &str = "path";

/// The claims on directories of one state directory.
#[derive(Clone, Debug)]
pub(super) struct Directories {
    root: PathBuf,
}

impl Directories {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Those of a path's directories that are missing or claimed, the highest first: what must be journalled before
    /// [`acquire`](Self::acquire).
    pub(super) fn needed(&self, host: &dyn Host, directory: &str) -> Vec<String> {
        let directory = path::with_backslashes(directory);
        let mut needed = Vec::new();
        let mut rest = directory.trim_end_matches('\\');
        // The root of a drive or share is never made.
        while rest.len() > 2 && !rest.ends_with(':') && !rest.ends_with(r"\\") {
            if !host.is_directory(rest) || self.claim(rest).is_dir() {
                needed.push(rest.to_owned());
            }
            match rest.rfind('\\') {
                Some(at) => rest = &rest[..at],
                None => break,
            }
        }
        needed.reverse();
        needed
    }

    /// Claims a directory and makes it if it is missing.
    /// Nobody but administrators may change one that is made (`sddl`).
    pub(super) fn acquire(&self, host: &dyn Host, directory: &str, id: &str, sddl: &str) -> io::Result<()> {
        let _lock = self.lock()?;
        let claim = self.claim(directory);
        let there = host.is_directory(directory);
        if there && !claim.is_dir() {
            // Somebody else made it since it was found missing.
            return Ok(());
        }
        fs::create_dir_all(&claim)?;
        fs::write(claim.join(PATH), directory)?;
        fs::write(claim.join(id), "")?;
        if there {
            return Ok(());
        }
        match host.create_private_directory(directory, sddl) {
            // A porthole of another state directory, or somebody else: theirs it is, and whoever uses it judges it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                ignore_missing(fs::remove_file(claim.join(id)))?;
                if is_claimed(&claim)? {
                    return Ok(());
                }
                forget(&claim)
            }
            made => made,
        }
    }

    /// Gives a claim up, and removes the directory with the last one if nothing is in it.
    pub(super) fn release(&self, host: &dyn Host, directory: &str, id: &str) -> io::Result<()> {
        let claim = self.claim(directory);
        if !claim.is_dir() {
            return Ok(());
        }
        let _lock = self.lock()?;
        ignore_missing(fs::remove_file(claim.join(id)))?;
        if is_claimed(&claim)? {
            return Ok(());
        }
        match host.remove_directory(directory) {
            // What others have put there is theirs now.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            removed => ignore_missing(removed)?,
        }
        forget(&claim)
    }

    fn claim(&self, directory: &str) -> PathBuf {
        // FNV-1a: short, and the same in every build, which `std`'s hashers do not promise.
        let hash = directory
            .to_lowercase()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        self.root.join(format!("{hash:016x}"))
    }

    /// One porthole at a time changes claims. The lock ends with its process.
    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(&self.root)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.root.join("lock"))?;
        lock.lock()?;
        Ok(lock)
    }
}

/// Whether anybody claims what this directory of claims is about.
fn is_claimed(claim: &Path) -> io::Result<bool> {
    let mut entries = fs::read_dir(claim)?.filter_map(Result::ok);
    Ok(entries.any(|entry| entry.file_name() != PATH))
}

/// Removes a directory of claims without any.
fn forget(claim: &Path) -> io::Result<()> {
    ignore_missing(fs::remove_file(claim.join(PATH)))?;
    ignore_missing(fs::remove_dir(claim))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Whether `path` lies below `directory`, without regard to case.
pub(super) fn is_below(directory: &str, path: &str) -> bool {
    path.len() > directory.len()
        && path
            .split_at_checked(directory.len())
            .is_some_and(|(head, tail)| head.eq_ignore_ascii_case(directory) && tail.starts_with('\\'))
}

/// The directory that a path lies in.
pub(super) fn parent(path: &str) -> Option<&str> {
    path.rfind('\\').map(|at| &path[..at])
}

/// A path of ours as Windows text.
pub(super) fn text(path: &Path) -> io::Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{}` is no Unicode text", path.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Call, Fake};
    use super::*;

    fn setup() -> (tempfile::TempDir, Directories, std::sync::Arc<Fake>) {
        let directory = tempfile::tempdir().unwrap();
        let directories = Directories::new(directory.path().join("claims"));
        (directory, directories, Fake::new())
    }

    #[test]
    fn makes_missing_directories_and_removes_them_with_the_last_user() {
        let (_state, directories, fake) = setup();
        fake.directory(r"C:\var");
        assert_eq!(
            directories.needed(&*fake, r"C:\var\lib\x"),
            [r"C:\var\lib", r"C:\var\lib\x"]
        );
        for id in ["a", "b"] {
            for directory in directories.needed(&*fake, r"C:\var\lib") {
                directories.acquire(&*fake, &directory, id, "D:P").unwrap();
            }
        }
        directories.release(&*fake, r"C:\var\lib", "a").unwrap();
        let made = Call::CreatePrivateDirectory {
            path: r"C:\var\lib".to_owned(),
            sddl: "D:P".to_owned(),
        };
        assert_eq!(fake.calls(), [made]);
        directories.release(&*fake, r"c:\VAR\lib", "b").unwrap();
        directories.release(&*fake, r"C:\var\lib", "b").unwrap();
        assert_eq!(
            fake.calls()[1..],
            [Call::RemoveDirectory(r"c:\VAR\lib".to_owned())]
        );
    }

    #[test]
    fn never_removes_what_was_there_before() {
        let (_state, directories, fake) = setup();
        fake.directory(r"C:\hpc");
        assert!(directories.needed(&*fake, r"C:\hpc\").is_empty());
        directories.acquire(&*fake, r"C:\hpc", "a", "D:P").unwrap();
        directories.release(&*fake, r"C:\hpc", "a").unwrap();
        assert_eq!(fake.calls(), []);
    }

    #[test]
    fn what_another_porthole_makes_at_the_same_moment_is_not_claimed() {
        let (_state, directories, fake) = setup();
        let there = if cfg!(windows) { 183 } else { 17 };
        fake.fail(|call| matches!(call, Call::CreatePrivateDirectory { .. }), there);
        directories.acquire(&*fake, r"C:\hpc", "a", "D:P").unwrap();
        directories.release(&*fake, r"C:\hpc", "a").unwrap();
        let removed = |call: &Call| matches!(call, Call::RemoveDirectory(_));
        assert!(!fake.calls().iter().any(removed), "{:?}", fake.calls());
    }

    #[test]
    fn never_makes_the_root_of_a_drive() {
        let (_state, directories, fake) = setup();
        assert_eq!(directories.needed(&*fake, r"D:\x"), [r"D:\x"]);
        assert!(directories.needed(&*fake, r"D:\").is_empty());
    }

    #[test]
    fn tells_what_lies_below() {
        assert!(is_below(r"C:\a", r"c:\A\b"));
        assert!(!is_below(r"C:\a", r"C:\ab"));
        assert!(!is_below(r"C:\a", r"C:\a"));
    }
}
