//! Mount points on the host: found, made where they are missing, and removed when their last user is gone.
//!
//! A bind mount needs something to be mounted on, in the host's own file system, which all mount namespaces share. Removing
//! such a directory detaches, without a warning, whatever other namespaces have mounted there. So:
//!
//! - every holder of a container keeps a shared lock on each mount point that porthole made;
//! - one that porthole made carries a mark (the extended attribute [`MARK`]), so that whoever leaves last removes it, also
//!   where two porthole processes keep their records in different places;
//! - it is removed only with the exclusive lock, only when it is ours, and only when it is empty;
//! - one that porthole made can be opened by root alone, else any user could lock it, and hold up whoever uses it. Others
//!   may pass through.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, XattrFlags, fchmod, fgetxattr, flock, fsetxattr};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::rootless;

/// On every mount point that porthole made. `trusted.*` is root's alone.
const MARK: &str = "trusted.porthole.mountpoint";
/// How long a lock is waited for that is only ever held while something is removed.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where anybody may have it: what porthole did not make it does not remove, and so it does without.
const SHORT_PATIENCE: Duration = Duration::from_millis(20);
/// The mode of a directory that porthole makes, and of a file.
const MODES: (u32, u32) = (0o711, 0o600);
/// As the kernel's own limit on symbolic links in a path.
const MAX_LINKS: usize = 40;

/// A directory or file that is, or may become, ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// A file that a file is mounted on; else a directory.
    pub(super) file: bool,
    /// It was missing when the container was planned.
    pub(super) missing: bool,
}

/// A place that is held.
#[derive(Debug)]
pub(super) struct HeldPlace {
    place: Place,
    lock: File,
    /// Somebody else made it between planning and making.
    foreign: bool,
}

/// Follows symbolic links to the path that is really meant. Links of anybody but root are refused: who may write one could
/// send a mount, or a directory made for it, anywhere.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, String> {
    let mut todo: Vec<PathBuf> = components(path).rev().collect();
    let mut resolved = PathBuf::from("/");
    let mut links = 0;
    while let Some(component) = todo.pop() {
        if component == Path::new("..") {
            resolved.pop();
            continue;
        }
        let next = resolved.join(&component);
        match fs::symlink_metadata(&next) {
            Ok(metadata) if metadata.is_symlink() => {
                links += 1;
                if !is_trusted(&metadata, &resolved) {
                    return Err(format!(
                        "`{}` is a symbolic link that is not root's; mount at what it points to",
                        next.display()
                    ));
                }
                if links > MAX_LINKS {
                    return Err(format!("too many symbolic links at `{}`", next.display()));
                }
                let target =
                    fs::read_link(&next).map_err(|error| format!("read `{}`: {error}", next.display()))?;
                if target.is_absolute() {
                    resolved = PathBuf::from("/");
                }
                todo.extend(components(&target).collect::<Vec<_>>().into_iter().rev());
            }
            _ => resolved = next,
        }
    }
    Ok(resolved)
}

/// Whether nobody else could have put a symbolic link into this directory. In a user namespace root's cannot be told from
/// others', and what a mount does there it does to no other user: then it is enough that not everybody may write there.
fn is_trusted(link: &fs::Metadata, directory: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    link.uid() == 0
        || rootless::is_needed()
            && (link.uid() == own || fs::metadata(directory).is_ok_and(|there| there.mode() & 0o002 == 0))
}

fn components(path: &Path) -> impl DoubleEndedIterator<Item = PathBuf> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        _ => None,
    })
}

