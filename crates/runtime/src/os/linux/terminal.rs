//! This process's own terminal, lent to a program with a terminal of its own.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::raw;
use crate::engine::terminal::{Lent, own_size};
use crate::engine::{Exit, Running, Terminal, TerminalSize};

/// How a terminal was before it was made raw.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// What a program that has lost its terminal may still do.
const FAREWELL: Duration = Duration::from_secs(2);
/// What is still shown of a program that has ended while others go on writing to its terminal.
const LAST_WORDS: usize = 1 << 20;

/// The size of the terminal that is this process's standard output, or else input.
#[must_use]
pub fn terminal_size() -> Option<TerminalSize> {
    let size = tcgetwinsize(io::stdout())
        .or_else(|_| tcgetwinsize(io::stdin()))
        .ok()?;
    Some(own_size(size.ws_col, size.ws_row))
}

/// This process's terminal, on its way to be lent. Made before the program, and before any thread.
#[derive(Debug)]
pub struct Attachment {
    input: bool,
    signals: OwnedFd,
}

impl Attachment {
    /// Prepares for it: from now on this process does not end by signals, but hears of them in [`lend`](Self::lend).
    /// `input`: what is typed is passed on.
    ///
    /// # Errors
    /// The system refused.
    pub fn new(input: bool) -> io::Result<Self> {
        let signals = [
            libc::SIGWINCH,
            libc::SIGHUP,
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGQUIT,
        ];
        Ok(Self {
            input,
            signals: raw::receive(&signals)?,
        })
    }

    /// Passes on what is typed, what is shown and every change of the size, until the program has ended, or this process's
    /// terminal or its time has. The terminal is as before then, whatever happens.
    ///
    /// # Errors
    /// The terminal cannot be had, or the system gave no thread. The program goes on.
    pub fn lend(self, running: &Arc<dyn Running>, terminal: Terminal) -> io::Result<Lent> {
        let (ended, exit) = tell_of_the_end(running)?;
        // What is typed never waits for a program that does not read: it may itself wait to be heard.
        rustix::io::ioctl_fionbio(&terminal.input, true)?;
        let _raw = self.input.then(Raw::enter).transpose()?;
        let mut course = Course {
            terminal,
            signals: self.signals,
            input: self.input,
            output: true,
            typed: Vec::new(),
        };
        match course.run(running, &ended)? {
            Happened::Ended => {
                course.last_words();
                let exit = exit.recv().map_err(|_| io::Error::other("nobody saw it end"))?;
                Ok(Lent::Ended(exit))
            }
            Happened::Lost(code) => {
                // The kernel tells the program that its terminal is gone, when nobody has the other side any more.
                drop(course);
                let _ = running.signal(crate::Signal::Hup);
                if running.wait_for(FAREWELL).is_none() {
                    let _ = running.kill();
                }
                Ok(Lent::Lost(code))
            }
        }
    }
}

/// A descriptor that is readable when the program has ended, and how it did.
fn tell_of_the_end(running: &Arc<dyn Running>) -> io::Result<(OwnedFd, Receiver<Exit>)> {
    let ended = eventfd(0, EventfdFlags::CLOEXEC)?;
    let (tell, exit) = channel();
    let (bell, running) = (ended.try_clone()?, Arc::clone(running));
    std::thread::Builder::new()
        .name("exec".to_owned())
        .stack_size(128 * 1024)
        .spawn(move || {
            let _ = tell.send(running.wait());
            let _ = rustix::io::write(&bell, &1_u64.to_ne_bytes());
        })?;
    Ok((ended, exit))
}

enum Happened {
    Ended,
    /// The terminal, or by this signal the time of this process.
    Lost(i32),
}

struct Course {
    terminal: Terminal,
    signals: OwnedFd,
    /// There may be more to be typed.
    input: bool,
    /// There may be more to be shown.
    output: bool,
    /// What was typed and not yet taken.
    typed: Vec<u8>,
}

