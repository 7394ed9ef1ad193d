//! What this directory exports: see [`crate::os`].

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use crate::engine::{CreateError, Engine};
use crate::os::Detached;
use crate::state::State;

use super::detach;
use super::directories::text;
use super::host_engine::WindowsEngine;
use super::launcher;
use super::security;
use super::win32::Win32;

/// The engine of this host, which keeps its records under `state`.
///
/// # Errors
/// This program's own path is not known, or no Unicode text; see [`prepare_state`].
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
/// The executable's path is no Unicode text; see [`prepare_state`].
pub fn host_engine_with(state: &Path, executable: &Path) -> Result<Box<dyn Engine>, CreateError> {
    let executable = text(executable).map_err(|source| CreateError::Io {
        doing: "name porthole's own executable".to_owned(),
        source,
    })?;
    prepare_state(state)?;
    Ok(Box::new(WindowsEngine::new(
        Arc::new(Win32),
        State::new(state),
        executable,
    )))
}

/// Starts a program without a console, with no handle of this process's but the pipes of [`Detached`], and with its
/// environment. It lives on when this process ends.
///
/// # Errors
/// The system refused, or there is no such program.
pub fn spawn_detached(executable: &Path, arguments: &[OsString]) -> std::io::Result<Detached> {
    let executable = text(executable)?;
    let arguments = arguments
        .iter()
        .map(|argument| text(Path::new(argument)))
        .collect::<std::io::Result<Vec<_>>>()?;
    detach::spawn(&Win32, executable, &arguments)
}

/// Makes the state directory with rights of its own, which must come before anything is put into it.
///
/// # Errors
/// It cannot be made, or it is there and others than administrators and this account may change it.
pub fn prepare_state(state: &Path) -> Result<(), CreateError> {
    let failed = |source| CreateError::Io {
        doing: format!("make state directory `{}`", state.display()),
        source,
    };
    let state = std::path::absolute(state).map_err(failed)?;
    // Parents are the host's, and made as it makes them.
    if let Some(parent) = state.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    security::state(&Win32, &text(&state).map_err(failed)?)
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
