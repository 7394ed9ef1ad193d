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
                .spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(length @ 1..) = io::stdin().read(&mut buffer) {
                        if input.write_all(&buffer[..length]).is_err() {
                            return;
                        }
                    }
                })?;
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
