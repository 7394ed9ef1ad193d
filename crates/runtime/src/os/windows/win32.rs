//! The one real [`Api`](super::api::Api): raw Win32 calls, and the only unsafe code on Windows.
//!
//! Each block holds one call. Every handle that a call returns goes into its owning [`Handle`] in the next
//! expression, and every buffer that a call reads or fills is a local that outlives it.

mod accounts;
mod agreement;
pub(super) mod console;
mod host;
mod jobs;
mod pipes;
mod processes;
mod security;

#[cfg(debug_assertions)]
pub(crate) use processes::kill_own_process;

use std::io;
use std::sync::Arc;

use windows_sys::Win32::Foundation::{self, HANDLE, INVALID_HANDLE_VALUE};

use super::api::{CloseHandle, Handle};

/// Windows itself.
#[derive(Clone, Debug)]
pub(super) struct Win32;

impl CloseHandle for Win32 {
    fn close(&self, raw: usize) {
        // SAFETY: `Handle` calls this once, when it is dropped, with the handle that it alone owns.
        unsafe { Foundation::CloseHandle(raw as HANDLE) };
    }
}

/// Takes over a handle that a call has just returned; null and `INVALID_HANDLE_VALUE` are its failures.
fn own(raw: HANDLE) -> io::Result<Handle> {
    if raw.is_null() || raw == INVALID_HANDLE_VALUE {
        Err(io::Error::last_os_error())
    } else {
        Ok(Handle::new(raw as usize, Arc::new(Win32)))
    }
}

/// Lends a handle to a call.
fn lend(handle: &Handle) -> HANDLE {
    handle.raw() as HANDLE
}

/// The result of a call that returns a `BOOL`.
fn check(succeeded: windows_sys::core::BOOL) -> io::Result<()> {
    if succeeded == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Text as UTF-16 with its terminator.
fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// A path as UTF-16 with its terminator, in the form that has no limit of 248 characters where it needs that.
fn wide_path(path: &str) -> Vec<u16> {
    if path.len() >= 240 && path.as_bytes().get(1..3) == Some(br":\") {
        wide(&format!(r"\\?\{path}"))
    } else {
        wide(path)
    }
}

/// Whether an error is this Win32 error.
fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// The byte length of a value that a call is given.
const fn size_of_u32<T>() -> u32 {
    let size = std::mem::size_of::<T>();
    assert!(
        size <= u32::MAX as usize,
        "structures passed to Windows are small"
    );
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let size = size as u32;
    size
}
