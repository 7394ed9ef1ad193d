//! Layers put together in one directory.

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
    move_below(lower, upper, "")
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
    match fs::symlink_metadata(&place) {
        Ok(there) if there.is_dir() && content_only => {
            for entry in fs::read_dir(&place)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        }
        Ok(there) if there.is_dir() => fs::remove_dir_all(&place),
        Ok(_) if !content_only => fs::remove_file(&place),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn move_below(lower: &Path, upper: &Path, prefix: &str) -> Result<(), LayerError> {
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
                    move_below(&entry.path(), &upper.join(&name), &path)?;
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
    Ok(())
}

fn failed<'a>(action: &'static str, path: &'a str) -> impl FnOnce(io::Error) -> LayerError + 'a {
    move |source| LayerError::Write {
        action,
        path: path.to_owned(),
        source,
    }
}
