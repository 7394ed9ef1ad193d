//! This process's own console: its modes and its size.

use std::io;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, CONSOLE_SCREEN_BUFFER_INFO, DISABLE_NEWLINE_AUTO_RETURN, ENABLE_ECHO_INPUT,
    ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT, ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_INPUT,
    ENABLE_VIRTUAL_TERMINAL_PROCESSING, GetConsoleMode, GetConsoleScreenBufferInfo, GetStdHandle,
    STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleMode,
};

use super::check;

/// Columns and rows of the window of the console that is standard output.
pub(in super::super) fn size() -> Option<(u16, u16)> {
    let mut info = CONSOLE_SCREEN_BUFFER_INFO::default();
    // SAFETY: `info` lives across the call; a handle that is no console is refused.
    check(unsafe { GetConsoleScreenBufferInfo(own(STD_OUTPUT_HANDLE), &raw mut info) }).ok()?;
    let window = info.srWindow;
    let length = |first: i16, last: i16| u16::try_from(i32::from(last) - i32::from(first) + 1).ok();
    Some((
        length(window.Left, window.Right)?,
        length(window.Top, window.Bottom)?,
    ))
}

fn own(which: u32) -> HANDLE {
    // SAFETY: no pointers; the handle stays this process's own.
    unsafe { GetStdHandle(which) }
}

fn mode(which: u32) -> io::Result<CONSOLE_MODE> {
    let mut mode = 0;
    // SAFETY: `mode` lives across the call; a handle that is no console is refused.
    check(unsafe { GetConsoleMode(own(which), &raw mut mode) })?;
    Ok(mode)
}

/// Whether standard input is a console that is still there.
pub(in super::super) fn is_there() -> bool {
    mode(STD_INPUT_HANDLE).is_ok()
}

fn set(which: u32, mode: CONSOLE_MODE) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { SetConsoleMode(own(which), mode) })
}

/// A console that takes and shows everything as it is, until this is dropped.
#[derive(Debug)]
pub(in super::super) struct Raw(Vec<(u32, CONSOLE_MODE)>);

impl Raw {
    /// Standard output understands a terminal's sequences; standard input, if wanted, gives every key as one.
    pub(in super::super) fn enter(input: bool) -> io::Result<Self> {
        let mut raw = Self(Vec::new());
        // Output that is no console is passed on as it is.
        if let Ok(before) = mode(STD_OUTPUT_HANDLE) {
            raw.0.push((STD_OUTPUT_HANDLE, before));
            set(
                STD_OUTPUT_HANDLE,
                before
                    | ENABLE_PROCESSED_OUTPUT
                    | ENABLE_VIRTUAL_TERMINAL_PROCESSING
                    | DISABLE_NEWLINE_AUTO_RETURN,
            )?;
        }
        if input {
            let before = mode(STD_INPUT_HANDLE)?;
            raw.0.push((STD_INPUT_HANDLE, before));
            let cooked = ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT;
            set(STD_INPUT_HANDLE, before & !cooked | ENABLE_VIRTUAL_TERMINAL_INPUT)?;
        }
        Ok(raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        for (which, before) in self.0.drain(..).rev() {
            // A console that has vanished needs nothing.
            let _ = set(which, before);
        }
    }
}
