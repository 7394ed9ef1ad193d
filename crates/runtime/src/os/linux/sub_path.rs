//! `subPath`: a part of a volume, found without being led out of it.
//!
//! Who may write into a volume may put a symbolic link there. As with the kubelet, links are followed where they stay in the
//! volume; what they lead to is then opened from the volume's root component by component, with no link followed any more, so
//! that one that is swapped meanwhile is an error and no way out.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fchmod, mkdirat, openat2};
use rustix::io::Errno;

/// A part of a volume: where its volume is, and where it is in that, both without links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) root: PathBuf,
    pub(super) beneath: PathBuf,
}

impl Part {
    /// Its path on the host.
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.beneath)
    }

    /// Opens it for being mounted.
    pub(super) fn open(&self) -> io::Result<OwnedFd> {
        let root = open_root(&self.root)?;
        if self.beneath.as_os_str().is_empty() {
            return Ok(root);
        }
        Ok(beneath(&root, &self.beneath, OFlags::PATH)?)
    }
}

/// Finds a part of a volume. What is missing is made as directories with the mode of the volume's root.
///
/// # Errors
/// Why there is none, for people.
pub(super) fn find(volume: &Path, wanted: &Path) -> Result<Part, String> {
    let shown = wanted.display();
    let inside = wanted
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(format!("subPath `{shown}` is no path in the volume"));
    }
    let root = volume
        .canonicalize()
        .map_err(|error| format!("resolve `{}`: {error}", volume.display()))?;
    let path = root.join(wanted);
    match path.canonicalize() {
        Ok(real) => {
            let beneath = real
                .strip_prefix(&root)
                .map_err(|_| format!("subPath `{shown}` leads out of the volume over a symbolic link"))?;
            let beneath = beneath.to_owned();
            Ok(Part { root, beneath })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(root, wanted),
        Err(error) => Err(format!("resolve subPath `{shown}`: {error}")),
    }
}

/// Makes the directories of a subPath of which at least the last is missing.
fn make(root: PathBuf, wanted: &Path) -> Result<Part, String> {
    let shown = wanted.display();
    let failed = |error: io::Error| format!("failed to create subPath directory `{shown}`: {error}");
    // The deepest that is there, links followed as for a part that is there whole.
    let there = wanted
        .ancestors()
        .skip(1)
        .find_map(|ancestor| Some((ancestor, root.join(ancestor).canonicalize().ok()?)));
    let (there, real) = there.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let real = real
        .strip_prefix(&root)
        .map_err(|_| format!("subPath `{shown}` leads out of the volume over a symbolic link"))?;
    let missing = wanted.strip_prefix(there).map_err(|error| error.to_string())?;
    let mode = Mode::from_raw_mode(fs::metadata(&root).map_err(failed)?.mode() & 0o777);
    let directory = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut place = open_root(&root).map_err(failed)?;
    if !real.as_os_str().is_empty() {
        place = beneath(&place, real, directory).map_err(|errno| failed(errno.into()))?;
    }
    for part in missing {
        let name = Path::new(part);
        match mkdirat(&place, name, Mode::RWXU) {
            Ok(()) => {
                place = beneath(&place, name, directory).map_err(|errno| failed(errno.into()))?;
                // Whatever the umask.
                fchmod(&place, mode).map_err(|errno| failed(errno.into()))?;
            }
            Err(Errno::EXIST) => {
                place = beneath(&place, name, directory).map_err(|errno| failed(errno.into()))?;
            }
            Err(errno) => return Err(failed(errno.into())),
        }
    }
    let beneath = real.join(missing);
    Ok(Part { root, beneath })
}

fn open_root(root: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, root, flags, Mode::empty())?)
}

/// Opens what is below a directory, following no link.
fn beneath(directory: impl AsFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn volume() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let volume = place.path().canonicalize().unwrap().join("v");
        fs::create_dir(&volume).unwrap();
        fs::write(volume.join("file"), "x").unwrap();
        fs::set_permissions(&volume, fs::Permissions::from_mode(0o751)).unwrap();
        (place, volume)
    }

    #[test]
    fn finds_what_is_there_and_follows_links_that_stay() {
        let (_place, volume) = volume();
        fs::create_dir_all(volume.join("real/deep")).unwrap();
        symlink("real", volume.join("link")).unwrap();
        symlink(volume.join("file"), volume.join("absolute")).unwrap();
        for (wanted, expected) in [("file", "file"), ("link/deep", "real/deep"), ("absolute", "file")] {
            let part = find(&volume, Path::new(wanted)).unwrap();
            assert_eq!(part.beneath, Path::new(expected), "{wanted}");
            assert_eq!(part.path(), volume.join(expected));
            part.open().unwrap();
        }
    }

    #[test]
    fn makes_what_is_missing_with_the_mode_of_the_volume() {
        let (_place, volume) = volume();
        fs::create_dir(volume.join("real")).unwrap();
        symlink("real", volume.join("link")).unwrap();
        let part = find(&volume, Path::new("link/a/b")).unwrap();
        assert_eq!(part.beneath, Path::new("real/a/b"));
        for made in ["real/a", "real/a/b"] {
            let mode = fs::metadata(volume.join(made)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o751, "{made}");
        }
    }

    #[test]
    fn is_never_led_out_of_the_volume() {
        let (place, volume) = volume();
        fs::create_dir(place.path().join("outside")).unwrap();
        symlink("../outside", volume.join("out")).unwrap();
        symlink("../none", volume.join("dangling")).unwrap();
        symlink("/", volume.join("host")).unwrap();
        for (wanted, reason) in [
            ("out", "leads out of the volume"),
            ("out/new", "leads out of the volume"),
            ("host/etc", "leads out of the volume"),
            ("dangling", "failed to create"),
            ("dangling/x", "failed to create"),
            ("file/x", "Not a directory"),
            ("../outside", "is no path in the volume"),
            ("/etc", "is no path in the volume"),
        ] {
            let error = find(&volume, Path::new(wanted)).unwrap_err();
            assert!(error.contains(reason), "{wanted}: {error}");
        }
        assert!(!place.path().join("none").exists());
        assert!(
            fs::read_dir(place.path().join("outside"))
                .unwrap()
                .next()
                .is_none()
        );
    }

    #[test]
    fn a_link_that_is_put_there_afterwards_is_an_error() {
        let (place, volume) = volume();
        fs::create_dir_all(volume.join("a/b")).unwrap();
        let part = find(&volume, Path::new("a/b")).unwrap();
        fs::remove_dir_all(volume.join("a")).unwrap();
        symlink(place.path(), volume.join("a")).unwrap();
        fs::create_dir(place.path().join("b")).unwrap();
        assert_eq!(
            part.open().unwrap_err().raw_os_error(),
            Some(Errno::LOOP.raw_os_error())
        );
    }
}
