//! Named pipes, read and written with deadlines.

use std::io;
use std::ptr::{null, null_mut};
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_IO_PENDING, ERROR_NO_DATA, ERROR_OPERATION_ABORTED, ERROR_PIPE_BUSY,
    ERROR_PIPE_CONNECTED, ERROR_PIPE_NOT_CONNECTED, ERROR_SEM_TIMEOUT, HANDLE, WAIT_TIMEOUT,
};
use windows_sys::Win32::Storage::FileSystem::{CreateFileW, OPEN_EXISTING, ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{ConnectNamedPipe, CreateNamedPipeW, WaitNamedPipeW};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, WaitForSingleObject};
use windows_sys::core::BOOL;

use super::super::api::{Handle, PipeSpec, Pipes};
use super::{Win32, check, is, lend, own, security, wide};

impl Pipes for Win32 {
    fn create_named_pipe(&self, spec: &PipeSpec) -> io::Result<Handle> {
        let name = wide(&spec.name);
        security::with_attributes(&spec.sddl, |attributes| {
            // SAFETY: the name is terminated, and the attributes point at a descriptor that outlives the call.
            own(unsafe {
                CreateNamedPipeW(
                    name.as_ptr(),
                    spec.open_mode,
                    spec.pipe_mode,
                    spec.instances,
                    spec.buffer,
                    spec.buffer,
                    0,
                    attributes,
                )
            })
        })
    }

    fn connect_named_pipe(&self, pipe: &Handle) -> io::Result<bool> {
        let connected = transfer(pipe, None, |overlapped| {
            // SAFETY: the pipe is open and overlapped; the structure lives until the operation is over.
            unsafe { ConnectNamedPipe(lend(pipe), overlapped) }
        });
        match connected {
            Ok(_) => Ok(true),
            // Before it was waited for.
            Err(error) if is(&error, ERROR_PIPE_CONNECTED) => Ok(true),
            Err(error) if is(&error, ERROR_NO_DATA) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn open_named_pipe(&self, name: &str, access: u32, flags: u32) -> io::Result<Option<Handle>> {
        let name = wide(name);
        // SAFETY: the name is terminated; neither attributes nor a template are given.
        let opened =
            own(unsafe { CreateFileW(name.as_ptr(), access, 0, null(), OPEN_EXISTING, flags, null_mut()) });
        match opened {
            Ok(pipe) => Ok(Some(pipe)),
            Err(error) if is(&error, ERROR_PIPE_BUSY) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn wait_named_pipe(&self, name: &str, limit: Duration) -> io::Result<()> {
        let name = wide(name);
        // 0 would be the pipe's own time, and the largest number for ever.
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: the name is terminated.
        match check(unsafe { WaitNamedPipeW(name.as_ptr(), milliseconds.clamp(1, INFINITE - 1)) }) {
            Err(error) if is(&error, ERROR_SEM_TIMEOUT) => Ok(()),
            waited => waited,
        }
    }

    fn pipe_owner(&self, pipe: &Handle) -> io::Result<Vec<u8>> {
        security::owner(pipe)
    }

    fn read_pipe(&self, pipe: &Handle, buffer: &mut [u8], limit: Option<Duration>) -> io::Result<usize> {
        let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let read = transfer(pipe, limit, |overlapped| {
            // SAFETY: the pipe is open and overlapped; buffer and structure live until the operation is over.
            unsafe { ReadFile(lend(pipe), buffer.as_mut_ptr(), length, null_mut(), overlapped) }
        });
        match read {
            Err(error) if is(&error, ERROR_BROKEN_PIPE) || is(&error, ERROR_PIPE_NOT_CONNECTED) => Ok(0),
            read => read,
        }
    }

    fn write_pipe(&self, pipe: &Handle, bytes: &[u8], limit: Option<Duration>) -> io::Result<usize> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        transfer(pipe, limit, |overlapped| {
            // SAFETY: the pipe is open and overlapped; bytes and structure live until the operation is over.
            unsafe { WriteFile(lend(pipe), bytes.as_ptr(), length, null_mut(), overlapped) }
        })
    }
}

/// Starts an operation and waits for its end, which it is made to come to when `limit` has passed. Returns how many bytes
/// were transferred.
fn transfer(
    pipe: &Handle,
    limit: Option<Duration>,
    start: impl FnOnce(*mut OVERLAPPED) -> BOOL,
) -> io::Result<usize> {
    // SAFETY: no attributes, no name; reset by hand, and not signalled.
    let event = own(unsafe { CreateEventW(null(), 1, 0, null()) })?;
    let mut overlapped = OVERLAPPED {
        hEvent: event.raw() as HANDLE,
        ..Default::default()
    };
    let overlapped: *mut OVERLAPPED = &raw mut overlapped;
    match check(start(overlapped)) {
        Ok(()) => {}
        Err(error) if is(&error, ERROR_IO_PENDING) => {}
        // Nothing was started.
        Err(error) => return Err(error),
    }
    let milliseconds = limit.map_or(INFINITE, |limit| {
        u32::try_from(limit.as_millis())
            .unwrap_or(u32::MAX)
            .clamp(1, INFINITE - 1)
    });
    // SAFETY: the event is open.
    let timed_out = unsafe { WaitForSingleObject(lend(&event), milliseconds) } == WAIT_TIMEOUT;
    if timed_out {
        // SAFETY: both are of the operation that was started. It may have ended just now, which is no error here.
        unsafe { CancelIoEx(lend(pipe), overlapped) };
    }
    let mut transferred = 0;
    // SAFETY: both are of the operation that was started, whose end this waits for: buffer and structure are used by
    // nobody after it.
    let ended = check(unsafe { GetOverlappedResult(lend(pipe), overlapped, &raw mut transferred, 1) });
    match ended {
        Err(error) if timed_out && is(&error, ERROR_OPERATION_ABORTED) => Err(io::ErrorKind::TimedOut.into()),
        ended => ended.map(|()| transferred as usize),
    }
}