/// The places on the way to `path` that are missing or marked as ours, the outermost first, and `path` itself. `file` says
/// what it is. `path` has no symbolic links.
pub(super) fn plan(path: &Path, file: bool) -> Result<Vec<Place>, String> {
    let mut places = Vec::new();
    let mut ancestors: Vec<&Path> = path.ancestors().collect();
    ancestors.pop();
    for one in ancestors.into_iter().rev() {
        let last = one == path;
        match fs::symlink_metadata(one) {
            Ok(metadata) => {
                if !last && !metadata.is_dir() {
                    return Err(format!("`{}` is not a directory", one.display()));
                }
                if last && metadata.is_dir() == file {
                    let (is, not) = if file {
                        ("directory", "file")
                    } else {
                        ("file", "directory")
                    };
                    return Err(format!(
                        "`{}` is a {is} on this host, and the volume is a {not}",
                        one.display()
                    ));
                }
                // Opening a device could do something. The last one is held even if it is nobody's: where attributes cannot
                // be set, another porthole may have made it.
                if (metadata.is_dir() || metadata.is_file())
                    && (last || open(one).is_ok_and(|file| is_marked(&file)))
                {
                    places.push(Place {
                        path: one.to_owned(),
                        file: last && file,
                        missing: false,
                    });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => places.push(Place {
                path: one.to_owned(),
                file: last && file,
                missing: true,
            }),
            Err(error) => return Err(format!("look at `{}`: {error}", one.display())),
        }
    }
    Ok(places)
}

fn open(path: &Path) -> rustix::io::Result<File> {
    rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map(File::from)
}

fn is_marked(file: &File) -> bool {
    fgetxattr(file, MARK, &mut [0_u8; 8][..]).is_ok()
}

/// Makes a place where it is missing, and holds it.
pub(super) fn hold(place: &Place) -> io::Result<HeldPlace> {
    let since = Instant::now();
    loop {
        let made = make(place)?;
        let lock = match open(&place.path) {
            // Removed by its last user since: make it again.
            Err(Errno::NOENT) => continue,
            lock => lock?,
        };
        let ours = place.missing || is_marked(&lock);
        let patience = if ours { PATIENCE } else { SHORT_PATIENCE };
        match flock(&lock, FlockOperation::NonBlockingLockShared) {
            // Somebody is about to remove it.
            Err(Errno::WOULDBLOCK) if since.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            Err(Errno::WOULDBLOCK) if ours => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process keeps an exclusive lock on it",
                ));
            }
            // Somebody else's lock, or a file system without locks: nobody removes what was there before.
            Err(_) if !place.missing => {}
            locked => locked?,
        }
        if !is_at(&lock, &place.path) {
            continue;
        }
        if made {
            // A file system without such attributes: then only the container's journal knows that it is ours.
            let _ = fsetxattr(&lock, MARK, b"1", XattrFlags::empty());
        } else if ours {
            close_to_others(&lock);
        }
        let foreign = place.missing && !made && !is_marked(&lock);
        return Ok(HeldPlace {
            place: place.clone(),
            lock,
            foreign,
        });
    }
}

/// One that an earlier version made may be open to everybody.
fn close_to_others(place: &File) {
    let Ok(metadata) = place.metadata() else { return };
    let (directory, file) = MODES;
    let closed = metadata.mode() & if metadata.is_dir() { directory } else { file };
    if is_marked(place) && metadata.mode() & 0o066 != 0 {
        // Without it things are as they were.
        let _ = fchmod(place, Mode::from_raw_mode(closed));
    }
}

fn make(place: &Place) -> io::Result<bool> {
    let (directory, file) = MODES;
    let made = if place.file {
        let mut options = File::options();
        options.write(true).create_new(true).mode(file);
        options.open(&place.path).map(drop)
    } else {
        fs::DirBuilder::new().mode(directory).create(&place.path)
    };
    match made {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(one), Ok(other)) => one.dev() == other.dev() && one.ino() == other.ino(),
        _ => false,
    }
}

impl HeldPlace {
    /// Lets go of the place, and says whether it may be ours to remove.
    pub(super) fn release(self) -> Option<Place> {
        let foreign = self.foreign && !is_marked(&self.lock);
        // Said aloud: a process that is just being started may have a copy of the descriptor for a moment.
        let _ = flock(&self.lock, FlockOperation::Unlock);
        (!foreign).then_some(self.place)
    }
}

