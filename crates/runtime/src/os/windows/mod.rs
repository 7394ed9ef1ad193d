//! Job containers on Windows: not here yet.

use std::ffi::OsString;
use std::path::Path;

use crate::engine::{CreateError, Engine};

/// The engine of this host.
///
/// # Errors
/// Always: it is not built yet.
pub fn host_engine(_state: &Path) -> Result<Box<dyn Engine>, CreateError> {
    Err(CreateError::Host {
        doing: "prepare job containers".to_owned(),
        reason: "this build has no engine for Windows".to_owned(),
    })
}

/// As [`host_engine`], with another executable that calls [`guard`].
///
/// # Errors
/// As [`host_engine`].
pub fn host_engine_with(state: &Path, _executable: &Path) -> Result<Box<dyn Engine>, CreateError> {
    host_engine(state)
}

/// What the executable does when its first argument is [`GUARD_VERB`](crate::os::GUARD_VERB).
#[must_use]
pub fn guard(_args: &[OsString]) -> i32 {
    2
}
