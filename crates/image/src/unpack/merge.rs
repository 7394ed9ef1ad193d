//! Layers put together in one directory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{Hidden, LayerError};

/// Moves what a layer leaves visible of the ones below it from `lower` into `upper`. Directories keep what the upper
/// layer says of them. Both are directories of ours that nobody else can enter, so looking before moving is enough.
pub(crate) fn merge(lower: &Path, upper: &Path, hidden: &Hidden) -> Result<(), LayerError> {
    for path in &hidden.opaque {
        erase(lower, path, true).map_err(failed("remove", path))?;
    }
    for path in &hidden.whiteouts {
        erase(lower, path, false).map_err(failed("remove", path))?;
    }
    move_below(lower, upper, "", &hidden.implied)
}

/// Removes a path, or only what is in it, unless a link or a file is in the way.
fn erase(root: &Path, path: &str, content_only: bool) -> io::Result<()> {
    let mut place = root.to_owned();
    for component in path.split('/').filter(|component| !component.is_empty()) {
        if !fs::symlink_metadata(&place).is_ok_and(|there| there.is_dir()) {
            return Ok(());
        }
        place.push(component);
    }
    // A removal is no change of the directory that the image would know of.
    let around = if content_only {
        Some(place.as_path())
    } else {
        place.parent()
    };
    let modified = around.and_then(|around| around.metadata().and_then(|there| there.modified()).ok());
    remove(&place, content_only)?;
    match (around, modified) {
        (Some(around), Some(modified)) if cfg!(unix) => File::open(around)?.set_modified(modified),
        _ => Ok(()),
    }
}

fn remove(place: &Path, content_only: bool) -> io::Result<()> {
    match fs::symlink_metadata(place) {
        Ok(there) if there.is_dir() && content_only => {
            for entry in fs::read_dir(place)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        }
        Ok(there) if there.is_dir() => fs::remove_dir_all(place),
        Ok(_) if !content_only => fs::remove_file(place),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn move_below(
    lower: &Path,
    upper: &Path,
    prefix: &str,
    implied: &BTreeSet<String>,
) -> Result<(), LayerError> {
    // Before anything is moved out of it, for that changes its time.
    let below = implied
        .contains(prefix)
        .then(|| Described::of(lower))
        .transpose()
        .map_err(failed("inspect", prefix))?;
    let modified = upper.metadata().and_then(|metadata| metadata.modified());
    let mut moved = false;
    for entry in fs::read_dir(lower).map_err(failed("read directory", prefix))? {
        let entry = entry.map_err(failed("read directory", prefix))?;
        let name = entry.file_name();
        // Names in archives are UTF-8, so that this loses nothing.
        let path = if prefix.is_empty() {
            name.display().to_string()
        } else {
            format!("{prefix}/{}", name.display())
        };
        match fs::symlink_metadata(upper.join(&name)) {
            Ok(above) => {
                let kind = entry.file_type().map_err(failed("inspect", &path))?;
                if above.is_dir() && kind.is_dir() {
                    move_below(&entry.path(), &upper.join(&name), &path, implied)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::rename(entry.path(), upper.join(&name)).map_err(failed("move", &path))?;
                moved = true;
            }
            Err(error) => return Err(failed("inspect", &path)(error)),
        }
    }
    // Windows opens no directory this way, and nobody reads its directories' times.
    if moved
        && cfg!(unix)
        && let Ok(modified) = modified
    {
        File::open(upper)
            .and_then(|file| file.set_modified(modified))
            .map_err(failed("set the time of", prefix))?;
    }
    if let Some(below) = below {
        below
            .give(upper)
            .map_err(failed("set the attributes of", prefix))?;
    }
    Ok(())
}

/// What a layer says of a directory.
#[cfg(unix)]
struct Described {
    there: fs::Metadata,
    xattrs: Vec<(std::ffi::CString, Vec<u8>)>,
}

#[cfg(unix)]
impl Described {
    fn of(directory: &Path) -> io::Result<Self> {
        let file = File::open(directory)?;
        let mut names = vec![0; XATTRS];
        let length = match rustix::fs::flistxattr(&file, &mut names) {
            Err(rustix::io::Errno::OPNOTSUPP) => 0,
            other => other?,
        };
        let mut xattrs = Vec::new();
        for name in names[..length].split_inclusive(|byte| *byte == 0) {
            let Ok(name) = std::ffi::CString::from_vec_with_nul(name.to_vec()) else {
                continue;
            };
            if name.to_bytes().starts_with(b"user.") {
                let mut value = vec![0; XATTRS];
                let length = rustix::fs::fgetxattr(&file, &name, &mut value)?;
                value.truncate(length);
                xattrs.push((name, value));
            }
        }
        Ok(Self {
            there: file.metadata()?,
            xattrs,
        })
    }

    fn give(&self, directory: &Path) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt as _, fchown};

        let file = File::open(directory)?;
        if rustix::process::geteuid().is_root() {
            fchown(&file, Some(self.there.uid()), Some(self.there.gid()))?;
        }
        for (name, value) in &self.xattrs {
            rustix::fs::fsetxattr(&file, name, value, rustix::fs::XattrFlags::empty())?;
        }
        file.set_permissions(self.there.permissions())?;
        file.set_modified(self.there.modified()?)
    }
}

/// Most bytes of the names of a file's attributes, and of one attribute's value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
#[cfg(unix)]
const XATTRS: usize = 65_536;

/// Windows' directories have nothing that layers describe.
#[cfg(windows)]
struct Described;

#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "as elsewhere")]
impl Described {
    fn of(_: &Path) -> io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "as elsewhere")]
    fn give(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

fn failed<'a>(action: &'static str, path: &'a str) -> impl FnOnce(io::Error) -> LayerError + 'a {
    move |source| LayerError::Write {
        action,
        path: path.to_owned(),
        source,
    }
}
