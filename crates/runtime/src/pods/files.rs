//! Small files that are read whole and written whole: a reader finds the old contents or the new.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::PodsError;

/// No record or status of porthole's is larger. Anything that is was not written by it.
const MAX_JSON: u64 = 64 << 20;

/// The text of a file; nothing where there is none.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<Option<String>, PodsError> {
    let failed = |source| PodsError::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        opened => opened.map_err(failed)?,
    };
    let mut text = String::new();
    file.take(limit).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// What a file says; nothing where there is none.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, PodsError> {
    let Some(text) = read_text(path, MAX_JSON)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| PodsError::Unreadable {
            path: path.to_owned(),
            source,
        })
}

/// Writes a file under another name, for its owner's eyes alone, and renames it.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    let written = private()
        .truncate(true)
        .open(&beside)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // On a full disk there is something half written.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Whether a file is there without its contents, as a power failure leaves one that was written shortly before: empty, or of
/// zeros, depending on the file system.
pub(super) fn is_torn(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    // No text begins with it.
    let mut first = Vec::new();
    file.take(1).read_to_end(&mut first).is_ok() && matches!(first.as_slice(), [] | [0])
}

/// How a file that only its owner reads is opened, and made where it is missing.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
