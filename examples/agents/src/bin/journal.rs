//! `journal`: passes on what the host's own log says, from a level on.
//!
//! On Linux it reads the journal (`journalctl --follow`) where the host has one that runs, else the kernel's log
//! (`/dev/kmsg`). On Windows it asks `wevtutil` for the records of a channel that are newer than the last. `LEVEL` is a level of
//! syslog: 4 passes on warnings and what is worse.

use std::io;
use std::process::ExitCode;

#[cfg(not(windows))]
#[path = "journal/linux.rs"]
mod host;
#[cfg(windows)]
#[path = "journal/windows.rs"]
mod host;

fn main() -> ExitCode {
    match agents::Stop::listen().and_then(|stop| host::follow(level()?, &stop)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("journal: {error}");
            ExitCode::FAILURE
        }
    }
}

fn level() -> io::Result<u8> {
    let text = agents::setting("LEVEL", "4");
    match text.parse() {
        Ok(level @ 0..=7) => Ok(level),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("LEVEL is {text:?}: it must be a number from 0 to 7"),
        )),
    }
}
