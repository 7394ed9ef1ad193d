//! What this directory exports: see [`crate::os`].

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use crate::engine::{CreateError, Engine};
use crate::state::State;

use super::directories::text;
use super::host_engine::WindowsEngine;
use super::launcher;
use super::win32::Win32;

/// The engine of this host, which keeps its records under `state`.
///
/// # Errors
/// This program's own path is not known, or no Unicode text.
pub fn host_engine(state: &Path) -> Result<Box<dyn Engine>, CreateError> {
    let executable = std::env::current_exe().map_err(|source| CreateError::Io {
        doing: "find porthole's own executable".to_owned(),
        source,
    })?;
    host_engine_with(state, &executable)
}

/// The same for an embedder whose own executable does not call [`guard`]: `executable` does.
///
/// # Errors
/// The executable's path is no Unicode text.
pub fn host_engine_with(state: &Path, executable: &Path) -> Result<Box<dyn Engine>, CreateError> {
    let executable = text(executable).map_err(|source| CreateError::Io {
        doing: "name porthole's own executable".to_owned(),
        source,
    })?;
    Ok(Box::new(WindowsEngine::new(
        Arc::new(Win32),
        State::new(state),
        executable,
    )))
}

/// What the executable does when its first argument is [`GUARD_VERB`](crate::os::GUARD_VERB): starts a container's program
/// inside of its silo. `args` are the arguments after the verb, two handles. Returns the code to end with.
#[must_use]
pub fn guard(args: &[OsString]) -> i32 {
    let handles: Option<Vec<usize>> = args
        .iter()
        .map(|arg| arg.to_str().and_then(|text| text.parse().ok()))
        .collect();
    let code = match handles.as_deref() {
        Some(&[request, answer]) => launcher::run(&Win32, request, answer),
        _ => launcher::FAILED,
    };
    code.cast_signed()
}
