//! The directory of a pod, or of a job: whose name it has, who holds it, how it is made and removed.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::jobs::{self, JobRecord};
use super::naming::{LONGEST_NAME, directory_name, is_of};
use super::roll::Roll;
use super::shelf::{Shelf, names};
use super::{PodsError, Record, STATUS, files, record, version};
use crate::fault;
use crate::os::Mark;
use crate::plan::PodIdentity;
use crate::volumes;

const LOCK: &str = "lock";
const ENDED: &str = "ended";
const CONTROL: &str = "control";
const NAMES: &str = "names.lock";

/// How long the lock of the names is waited for. It is held for a few system calls.
const PATIENCE: Duration = Duration::from_secs(10);

/// `NAMESPACE/NAME`, for people.
pub(super) fn title(pod: &PodIdentity) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

/// A pod's directory that this process holds, until this is dropped, removed or ended, or the process dies.
#[derive(Debug)]
pub struct Held {
    directory: PathBuf,
    lock: Option<File>,
    /// Where others find it held without asking for its lock; nothing reads it here.
    _mark: Option<Mark>,
}

impl Held {
    /// Where everything of the pod is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes the record: from now on others see the pod.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn record(&self, record: &Record) -> Result<(), PodsError> {
        record::write(&self.directory, record)?;
        fault::step("record");
        Ok(())
    }

    /// As [`record`](Self::record), of a job.
    pub(super) fn job_record(&self, record: &JobRecord) -> Result<(), PodsError> {
        jobs::write(&self.directory, record)?;
        fault::step("job-record");
        Ok(())
    }

    /// Writes how the pod does, in Kubernetes' shape. A reader finds this status or the one before.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn status(&self, status: &impl Serialize) -> Result<(), PodsError> {
        let path = self.directory.join(STATUS);
        let written = serde_json::to_vec(status).map_err(io::Error::from);
        written
            .and_then(|text| files::replace(&path, &text))
            .map_err(|source| PodsError::Io {
                doing: "write the status",
                path,
                source,
            })
    }

    /// Lets go of a pod that has come to its end and whose last status is written: its record, status and logs stay, until
    /// somebody [removes](Self::remove) them.
    ///
    /// # Errors
    /// The end cannot be noted. A later command will take the pod for a lost one then.
    pub fn end(self) -> Result<(), PodsError> {
        // Where nobody listens nobody is asked.
        let _ = fs::remove_file(self.directory.join(CONTROL));
        let path = self.directory.join(ENDED);
        files::private()
            .open(&path)
            .map(drop)
            .map_err(|source| PodsError::Io {
                doing: "note the end in",
                path,
                source,
            })
    }

    /// Removes the pod, or the job, with everything in its directory.
    ///
    /// # Errors
    /// Something could not be removed. The record has gone first: a later command removes the rest.
    pub fn remove(mut self) -> Result<(), PodsError> {
        let failed = |path: &Path, source| PodsError::Io {
            doing: "remove",
            path: path.to_owned(),
            source,
        };
        for record in [record::path(&self.directory), jobs::path(&self.directory)] {
            gone(fs::remove_file(&record)).map_err(|source| failed(&record, source))?;
        }
        fault::step("remove-record");
        remove_volumes(&self.directory)?;
        for entry in fs::read_dir(&self.directory)
            .map_err(|source| failed(&self.directory, source))?
            .flatten()
        {
            if entry.file_name() == LOCK {
                continue;
            }
            let path = entry.path();
            let removed = match entry.file_type() {
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
                _ => fs::remove_file(&path),
            };
            gone(removed).map_err(|source| failed(&path, source))?;
        }
        fault::step("remove-files");
        let lock = self.directory.join(LOCK);
        // Windows removes no file that is open; elsewhere nobody may have it in between.
        if cfg!(windows) {
            drop(self.lock.take());
        }
        gone(fs::remove_file(&lock)).map_err(|source| failed(&lock, source))?;
        fault::step("remove-lock");
        gone(fs::remove_dir(&self.directory)).map_err(|source| failed(&self.directory, source))
    }
}

