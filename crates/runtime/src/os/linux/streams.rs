//! The standard streams of a process that is about to be started, and what of them stays with porthole.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use rustix::fs::Mode;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::steps::Credentials;
use crate::engine::{CreateError, Output, Stdio, Terminal, TerminalSize};

/// The process's side, by number, and porthole's.
pub(super) struct Streams {
    /// What becomes standard input, output and error; `None` keeps porthole's own.
    pub(super) process: [Option<RawFd>; 3],
    /// They are a terminal.
    pub(super) terminal: bool,
    pub(super) ours: Ours,
}

/// What of a process's streams is porthole's.
#[derive(Debug, Default)]
pub(super) struct Ours {
    output: Mutex<Option<Output>>,
    terminal: Mutex<Option<Terminal>>,
    /// For its size. A terminal hangs up when nobody has this side of it any more.
    size_of: Option<OwnedFd>,
}

/// Opens a process's streams. Its side of them is put into `descriptors`, and is closed with them. `input` says whether
/// standard input is one of the pipes; `user` is who the process will be.
pub(super) fn open(
    stdio: Stdio,
    input: bool,
    user: Option<&Credentials>,
    descriptors: &mut Vec<OwnedFd>,
) -> Result<Streams, CreateError> {
    open_all(stdio, input, user, descriptors).map_err(|source| CreateError::Io {
        doing: "open the container's standard streams".to_owned(),
        source,
    })
}

fn open_all(
    stdio: Stdio,
    input: bool,
    user: Option<&Credentials>,
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<Streams> {
    let mut keep = |descriptor: OwnedFd| {
        let number = descriptor.as_raw_fd();
        descriptors.push(descriptor);
        number
    };
    let null = || {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        Ok::<_, io::Error>(OwnedFd::from(null))
    };
    let mut ours = Ours::default();
    let mut terminal = false;
    let process = match stdio {
        Stdio::Inherit => [Some(keep(null()?)), None, None],
        Stdio::Attached => [None; 3],
        Stdio::Null => [Some(keep(null()?)); 3],
        Stdio::Terminal(size) => {
            let (this_side, other_side) = pty(size, user)?;
            ours.terminal = Mutex::new(Some(Terminal {
                input: this_side.try_clone()?.into(),
                output: this_side.try_clone()?.into(),
            }));
            ours.size_of = Some(this_side);
            terminal = true;
            [Some(keep(other_side)); 3]
        }
        Stdio::Piped => {
            let (read, typed) = if input {
                let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
                (keep(read), Some(File::from(write)))
            } else {
                (keep(null()?), None)
            };
            let (stdout, out) = pipe_with(PipeFlags::CLOEXEC)?;
            let (stderr, error) = pipe_with(PipeFlags::CLOEXEC)?;
            ours.output = Mutex::new(Some(Output {
                stdin: typed,
                stdout: stdout.into(),
                stderr: stderr.into(),
            }));
            [Some(read), Some(keep(out)), Some(keep(error))]
        }
    };
    Ok(Streams {
        process,
        terminal,
        ours,
    })
}

/// Both sides of a new terminal. It is one of the host's: the container sees the host's `/dev/pts` under the same name.
fn pty(size: TerminalSize, user: Option<&Credentials>) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let this_side = openpt(flags)?;
    unlockpt(&this_side)?;
    // Not by its name, which may be something else's in another mount namespace (Linux 4.13).
    let other_side = ioctl_tiocgptpeer(&this_side, flags)?;
    if let Some(user) = user {
        rustix::fs::fchown(&other_side, Some(rustix::fs::Uid::from_raw(user.uid)), None)?;
        rustix::fs::fchmod(&other_side, Mode::from_raw_mode(0o620))?;
    }
    set_size(&this_side, size)?;
    Ok((this_side, other_side))
}

fn set_size(terminal: &OwnedFd, size: TerminalSize) -> io::Result<()> {
    let size = Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(terminal, size)?)
}

fn take<T>(value: &Mutex<Option<T>>) -> Option<T> {
    value.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Ours {
    pub(super) fn take_output(&self) -> Option<Output> {
        take(&self.output)
    }

    pub(super) fn take_terminal(&self) -> Option<Terminal> {
        take(&self.terminal)
    }

    /// Tells the processes that have the terminal by SIGWINCH.
    pub(super) fn resize(&self, size: TerminalSize) -> io::Result<()> {
        self.size_of
            .as_ref()
            .map_or(Ok(()), |terminal| set_size(terminal, size))
    }
}
