//! A container with its process: one thread that starts it, waits for its end and ends what it leaves behind.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, pidfd_send_signal, waitid};

use super::cgroup::Group;
use super::container::{Prepared, Resources};
use super::herd::Crook;
use super::raw::{self, SpawnError, Spawned};
use super::steps::{Launch, Step};
use super::streams::Ours;
use super::{Host, journal};
use crate::engine::{
    DeleteError, Exit, Hits, Output, Running, Signal, SignalError, StartError, Terminal, TerminalSize,
};
use crate::fault;

/// A started container.
struct Container {
    id: String,
    pid: u32,
    group: Group,
    exit: Mutex<Option<Exit>>,
    ended: Condvar,
    streams: Ours,
    resources: Mutex<Resources>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a container's process.
pub(super) fn start(prepared: Prepared) -> Result<Arc<dyn Running>, StartError> {
    let Prepared {
        host,
        descriptors,
        resources,
        group,
        command,
        launch,
        crook,
        streams,
        mut started,
    } = prepared;
    // Nothing runs unguarded.
    let guardian = host.guardian.ensure().map_err(|source| StartError::Step {
        doing: "start the guardian (this executable, under a hidden verb)".to_owned(),
        source,
    })?;
    let id = resources.id().to_owned();
    let (tell, told) = sync_channel(1);
    let (hand_over, container) = sync_channel::<Arc<Container>>(1);
    let minder = Minder {
        host,
        guardian,
        group: group.clone(),
    };
    // The kernel ties a process to the *thread* that made it: the thread that waits for its end.
    std::thread::Builder::new()
        .name("container".to_owned())
        .stack_size(256 * 1024)
        .spawn(move || {
            if let Some(spawned) = minder.spawn(&launch, crook, &tell) {
                drop(descriptors);
                drop(tell);
                if let Ok(container) = container.recv() {
                    minder.mind(&spawned, &container);
                } else {
                    minder.end(&spawned);
                }
            }
        })
        .map_err(|source| StartError::Step {
            doing: "start a thread".to_owned(),
            source,
        })?;
    let pid = match told.recv() {
        Ok(Ok(pid)) => pid,
        Ok(Err((error, steps))) => return Err(describe(error, &steps, &command)),
        Err(_) => {
            return Err(StartError::Step {
                doing: "start a thread".to_owned(),
                source: io::Error::other("it ended"),
            });
        }
    };
    fault::step("process");
    // Until it is handed over, nobody waits for the process: what is asked of it here is asked of it and no other. On an
    // error its thread ends it.
    started
        .write(resources.held(), pid)
        .map_err(|source| StartError::Step {
            doing: format!("note the process in {}", resources.held().directory().display()),
            source,
        })?;
    fault::step("started");
    let container = Arc::new(Container {
        id,
        pid,
        group,
        exit: Mutex::new(None),
        ended: Condvar::new(),
        streams,
        resources: Mutex::new(resources),
    });
    let _ = hand_over.send(Arc::clone(&container));
    Ok(container)
}

type Told = Result<u32, (SpawnError, Vec<Step>)>;

struct Minder {
    host: Arc<Host>,
    guardian: Arc<OwnedFd>,
    group: Group,
}

impl Minder {
    fn spawn(&self, launch: &Launch, crook: Option<Crook>, tell: &SyncSender<Told>) -> Option<Spawned> {
        let cgroup = match self.group.unified() {
            Ok(cgroup) => cgroup,
            Err(error) => {
                let _ = tell.send(Err((SpawnError::Clone(error.source), Vec::new())));
                return None;
            }
        };
        let cgroup = cgroup.as_ref().map(std::os::fd::AsFd::as_fd);
        match raw::spawn(|report| launch.steps(report), cgroup) {
            Ok((spawned, _)) => {
                let own = spawned.pid.as_raw_nonzero().get().unsigned_abs();
                let first = match (crook, &self.group.herd) {
                    (Some(crook), Some(herd)) => herd.note(spawned.pid).and_then(|()| crook.first()),
                    _ => Ok(own),
                };
                match first {
                    Ok(first) => {
                        let _ = tell.send(Ok(first));
                        Some(spawned)
                    }
                    Err(error) => {
                        let _ = pidfd_send_signal(&spawned.handle, rustix::process::Signal::TERM);
                        let _ = waitid(WaitId::PidFd(spawned.handle.as_fd()), WaitIdOptions::EXITED);
                        let _ = tell.send(Err((SpawnError::Clone(error), Vec::new())));
                        None
                    }
                }
            }
            Err(failed) => {
                let _ = tell.send(Err(failed));
                None
            }
        }
    }

    /// Waits for the first process's end, then ends the others.
    fn mind(mut self, spawned: &Spawned, container: &Container) {
        let exit = loop {
            let mut fds = [
                PollFd::new(&spawned.handle, PollFlags::IN),
                PollFd::new(&*self.guardian, PollFlags::IN),
            ];
            let polled = poll(&mut fds, None);
            if polled.is_ok() && fds[1].revents().is_empty() && fds[0].revents().is_empty() {
                continue;
            }
            if polled.is_err() || !fds[0].revents().is_empty() {
                break self.end(spawned);
            }
            // The guardian died first: a new one, or no container.
            match self.host.guardian.ensure() {
                Ok(guardian) => self.guardian = guardian,
                Err(_) => break self.end(spawned),
            }
        };
        *lock(&container.exit) = Some(exit);
        container.ended.notify_all();
    }