/// Removes the volumes of a pod, with what is mounted there.
pub(super) fn remove_volumes(pod: &Path) -> Result<(), PodsError> {
    volumes::remove(pod).map_err(|error| PodsError::Volumes {
        path: pod.to_owned(),
        source: error,
    })
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Takes a name, and makes and locks the directory of the pod or job that has it.
pub(super) fn claim(state: &Path, shelf: Shelf, identity: &PodIdentity) -> Result<Held, PodsError> {
    check(identity)?;
    let name = directory_name(identity);
    let directory = shelf.of(state).join(&name);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PodsError::Io {
            doing: "make the directory",
            path,
            source,
        }
    };
    let pods = shelf.of(state);
    fs::create_dir_all(&pods).map_err(failed(&pods))?;
    let _names = lock_names(state)?;
    // One at a time: nobody reads a version that is half written.
    version::note(state).map_err(failed(state))?;
    let taken = |running| PodsError::Taken {
        noun: shelf.noun(),
        title: title(identity),
        running,
    };
    for other in names(state, shelf)? {
        if is_of(&other, &identity.namespace, &identity.name) {
            let other = pods.join(&other);
            if has_ended(&other) {
                return Err(taken(false));
            }
            match take_over_left(&other)? {
                // It died before it had anything to be found by.
                Found::Dead(held) if !has_record(&other) => held.remove()?,
                Found::Gone => {}
                found => return Err(taken(matches!(found, Found::Alive))),
            }
        }
    }
    // Only the holder looks in: Secrets may be below, and containers come by way of their mounts.
    make_private(&directory).map_err(failed(&directory))?;
    fault::step("pod-directory");
    match lock(&directory) {
        Ok(lock) => {
            fault::step("pod-lock");
            Ok(Held {
                _mark: Roll::of(state, shelf).sign(&name),
                directory,
                lock: Some(lock),
            })
        }
        Err(source) => {
            // Nothing is left of it, for example on a full disk.
            let _ = fs::remove_file(directory.join(LOCK));
            let _ = fs::remove_dir(&directory);
            Err(failed(&directory)(source))
        }
    }
}

fn lock(directory: &Path) -> io::Result<File> {
    let lock = files::private().create_new(true).open(directory.join(LOCK))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => {
                // For whoever wants to know; Windows lets nobody read it as long as it is locked.
                write!(&lock, "{}", std::process::id())?;
                return Ok(lock);
            }
            // Another process looks whether it is locked, and will not do more than that before it has the names.
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What becomes part of a path is one name, and not too long.
fn check(identity: &PodIdentity) -> Result<(), PodsError> {
    let PodIdentity { namespace, name, uid } = identity;
    let bad = |reason| PodsError::Name {
        title: title(identity),
        reason,
    };
    if let Some(fault) = crate::spec::label_fault(namespace).or_else(|| crate::spec::subdomain_fault(name)) {
        return Err(bad(fault));
    }
    if uid.is_empty()
        || !uid
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(bad(format!("its uid {uid:?} is none")));
    }
    let length = directory_name(identity).len();
    if length > LONGEST_NAME {
        let most = uid.len() - (length - LONGEST_NAME).min(uid.len());
        return Err(bad(format!(
            "its uid has more than {most} characters, for which there is no directory"
        )));
    }
    Ok(())
}

/// What was found in a pod's directory.
pub(super) enum Found {
    /// Its holder lives.
    Alive,
    /// It has ended, and nobody holds it but this.
    Ended(Held),
    /// Its holder died, and nobody holds it but this.
    Dead(Held),
    /// It was removed meanwhile.
    Gone,
}

