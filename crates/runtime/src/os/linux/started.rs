//! What another process must know to start a further program in a container: written when its first process runs.
//!
//! The journal says what must be removed, and is written before anything is made; this file beside it is written after,
//! and says what came to run. A container whose file is missing or torn is none that runs.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

use super::cgroup::Group;
use super::journal::{self, Journal, VERSION};
use super::steps::Credentials;
use crate::state::{Held, State};

const FILE: &str = "started.json";
/// Far more than a path, some groups and four variables take.
const MAX: u64 = 1024 * 1024;
/// How long [`Target::lock`] waits. It is held for as long as a program takes to start, or limits to be written.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 5000 });

/// How a container's first process was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Started {
    /// The first process.
    pub(super) pid: u32,
    /// When it was started, in ticks since the host was: process ids are used again.
    pub(super) since: u64,
    /// As the container sees it.
    pub(super) working_directory: String,
    /// `None` is whoever runs porthole.
    pub(super) credentials: Option<Credentials>,
    /// What the account brings into the environment.
    pub(super) variables: Vec<(String, String)>,
}

impl Started {
    /// Notes the first process, which must not have been waited for yet.
    pub(super) fn write(&mut self, held: &Held, pid: u32) -> io::Result<()> {
        let since = match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => state_and_start(&stat).ok_or(io::ErrorKind::InvalidData)?.1,
            // A shepherd waits for it at once: it has ended, and no process is as old.
            Err(error) => match ended_or(error) {
                NotFound::Io(error) => return Err(error),
                _ => 0,
            },
        };
        self.pid = pid;
        self.since = since;
        fs::write(held.directory().join(FILE), serde_json::to_vec(self)?)
    }
}

/// The letter of a process's state, and when it was started, of `/proc/PID/stat`.
pub(super) fn state_and_start(stat: &str) -> Option<(char, u64)> {
    // Fields 3 and 22, counted after the name, which may contain anything (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Whether a text may be a container's id.
pub(super) fn is_id(id: &str) -> bool {
    let mut bytes = id.bytes();
    let begins = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    begins
        && id.len() <= 127
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A container that runs.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) started: Started,
    pub(super) group: Group,
    /// The first process's directory in `/proc`, which is never another process's.
    process: OwnedFd,
    /// What [`lock`](Self::lock) locks. Nobody but the holder's user reaches it, other than the cgroup's own directory.
    file: File,
}

/// Why a container is not found running.
#[derive(Debug)]
pub(super) enum NotFound {
    NotRunning,
    /// Its journal is a newer porthole's.
    Newer,
    Io(io::Error),
}

impl Target {
    /// Finds a container that runs, whoever holds it.
    pub(super) fn find(state: &State, id: &str) -> Result<Self, NotFound> {
        if !is_id(id) {
            return Err(NotFound::NotRunning);
        }
        let journal = match state.peek::<Journal>(id) {
            Some(journal) if journal.version <= VERSION => journal,
            _ if journal::is_newer(state, id) => return Err(NotFound::Newer),
            _ => return Err(NotFound::NotRunning),
        };
        let started = File::open(state.directory(id).join(FILE)).and_then(|file| {
            let mut text = Vec::new();
            (&file).take(MAX).read_to_end(&mut text)?;
            Ok((serde_json::from_slice::<Started>(&text).ok(), file))
        });
        let (started, file) = match started {
            Ok((Some(started), file)) => (started, file),
            Ok((None, _)) => return Err(NotFound::NotRunning),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NotFound::NotRunning),
            Err(error) => return Err(NotFound::Io(error)),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = openat(CWD, format!("/proc/{}", started.pid), flags, Mode::empty());
        let process = process.map_err(|errno| ended_or(errno.into()))?;
        let target = Self {
            started,
            group: journal.group,
            process,
            file,
        };
        target.verify()?;
        Ok(target)
    }

    /// Keeps others from changing the container's limits, or, exclusively, from starting anything in it too, until this is
    /// dropped. Waits for them, but not for one that is stopped: a pod's whole life may wait for this.
    pub(super) fn lock(&self, exclusive: bool) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let locked = if exclusive {
                self.file.try_lock()
            } else {
                self.file.try_lock_shared()
            };
            match locked {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("another porthole has kept it for {} s", PATIENCE.as_secs()),
                    ));
                }
            }
        }
    }

    /// Whether the process is the one that was started, and alive.
    pub(super) fn verify(&self) -> Result<(), NotFound> {
        let mut stat = String::new();
        self.open("stat", OFlags::RDONLY)
            .and_then(|file| File::from(file).read_to_string(&mut stat))
            .map_err(ended_or)?;
        match state_and_start(&stat) {
            Some(('Z' | 'X', _)) | None => Err(NotFound::NotRunning),
            Some((_, since)) if since != self.started.since => Err(NotFound::NotRunning),
            Some(_) => Ok(()),
        }
    }

    /// The user that the process is.
    pub(super) fn uid(&self) -> io::Result<u32> {
        Ok(rustix::fs::fstat(&self.process)?.st_uid)
    }

    /// Opens a file of the process's directory.
    pub(super) fn open(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        Ok(openat(
            &self.process,
            name,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
        )?)
    }
}

/// What `/proc` says of a process that has ended is that it is not there.
pub(super) fn ended_or(error: io::Error) -> NotFound {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) => NotFound::NotRunning,
        _ => NotFound::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_start_of_a_process_of_any_name() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for name in ["sh", "a) Z 1 (b", ""] {
            assert_eq!(
                state_and_start(&format!("12 ({name}) {fields}")),
                Some(('S', 4711))
            );
        }
        assert_eq!(state_and_start("12 (sh) S 1 2"), None);
        assert_eq!(state_and_start(""), None);
    }

    #[test]
    fn a_process_of_another_time_is_not_the_container_s() {
        let root = tempfile::tempdir().unwrap();
        let state = State::new(root.path());
        let mut held = state.claim("one").unwrap();
        assert!(matches!(Target::find(&state, "one"), Err(NotFound::NotRunning)));
        held.write(&Journal::new("1-1", Group::default(), Vec::new()))
            .unwrap();
        let mut started = Started {
            pid: 0,
            since: 0,
            working_directory: "/hpc".to_owned(),
            credentials: None,
            variables: Vec::new(),
        };
        started.write(&held, std::process::id()).unwrap();
        let target = Target::find(&state, "one").unwrap();
        target.lock(false).unwrap();
        let other = Target::find(&state, "one").unwrap();
        other.lock(false).unwrap();
        assert_eq!(other.lock(true).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(target);
        other.lock(true).unwrap();
        started.since += 1;
        fs::write(held.directory().join(FILE), serde_json::to_vec(&started).unwrap()).unwrap();
        assert!(matches!(Target::find(&state, "one"), Err(NotFound::NotRunning)));
        fs::write(held.directory().join(FILE), "{\"pid\":1").unwrap();
        assert!(matches!(Target::find(&state, "one"), Err(NotFound::NotRunning)));
        for id in ["../one", "", "/", "a/../one", "-one", "ONE"] {
            assert!(
                matches!(Target::find(&state, id), Err(NotFound::NotRunning)),
                "{id}"
            );
        }
    }
}