impl Course {
    fn run(&mut self, running: &Arc<dyn Running>, ended: &OwnedFd) -> io::Result<Happened> {
        let stdin = io::stdin();
        loop {
            let wants = |wanted: bool, flags: PollFlags| if wanted { flags } else { PollFlags::empty() };
            let mut fds = [
                PollFd::new(&self.signals, PollFlags::IN),
                PollFd::new(ended, PollFlags::IN),
                PollFd::new(&self.terminal.output, wants(self.output, PollFlags::IN)),
                PollFd::new(
                    &self.terminal.input,
                    wants(!self.typed.is_empty(), PollFlags::OUT),
                ),
                PollFd::new(&stdin, wants(self.input && self.typed.is_empty(), PollFlags::IN)),
            ];
            // A descriptor that has hung up is reported even if nothing is wanted of it: then it is left out.
            let count = match (self.output || !self.typed.is_empty(), self.input) {
                (true, true) => 5,
                (true, false) => 4,
                (false, _) => 2,
            };
            match poll(&mut fds[..count], None) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled?,
            };
            let ready = fds.map(|fd| fd.revents());
            if !ready[0].is_empty()
                && let Some(signal) = self.signal(running)
            {
                return Ok(Happened::Lost(128 + signal));
            }
            if !ready[2].is_empty() && !self.show()? {
                return Ok(Happened::Lost(128 + libc::SIGHUP));
            }
            if !ready[1].is_empty() {
                return Ok(Happened::Ended);
            }
            if !ready[3].is_empty() {
                self.pass_on();
            }
            if !ready[4].is_empty() && self.typed.is_empty() {
                let mut buffer = [0; 4096];
                match rustix::io::read(&stdin, &mut buffer) {
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                    // A raw terminal has no end but its own.
                    Ok(0) | Err(_) => return Ok(Happened::Lost(128 + libc::SIGHUP)),
                    Ok(length) => {
                        self.typed.extend_from_slice(&buffer[..length]);
                        self.pass_on();
                    }
                }
            }
        }
    }

    /// Hears of signals. The one that ends this process, if there is one.
    fn signal(&self, running: &Arc<dyn Running>) -> Option<i32> {
        let mut info = [0_u8; 128];
        while rustix::io::read(&self.signals, &mut info).is_ok_and(|length| length == info.len()) {
            let signal = i32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            if signal != libc::SIGWINCH {
                return Some(signal);
            }
            if let Some(size) = terminal_size() {
                // A program that has just ended needs no size.
                let _ = running.resize(size);
            }
        }
        None
    }

    /// Shows what the program says. `false`: there is nobody to see it any more.
    fn show(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        match rustix::io::read(&self.terminal.output, &mut buffer) {
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(true),
            // Nobody has the program's terminal any more; the program may go on without.
            Ok(0) | Err(_) => {
                self.output = false;
                self.typed.clear();
                Ok(true)
            }
            Ok(length) => write_all(io::stdout().as_fd(), &buffer[..length]),
        }
    }

    /// What was said before the end, and not more than a screen or some of what others go on saying.
    fn last_words(&mut self) {
        let mut left = LAST_WORDS;
        while self.output && left > 0 {
            let mut fds = [PollFd::new(&self.terminal.output, PollFlags::IN)];
            let there = poll(&mut fds, Some(&Timespec::default()));
            if !there.is_ok_and(|ready| ready > 0) || !self.show().unwrap_or(false) {
                return;
            }
            left = left.saturating_sub(4096);
        }
    }

    fn pass_on(&mut self) {
        match rustix::io::write(&self.terminal.input, &self.typed) {
            Ok(length) => drop(self.typed.drain(..length)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // Nobody reads it any more.
            Err(_) => self.typed.clear(),
        }
    }
}

/// Whether it was possible: `false` where nobody reads any more.
fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<bool> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], None);
            }
            Err(rustix::io::Errno::PIPE | rustix::io::Errno::IO) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// The terminal that is standard input, which takes every key as it is until this is dropped.
struct Raw(());

impl Raw {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        HOOK.call_once(|| {
            let others = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                others(panic);
            }));
        });
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        let entered = Self(());
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(entered)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was.
fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // A terminal that has vanished needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &before);
    }
}
