//! This process's own console, lent to a program with a console of its own (`ConPTY`).

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use super::win32::console;
use crate::engine::terminal::{Lent, own_size};
use crate::engine::{Running, Terminal, TerminalSize};

/// How often the console is asked for its size: it tells of changes only to who reads its events instead of its text.
const STEP: Duration = Duration::from_millis(250);
/// How long what was said before the end may take to be shown.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Ctrl-Z.
const SUBSTITUTE: &[u8] = b"\x1a";

/// Passes on what is typed until nobody takes it, or there is no console any more. Rust reads a Ctrl-Z on a console as the
/// end of its input; on a terminal it is a key like any other.
fn pass_on(from: &mut impl io::Read, to: &mut impl io::Write, is_there: impl Fn() -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(length) = from.read(&mut buffer) {
        let typed = match length {
            0 if !is_there() => return,
            0 => SUBSTITUTE,
            length => &buffer[..length],
        };
        if to.write_all(typed).is_err() {
            return;
        }
    }
}

/// The size of this process's console.
#[must_use]
pub fn terminal_size() -> Option<TerminalSize> {
    console::size().map(|(columns, rows)| own_size(columns, rows))
}

/// This process's console, on its way to be lent.
#[derive(Debug)]
pub struct Attachment {
    input: bool,
}

impl Attachment {
    /// Prepares for it. `input`: what is typed is passed on.
    ///
    /// # Errors
    /// None on this system.
    pub fn new(input: bool) -> io::Result<Self> {
        Ok(Self { input })
    }

    /// Passes on what is typed, what is shown and every change of the size, until the program has ended. The console is as
    /// before then.
    ///
    /// # Errors
    /// The console cannot be had, or the system gave no thread. The program goes on.
    pub fn lend(self, running: &Arc<dyn Running>, terminal: Terminal) -> io::Result<Lent> {
        let Terminal {
            mut input,
            mut output,
        } = terminal;
        let _raw = console::Raw::enter(self.input)?;
        let (done, shown) = std::sync::mpsc::channel::<()>();
        std::thread::Builder::new()
            .name("shown".to_owned())
            .spawn(move || {
                let mut buffer = vec![0; 16 * 1024];
                while let Ok(length @ 1..) = output.read(&mut buffer) {
                    let mut stdout = io::stdout().lock();
                    // What nobody can see is read all the same, or the program would wait for ever.
                    let _ = stdout.write_all(&buffer[..length]).and_then(|()| stdout.flush());
                }
                drop(done);
            })?;
        if self.input {
            // It ends with this process: a read of a console cannot be called off.
            std::thread::Builder::new()
                .name("typed".to_owned())
                .spawn(move || pass_on(&mut io::stdin(), &mut input, console::is_there))?;
        }
        let mut known = terminal_size();
        let exit = loop {
            if let Some(exit) = running.wait_for(STEP) {
                break exit;
            }
            let size = terminal_size();
            if let Some(now) = size
                && size != known
            {
                known = size;
                // A program that has just ended needs no size.
                let _ = running.resize(now);
            }
        };
        let _ = shown.recv_timeout(LAST_WORDS);
        Ok(Lent::Ended(exit))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;

    use super::*;

    /// What is typed, read by read.
    struct Typed(VecDeque<&'static [u8]>);

    impl io::Read for Typed {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let next = self.0.pop_front().unwrap_or_default();
            buffer[..next.len()].copy_from_slice(next);
            Ok(next.len())
        }
    }

    #[test]
    fn a_ctrl_z_is_a_key_and_not_the_end() {
        let mut typed = Typed([&b"a"[..], b"", b"b", b""].into());
        let asked = Cell::new(0);
        let mut passed = Vec::new();
        // The console is gone when it is asked for the second time.
        pass_on(&mut typed, &mut passed, || asked.replace(asked.get() + 1) == 0);
        assert_eq!(passed, b"a\x1ab");
    }
}
