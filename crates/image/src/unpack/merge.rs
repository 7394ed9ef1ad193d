//! Layers put together in one directory.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{Hidden, LayerError};

/// Moves what a layer leaves visible of the ones below it from `lower` into `upper`. Directories keep what the upper
/// layer says of them. Both are directories of ours that nobody else can enter, so looking before moving is enough.
pub(crate) fn merge(lower: &Path, upper: &Path, hidden: &Hidden) -> Result<(), LayerError> {
    below(lower, upper, "", hidden)
}

fn below(lower: &Path, upper: &Path, prefix: &str, hidden: &Hidden) -> Result<(), LayerError> {
    if hidden.opaque.contains(prefix) {
        return Ok(());
    }
    let failed = |action: &'static str, path: &str| {
        let path = path.to_owned();
        move |source: io::Error| LayerError::Write { action, path, source }
    };
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
        let whiteout = hidden.whiteouts.contains(&path);
        match fs::symlink_metadata(upper.join(&name)) {
            Ok(above) => {
                let kind = entry.file_type().map_err(failed("inspect", &path))?;
                if above.is_dir() && kind.is_dir() && !whiteout {
                    below(&entry.path(), &upper.join(&name), &path, hidden)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !whiteout {
                    fs::rename(entry.path(), upper.join(&name)).map_err(failed("move", &path))?;
                    moved = true;
                }
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
