//! The guardian: a process that outlives porthole by just long enough to end what porthole held.
//!
//! There is one for each process that holds containers: a copy of the holder in a session of its own, with all signals
//! blocked. It waits for its holder's end, and only then becomes the same executable under a hidden verb,
//! which does what every later command would do as well, a sweep: containers that nobody holds any more are killed and
//! removed. The holder in turn watches the guardian.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, Mode, OFlags};
use rustix::process::{
    PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, pidfd_open, pidfd_send_signal, waitid,
};

use super::journal::{self, Journal};
use super::ledger::{self, Ledger};
use super::raw::{self, SpawnError};
use super::started;
use super::steps::{self, Program};
use crate::os::GUARD_VERB;
use crate::pods::Pods;
use crate::state::State;

/// How long a guardian goes on with what cannot be removed at once.
const PATIENCE: Duration = Duration::from_mins(1);

/// A guardian that has to be replaced more often than this does not guard.
const MAX_STARTS: u32 = 20;

/// The holder's side.
#[derive(Debug)]
pub(super) struct Guardian {
    state: PathBuf,
    executable: PathBuf,
    holder: String,
    ledger: Ledger,
    running: Mutex<Started>,
}

#[derive(Debug, Default)]
struct Started {
    alive: Option<Arc<OwnedFd>>,
    starts: u32,
}

impl Guardian {
    pub(super) fn new(state: &Path, executable: &Path) -> io::Result<Self> {
        Ok(Self {
            state: std::path::absolute(state)?,
            executable: executable.to_owned(),
            holder: holder()?,
            ledger: Ledger::new()?,
            running: Mutex::default(),
        })
    }

    /// What journals name as the holder of this process's containers.
    pub(super) fn holder(&self) -> &str {
        &self.holder
    }

    /// What the guardian is told of this process's containers.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn running(&self) -> MutexGuard<'_, Started> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the guardian unless one is alive. Returns a handle that becomes readable at its end.
    pub(super) fn ensure(&self) -> io::Result<Arc<OwnedFd>> {
        let mut running = self.running();
        if let Some(alive) = running.alive.take() {
            if !has_ended(&alive)? {
                running.alive = Some(Arc::clone(&alive));
                return Ok(alive);
            }
            reap(&alive);
        }
        if running.starts == MAX_STARTS {
            return Err(io::Error::other("it ended again and again"));
        }
        running.starts += 1;
        let alive = Arc::new(self.spawn()?);
        running.alive = Some(Arc::clone(&alive));
        Ok(alive)
    }

    fn spawn(&self) -> io::Result<OwnedFd> {
        // Opened now: by the time that it is needed, the file may have been replaced, or be gone. For the same reason what
        // can be known of a failure is asked beforehand.
        rustix::fs::access(&self.executable, Access::EXEC_OK)?;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&self.executable, flags, Mode::empty())?;
        let executable = c_string(self.executable.as_os_str())?;
        let program = Program {
            candidates: vec![c_string(
                format!("/proc/self/fd/{}", opened.as_raw_fd()).as_ref(),
            )?],
            arguments: vec![
                executable,
                c_string(GUARD_VERB.as_ref())?,
                c_string(self.state.as_os_str())?,
                c_string(self.holder.as_ref())?,
            ],
            environment: Vec::new(),
        };
        let holder = pidfd_open(getpid(), PidfdFlags::empty())?;
        let null = std::fs::File::options().write(true).open("/dev/null")?;
        let steps = |report| {
            let streams = [
                holder.as_raw_fd(),
                self.ledger.file().as_raw_fd(),
                null.as_raw_fd(),
            ];
            steps::guardian(streams, opened.as_raw_fd(), report, program)
        };
        match raw::spawn(steps, None) {
            Ok((spawned, _)) => Ok(spawned.handle),
            Err((SpawnError::Clone(error) | SpawnError::Step { source: error, .. }, _)) => Err(error),
        }
    }
}

impl Drop for Guardian {
    /// Only the last container of this process drops it: there is nothing left to guard.
    fn drop(&mut self) {
        if let Some(alive) = self.running().alive.take() {
            let _ = pidfd_send_signal(&alive, Signal::KILL);
            reap(&alive);
        }
    }
}

fn reap(process: &OwnedFd) {
    let _ = waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED);
}

fn has_ended(process: &OwnedFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    Ok(poll(&mut fds, Some(&Timespec::default()))? > 0)
}

fn c_string(text: &std::ffi::OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(io::Error::other)
}

/// This process, told apart from any other of the same number by when it was started.
fn holder() -> io::Result<String> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let started = started::state_and_start(&stat).map_or(0, |(_, started)| started);
    Ok(format!("{}-{started}", std::process::id()))
}

/// The guardian's own life: `args` are the state directory and the holder's name, standard input is the holder,
/// and standard output its ledger. Returns the exit code.
#[must_use]
pub fn guard(args: &[OsString]) -> i32 {
    let [state, holder] = args else {
        return 2;
    };
    let state = State::new(Path::new(state));
    let stdin = std::io::stdin();
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => break,
            Err(_) => return 2,
        }
    }
    let lost = ledger::lost(std::io::stdout().as_fd(), &state);
    let released = journal::release(&lost);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, result) = journal::sweep(&state, &|_| false);
        // A copy of the holder's lock may live on for a moment, in a process that it was just starting.
        let left = state.ids().unwrap_or_default().iter().any(|id| {
            state
                .peek::<Journal>(id)
                .is_some_and(|journal| journal.holder.as_str() == holder.as_os_str())
        });
        if !left {
            // Pods only after their containers, in which their volumes were mounted: Secrets are among them.
            let repaired = Pods::open(state.root()).and_then(|pods| Ok(pods.repair(&pods.look()?)));
            let pods = repaired.is_ok_and(|repaired| repaired.failed.is_empty());
            return i32::from(released.is_err() || result.is_err() || !pods);
        }
        if Instant::now() >= deadline {
            return 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
