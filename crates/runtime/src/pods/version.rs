//! The version of a state directory: a newer one may keep things that this porthole would take for rubbish.

use std::fs;
use std::io;
use std::path::Path;

use super::PodsError;
use super::files;

/// The version that this porthole reads and writes.
pub const STATE_VERSION: u32 = 1;

const VERSION: &str = "version";

/// Refuses a state directory that a newer porthole has written.
///
/// # Errors
/// It is newer, or says nothing that can be understood.
pub fn check(state: &Path) -> Result<(), PodsError> {
    let path = state.join(VERSION);
    let Some(text) = files::read_text(&path, 64)? else {
        return Ok(());
    };
    match text.trim().parse::<u64>() {
        Ok(version) if version <= u64::from(STATE_VERSION) => Ok(()),
        found => Err(PodsError::NewerState {
            path: state.to_owned(),
            found: found.map_or_else(|_| format!("{:?}", text.trim()), |version| version.to_string()),
        }),
    }
}

/// Writes the version into a state directory that has none.
pub(super) fn note(state: &Path) -> io::Result<()> {
    let path = state.join(VERSION);
    if path.try_exists()? {
        return Ok(());
    }
    fs::create_dir_all(state)?;
    files::replace(&path, format!("{STATE_VERSION}\n").as_bytes())
}