    fn end(&self, spawned: &Spawned) -> Exit {
        let ended = |options| waitid(WaitId::PidFd(spawned.handle.as_fd()), options);
        // Polled before: normally this is the end. If the guardian is lost instead, the group's death makes it one.
        let status = match ended(WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(None) => {
                let _ = self.group.kill();
                ended(WaitIdOptions::EXITED)
            }
            status => status,
        };
        let _ = self.group.kill_and_wait(journal::PATIENCE);
        exit(status.ok().flatten().as_ref())
    }
}

/// How a process ended. `None` where somebody else in this process took the status away.
pub(super) fn exit(status: Option<&WaitIdStatus>) -> Exit {
    match status.map(|status| (status.exit_status(), status.terminating_signal())) {
        Some((Some(code), _)) => Exit::Code(code),
        Some((None, Some(signal))) => Exit::Signal(signal),
        Some((None, None)) | None => Exit::Code(255),
    }
}

/// The step at which a process failed, as an error that names it.
pub(super) fn describe(error: SpawnError, steps: &[Step], command: &str) -> StartError {
    let (index, candidate, source) = match error {
        SpawnError::Clone(source) => {
            return StartError::Step {
                doing: "make a process in the container's cgroup".to_owned(),
                source,
            };
        }
        SpawnError::Step {
            index,
            candidate,
            source,
        } => (index, candidate, source),
    };
    let path = |path: &CString| {
        use std::os::unix::ffi::OsStrExt as _;
        PathBuf::from(std::ffi::OsStr::from_bytes(path.as_bytes()))
    };
    match steps.get(index) {
        Some(Step::Execute(program)) => match program.candidates.get(candidate) {
            None => StartError::NotFound {
                command: command.to_owned(),
                tried: program.candidates.iter().map(path).collect(),
            },
            Some(found) => StartError::NotExecutable {
                path: path(found),
                source: explain(source),
            },
        },
        Some(step) => StartError::Step {
            doing: step.doing(),
            source,
        },
        None => StartError::Step {
            doing: "start the process".to_owned(),
            source,
        },
    }
}

/// Says what the kernel's answer to `execve` means where its own words mislead.
fn explain(source: io::Error) -> io::Error {
    let text = match source.raw_os_error() {
        Some(libc::ENOENT) => {
            "its interpreter does not exist: the loader of a dynamic program, or what follows `#!` in a script"
        }
        Some(libc::EACCES) => "permission denied: not an executable file, or not one for this account",
        Some(libc::E2BIG) => {
            "its arguments and environment are longer than the kernel takes (128 KiB for one of them); \
             hand long texts over in a volume"
        }
        Some(libc::ENOEXEC) => "not a program of this machine, or a script without `#!`",
        _ => return source,
    };
    io::Error::new(source.kind(), text)
}

impl Container {
    fn error(&self) -> impl Fn(io::Error) -> SignalError {
        let id = self.id.clone();
        move |source| SignalError {
            id: id.clone(),
            source,
        }
    }
}

impl Running for Container {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn take_output(&self) -> Option<Output> {
        self.streams.take_output()
    }

    fn take_terminal(&self) -> Option<Terminal> {
        self.streams.take_terminal()
    }

    fn resize(&self, size: TerminalSize) -> Result<(), SignalError> {
        self.streams.resize(size).map_err(self.error())
    }

    fn wait(&self) -> Exit {
        let mut exit = lock(&self.exit);
        loop {
            if let Some(exit) = *exit {
                return exit;
            }
            exit = self.ended.wait(exit).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wait_for(&self, limit: Duration) -> Option<Exit> {
        let (exit, _) = self
            .ended
            .wait_timeout_while(lock(&self.exit), limit, |exit| exit.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        *exit
    }

    fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        let signal = match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Int => rustix::process::Signal::INT,
            Signal::Hup => rustix::process::Signal::HUP,
            Signal::Kill => return self.kill(),
        };
        if lock(&self.exit).is_some() {
            return Ok(());
        }
        let sent = self.group.signal(signal).map_err(self.error());
        fault::step("container-signalled");
        sent
    }

    fn kill(&self) -> Result<(), SignalError> {
        if lock(&self.exit).is_some() {
            return Ok(());
        }
        let killed = self.group.kill().map_err(self.error());
        fault::step("container-killed");
        killed
    }

    fn hits(&self) -> Hits {
        self.group.hits()
    }

    fn delete(&self) -> Result<(), DeleteError> {
        let mut resources = lock(&self.resources);
        if lock(&self.exit).is_none() {
            let _ = self.group.kill();
            self.wait_for(journal::PATIENCE);
        }
        resources.remove()
    }
}
