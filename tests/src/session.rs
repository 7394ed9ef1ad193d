//! A program in progress: its output as it comes, Ctrl-C, and its end, each waited for with a deadline.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::failure::{Doing, Failure, Result};
use crate::wait;

/// A program that was started, and what it has said so far. It is killed when this is dropped.
#[derive(Debug)]
pub struct Session {
    child: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Session {
    /// Starts a program with an empty standard input; both its outputs are kept.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(command: &mut Command) -> Result<Self> {
        let what = format!("run `{}`", command.get_program().display());
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().doing(what)?;
        let said = Arc::new(Mutex::new(String::new()));
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(keep(stdout, &said));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(keep(stderr, &said));
        }
        Ok(Self { child, said, readers })
    }

    /// What it has said so far, on both outputs, line by line.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has said `text`.
    ///
    /// # Errors
    /// It has ended without saying so, or the time is up.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<()> {
        wait::until(&format!("`{text}`"), limit, || {
            // Asked before what was said is read: what it says last is not missed then.
            let ended = self
                .child
                .try_wait()
                .doing("look whether the program still runs")?;
            if ended.is_some() {
                self.join();
            }
            if self.said().contains(text) {
                return Ok(Some(()));
            }
            match ended {
                Some(status) => Err(Failure::new(
                    format!("wait for `{text}`"),
                    format!("{status} after\n{}", self.said()),
                )),
                None => Ok(None),
            }
        })
        .map_err(|failure| Failure::new(failure.to_string(), format!("so far:\n{}", self.said())))
    }

    /// Ctrl-C. Wine hands the signal to the Windows program as the console's event.
    ///
    /// # Errors
    /// There is no `kill`.
    pub fn interrupt(&self) -> Result<()> {
        self.signal("INT")
    }

    /// Sends a signal, by its name.
    ///
    /// # Errors
    /// There is no `kill`, or no such process.
    pub fn signal(&self, name: &str) -> Result<()> {
        let process = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &process])
            .status()
            .doing("run `kill`")?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("send SIG{name} to {process}"), status))
        }
    }

    /// Waits until it has ended, and returns how, with all that it said.
    ///
    /// # Errors
    /// The time is up.
    pub fn end(mut self, limit: Duration) -> Result<(ExitStatus, String)> {
        let status = wait::until("the program to end", limit, || {
            self.child.try_wait().doing("look whether the program still runs")
        })
        .map_err(|failure| Failure::new(failure.to_string(), format!("so far:\n{}", self.said())))?;
        self.join();
        Ok((status, self.said()))
    }

    fn join(&mut self) {
        for reader in self.readers.drain(..) {
            // A reader cannot panic; and if it did, its text is as far as it came.
            let _ = reader.join();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep(from: impl Read + Send + 'static, to: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let to = Arc::clone(to);
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            to.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn hears_what_a_program_says_and_ends_it_by_a_signal() {
        let script = "echo ready; exec sleep 60";
        let mut session = Session::start(Command::new("sh").args(["-c", script])).unwrap();
        session.wait_for("ready", LIMIT).unwrap();
        // Not Ctrl-C: a shell that runs this in the background has it ignored, and `sleep` inherits that.
        session.signal("TERM").unwrap();
        let (status, said) = session.end(LIMIT).unwrap();
        assert!(!status.success());
        assert_eq!(said, "ready\n");
    }

    #[test]
    fn does_not_wait_for_a_program_that_has_ended() {
        let mut session = Session::start(Command::new("sh").args(["-c", "echo no; exit 3"])).unwrap();
        let failure = session.wait_for("ready", LIMIT).unwrap_err().to_string();
        assert!(failure.contains("exit status: 3"), "{failure}");
        assert!(failure.contains("no\n"), "{failure}");
    }
}