/// Takes over a pod's directory where nobody holds it.
///
/// One that is just being made is not locked yet: whoever removes something makes sure of that by locking the names first.
pub(super) fn take_over(directory: &Path) -> Result<Found, PodsError> {
    let path = directory.join(LOCK);
    let failed = |source| PodsError::Io {
        doing: "look whether somebody holds",
        path: path.clone(),
        source,
    };
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(if directory.is_dir() {
                Found::Dead(Held {
                    directory: directory.to_owned(),
                    lock: None,
                    _mark: None,
                })
            } else {
                Found::Gone
            });
        }
        Err(error) => return Err(failed(error)),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Found::Alive),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // Between opening and locking, another process may have removed it: then this lock is on nothing.
    if !path.try_exists().map_err(failed)? {
        return Ok(Found::Gone);
    }
    let held = Held {
        directory: directory.to_owned(),
        lock: Some(lock),
        _mark: None,
    };
    Ok(if has_ended(directory) {
        Found::Ended(held)
    } else {
        Found::Dead(held)
    })
}

/// The process that holds a pod's directory.
pub(super) fn holder(directory: &Path) -> Option<u32> {
    let text = files::read_text(&directory.join(LOCK), 32).ok()??;
    text.trim().parse().ok()
}

/// Waits until nobody holds a pod's directory, for at most `limit`. Returns whether nobody does.
pub(super) fn wait_until_free(directory: &Path, limit: Option<Duration>) -> bool {
    let Ok(lock) = File::open(directory.join(LOCK)) else {
        return true;
    };
    let (done, freed) = std::sync::mpsc::channel();
    let waiter = thread::Builder::new().stack_size(64 << 10).spawn(move || {
        // The system wakes this when the holder lets go, or dies.
        let waited = lock.lock_shared();
        drop(lock);
        let _ = done.send(waited.is_ok());
    });
    if waiter.is_err() {
        return false;
    }
    match limit {
        None => freed.recv().unwrap_or(false),
        Some(limit) => freed.recv_timeout(limit).unwrap_or(false),
    }
}

/// Takes over the directory of a pod that has ended; nothing where it is gone already.
pub(super) fn take_ended(directory: &Path) -> Result<Option<Held>, PodsError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match take_over(directory)? {
            Found::Ended(held) | Found::Dead(held) => return Ok(Some(held)),
            Found::Gone => return Ok(None),
            // Another command removes it, or looks at it.
            Found::Alive if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            Found::Alive => {
                return Err(PodsError::Busy {
                    doing: "take over",
                    path: directory.to_owned(),
                    seconds: PATIENCE.as_secs(),
                });
            }
        }
    }
}

/// Whether somebody holds a pod's directory.
pub(super) fn is_held(directory: &Path) -> bool {
    !has_ended(directory)
        && File::open(directory.join(LOCK))
            .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether the pod came to an end that is written down.
pub(super) fn has_ended(directory: &Path) -> bool {
    directory.join(ENDED).exists()
}

/// Whether there is a record.
pub(super) fn has_record(directory: &Path) -> bool {
    record::path(directory).exists() || jobs::path(directory).exists()
}

/// Whether a directory has a lock; one that has none is half made, or half removed.
pub(super) fn has_lock(directory: &Path) -> bool {
    directory.join(LOCK).exists()
}

/// As [`take_over`]; but where whoever had the directory has died, the lock is only held by one who looks, and is waited for.
fn take_over_left(directory: &Path) -> Result<Found, PodsError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match take_over(directory)? {
            Found::Alive if is_left(directory) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            found => return Ok(found),
        }
    }
}

/// Whether the process that made the lock is known to have died.
fn is_left(directory: &Path) -> bool {
    // Elsewhere nobody reads who that is as long as it is locked.
    cfg!(target_os = "linux")
        && holder(directory).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

/// Waits until nobody else gives a name away, and keeps it so until the answer is dropped.
pub(super) fn lock_names(state: &Path) -> Result<File, PodsError> {
    let path = state.join(NAMES);
    let failed = |source| PodsError::Io {
        doing: "lock",
        path: path.clone(),
        source,
    };
    let lock = files::private().open(&path).map_err(failed)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(PodsError::Busy {
                    doing: "lock",
                    path,
                    seconds: PATIENCE.as_secs(),
                });
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

#[cfg(unix)]
fn make_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    fs::DirBuilder::new().mode(0o700).create(directory)
}

/// On Windows the state directory's own rights are passed on.
#[cfg(not(unix))]
fn make_private(directory: &Path) -> io::Result<()> {
    fs::create_dir(directory)
}