/// Removes a place if it is ours, nobody holds it and it is empty.
pub(super) fn remove(place: &Place) -> io::Result<()> {
    let lock = match open(&place.path) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        lock => lock?,
    };
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(()),
        locked => locked?,
    }
    let metadata = lock.metadata()?;
    if !(place.missing || is_marked(&lock)) || !is_at(&lock, &place.path) {
        return Ok(());
    }
    let removed = if metadata.is_dir() {
        fs::remove_dir(&place.path)
    } else if metadata.is_file() && metadata.len() == 0 {
        fs::remove_file(&place.path)
    } else {
        return Ok(());
    };
    match removed {
        // Used by somebody, or a mount point of the host itself by now: not ours to touch.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::ResourceBusy | io::ErrorKind::NotFound
            ) =>
        {
            Ok(())
        }
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn place(path: &Path, missing: bool) -> Place {
        Place {
            path: path.to_owned(),
            file: false,
            missing,
        }
    }

    #[test]
    fn plans_what_is_missing_outermost_first() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("there")).unwrap();
        let planned = plan(&root.path().join("there/a/b"), true).unwrap();
        assert_eq!(
            planned,
            [
                place(&root.path().join("there/a"), true),
                Place {
                    path: root.path().join("there/a/b"),
                    file: true,
                    missing: true
                }
            ]
        );
        assert_eq!(
            plan(&root.path().join("there"), false).unwrap(),
            [place(&root.path().join("there"), false)]
        );
    }

    #[test]
    fn rejects_a_file_where_a_directory_must_be() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(plan(&file, false).unwrap_err().contains("is a file on this host"));
        assert!(
            plan(&file.join("x"), false)
                .unwrap_err()
                .contains("is not a directory")
        );
        assert!(
            plan(root.path(), true)
                .unwrap_err()
                .contains("is a directory on this host")
        );
    }

    #[test]
    fn removes_a_place_only_after_its_last_holder() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("point");
        let one = hold(&place(&path, true)).unwrap();
        let other = hold(&place(&path, true)).unwrap();
        let left = one.release().unwrap();
        remove(&left).unwrap();
        assert!(path.exists());
        other.release();
        remove(&left).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn leaves_what_is_used_or_was_there_before() {
        let root = tempfile::tempdir().unwrap();
        let before = root.path().join("before");
        fs::create_dir(&before).unwrap();
        remove(&place(&before, false)).unwrap();
        assert!(before.exists());
        let foreign = hold(&place(&before, true)).unwrap();
        // Unmarked and made by somebody else in the meantime.
        assert!(foreign.release().is_none());

        let point = root.path().join("point");
        let held = hold(&place(&point, true)).unwrap();
        fs::write(point.join("data"), "x").unwrap();
        remove(&held.release().unwrap()).unwrap();
        assert!(point.exists());
    }

    #[test]
    fn nobody_but_its_maker_can_open_what_is_made() {
        let root = tempfile::tempdir().unwrap();
        for (name, file, mode) in [("point", false, 0o711), ("file", true, 0o600)] {
            let path = root.path().join(name);
            let place = Place {
                path: path.clone(),
                file,
                missing: true,
            };
            let _held = hold(&place).unwrap();
            // Less what the umask takes.
            let found = fs::metadata(&path).unwrap().mode() & 0o777;
            assert_eq!(found & !mode, 0, "{name}: {found:o}");
        }
    }

    #[test]
    fn somebody_elses_lock_on_what_was_there_before_holds_up_nothing() {
        let root = tempfile::tempdir().unwrap();
        let lock = open(root.path()).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        let since = Instant::now();
        let held = hold(&place(root.path(), false)).unwrap();
        assert!(since.elapsed() < PATIENCE / 2, "{:?}", since.elapsed());
        remove(&held.release().unwrap()).unwrap();
        assert!(root.path().exists());
    }

    #[test]
    fn follows_only_links_of_root() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().canonicalize().unwrap();
        fs::create_dir(real.join("target")).unwrap();
        symlink("target", real.join("link")).unwrap();
        let resolved = resolve(&real.join("link/new/x"));
        if rustix::process::geteuid().is_root() {
            assert_eq!(resolved, Ok(real.join("target/new/x")));
            symlink("loop", real.join("loop")).unwrap();
            assert!(
                resolve(&real.join("loop"))
                    .unwrap_err()
                    .contains("too many symbolic links")
            );
            std::os::unix::fs::lchown(real.join("link"), Some(1), Some(1)).unwrap();
        }
        assert!(
            resolve(&real.join("link/new"))
                .unwrap_err()
                .contains("is a symbolic link")
        );
    }
}
