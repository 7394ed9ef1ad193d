//! A further program in a container that runs, whichever process of this host holds it.
//!
//! It is the child of whoever asks, born in the container's cgroup, in the container's mount namespace. It needs no
//! guardian of its own: it ends with the container, whose guardian sees to that, and with the thread that made it.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::process::{
    Pid, WaitId, WaitIdOptions, geteuid, getpid, kill_process_group, pidfd_send_signal, waitid,
};

use super::accounts::{self, Database, Identity};
use super::cgroup::Group;
use super::herd::{Crook, Noted};
use super::program::{self, c_string};
use super::raw::{self, SpawnError, Spawned};
use super::running::{describe, exit};
use super::started::{NotFound, Target};
use super::steps::{Credentials, Launch, Mounts, Step};
use super::streams::{self, Ours};
use super::{Host, journal, privileges};
use crate::engine::{
    CreateError, DeleteError, Entry, ExecError, Exit, Output, Running, Signal, SignalError, Stdio, Terminal,
    TerminalSize,
};
use crate::path::MountPoint;
use crate::plan::{Plan, User};
use crate::state::State;
use crate::{command, fault};

/// Who a program is, and what that brings into its environment.
struct Account {
    credentials: Option<Credentials>,
    variables: Vec<(String, String)>,
    claim: Option<Claim>,
}

/// A user id that only this program has, for as long as it runs.
struct Claim {
    state: State,
    /// The container's.
    id: String,
    uid: u32,
}

impl Drop for Claim {
    fn drop(&mut self) {
        journal::release_uid(&self.state, &self.id, self.uid);
    }
}

/// Starts a program in a container.
pub(super) fn exec(
    host: &Arc<Host>,
    plan: &Plan,
    entry: &Entry,
    stdio: Stdio,
) -> Result<Arc<dyn Running>, ExecError> {
    privileges::check_entry(entry.user.as_ref().unwrap_or(&plan.user))?;
    if entry.command.first().is_none_or(String::is_empty) {
        return Err(refused("find the command", "none is given").into());
    }
    let lost = |error| lost(&plan.id, error);
    let target = Target::find(&host.state, &plan.id).map_err(lost)?;
    let mount_point = MountPoint::linux();
    let account = account(host, plan, entry, &target)?;
    fault::step("exec-account");
    let directory = match &entry.working_directory {
        Some(given) => working_directory(&target, given, &mount_point)?,
        None => target.started.working_directory.clone(),
    };
    let specified = [plan.environment.as_slice(), &entry.environment].concat();
    let program = program::program(
        &entry.command,
        &account.variables,
        &specified,
        &directory,
        &mount_point,
    )?;
    let mut descriptors = Vec::new();
    let streams = streams::open(
        stdio,
        plan.streams.stdin,
        account.credentials.as_ref(),
        &mut descriptors,
    )?;
    fault::step("exec-streams");
    // The cgroups and the namespace are opened for good: they are this container's, or they are gone.
    let namespace = target
        .open("ns/mnt", OFlags::RDONLY)
        .map_err(super::started::ended_or)
        .map_err(lost)?;
    let user = user_namespace(&target, &plan.id)?;
    let group = &target.group;
    target.lock(false).map_err(|source| CreateError::Io {
        doing: "wait for a change of the container's limits".to_owned(),
        source,
    })?;
    let opened = group
        .unified()
        .and_then(|unified| Ok((unified, group.entries()?)));
    let (unified, entries) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            target.verify().map_err(lost)?;
            return Err(CreateError::Io {
                doing: error.doing,
                source: error.source,
            }
            .into());
        }
    };
    let crook = crook(group).map_err(lost)?;
    let launch = Launch {
        cgroups: entries.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect(),
        streams: streams.process,
        terminal: streams.terminal,
        mounts: Mounts::Entered {
            user: user.as_ref().map(std::os::fd::AsRawFd::as_raw_fd),
            mounts: namespace.as_raw_fd(),
        },
        working_directory: c_string(&directory, "working directory")?,
        credentials: account.credentials,
        parent: getpid().as_raw_nonzero().get(),
        shepherd: crook.as_ref().map(Crook::step),
        program,
    };
    descriptors.extend(user);
    descriptors.push(namespace);
    descriptors.extend(entries.into_iter().map(OwnedFd::from));
    let spawned = match spawn(launch, unified.map(OwnedFd::from), descriptors) {
        Ok(spawned) => spawned,
        Err((error, steps)) => {
            target.verify().map_err(lost)?;
            return Err(describe(error, &steps, &entry.command[0]).into());
        }
    };
    fault::step("exec-process");
    // One that cannot be noted is not asked to end with the container; it ends with it all the same.
    let noted = group
        .herd
        .as_ref()
        .and_then(|herd| herd.note_program(spawned.pid).ok());
    let first = crook.and_then(first).unwrap_or(spawned.pid);
    Ok(Arc::new(Program {
        id: plan.id.clone(),
        first,
        spawned,
        exit: Mutex::new(None),
        streams: streams.ours,
        _claim: account.claim,
        _noted: noted,
    }))
}

/// Why a container that was not found running was not.
fn lost(id: &str, error: NotFound) -> ExecError {
    match error {
        NotFound::NotRunning => ExecError::NotRunning { id: id.to_owned() },
        NotFound::Newer => refused(
            &format!("read the journal of container `{id}`"),
            "it was written by a newer porthole; use that one",
        )
        .into(),
        NotFound::Io(source) => CreateError::Io {
            doing: format!("look for the process of container `{id}`"),
            source,
        }
        .into(),
    }
}

fn refused(doing: &str, reason: &str) -> CreateError {
    CreateError::Host {
        doing: doing.to_owned(),
        reason: reason.to_owned(),
    }
}

fn account(host: &Host, plan: &Plan, entry: &Entry, target: &Target) -> Result<Account, CreateError> {
    let user = match &entry.user {
        Some(user) if *user != plan.user => user,
        _ => {
            return Ok(Account {
                credentials: target.started.credentials.clone(),
                variables: target.started.variables.clone(),
                claim: None,
            });
        }
    };
    let database = match user {
        User::Inherit => Database::default(),
        User::Account(_) => Database::of_host()?,
    };
    Ok(match accounts::resolve(user, &database, &host.facts.hostname)? {
        Identity::Inherited => Account {
            credentials: None,
            variables: program::inherited(),
            claim: None,
        },
        Identity::Fixed {
            credentials,
            variables,
        } => Account {
            credentials: Some(credentials),
            variables,
            claim: None,
        },
        Identity::Ephemeral { gid, variables } => {
            // In the container's name: it is given back with the container where this process is killed.
            let uid = journal::claim_uid(&host.state, &plan.id)?;
            Account {
                credentials: Some(Credentials {
                    uid,
                    gid,
                    groups: vec![gid],
                }),
                variables,
                claim: Some(Claim {
                    state: host.state.clone(),
                    id: plan.id.clone(),
                    uid,
                }),
            }
        }
    })
}

/// What a shepherd of the program's own is made with, where no cgroup holds the container together: what the program leaves
/// behind would be out of the sight of the container's. It ends with that one, or before.
fn crook(group: &Group) -> Result<Option<Crook>, NotFound> {
    let Some(herd) = &group.herd else {
        return Ok(None);
    };
    let shepherd = herd.shepherd().map_err(NotFound::Io)?;
    let (_, shepherd) = shepherd.ok_or(NotFound::NotRunning)?;
    Crook::new(Some(shepherd)).map(Some).map_err(NotFound::Io)
}

/// The program, of which its shepherd has told. One that tells nothing has ended with it.
fn first(crook: Crook) -> Option<Pid> {
    Pid::from_raw(crook.first().ok()?.cast_signed())
}

/// The container's user namespace where it is not this process's.
fn user_namespace(target: &Target, id: &str) -> Result<Option<OwnedFd>, ExecError> {
    let failed = |source| CreateError::Io {
        doing: format!("look at the user namespace of container `{id}`"),
        source,
    };
    let theirs = target
        .open("ns/user", OFlags::RDONLY)
        .map_err(super::started::ended_or)
        .map_err(|error| lost(id, error))?;
    let own = rustix::fs::stat("/proc/self/ns/user").map_err(|errno| failed(errno.into()))?;
    let found = rustix::fs::fstat(&theirs).map_err(|errno| failed(errno.into()))?;
    if (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino) {
        return Ok(None);
    }
    let uid = target.uid().map_err(failed)?;
    if uid != geteuid().as_raw() {
        let doing = format!("start a program in container `{id}`");
        let reason = format!("it was started without root by user {uid}; run porthole as that user");
        return Err(refused(&doing, &reason).into());
    }
    Ok(Some(theirs))
}

/// The first candidate that is a directory as the container sees it. None is made.
fn working_directory(target: &Target, given: &str, mount_point: &MountPoint) -> Result<String, CreateError> {
    let candidates = command::working_directories(Some(given), mount_point);
    let root = target
        .open("root", OFlags::PATH | OFlags::DIRECTORY)
        .map_err(|source| CreateError::Io {
            doing: "look into the container's root directory".to_owned(),
            source,
        })?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for candidate in &candidates {
        if openat2(
            &root,
            Path::new(candidate),
            flags,
            Mode::empty(),
            ResolveFlags::IN_ROOT,
        )
        .is_ok()
        {
            return Ok(candidate.clone());
        }
    }
    Err(refused(
        &format!("change to working directory `{given}`"),
        "the container has no such directory; make it, or name another",
    ))
}

/// Makes the process, as the child of a thread that does not end before it: the kernel kills it with that thread.
fn spawn(
    launch: Launch,
    cgroup: Option<OwnedFd>,
    descriptors: Vec<OwnedFd>,
) -> Result<Spawned, (SpawnError, Vec<Step>)> {
    let make = move || {
        let cgroup = cgroup.as_ref().map(std::os::fd::AsFd::as_fd);
        let spawned = raw::spawn(|report| launch.steps(report), cgroup);
        drop(descriptors);
        spawned.map(|(spawned, _)| spawned)
    };
    if rustix::thread::gettid() == getpid() {
        return make();
    }
    let (tell, told) = sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("exec".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            let spawned = make();
            let handle = match &spawned {
                Ok(spawned) => spawned.handle.try_clone(),
                Err(_) => Err(std::io::ErrorKind::NotFound.into()),
            };
            let _ = tell.send(spawned);
            if let Ok(handle) = handle {
                // Not waited for here: whoever has the program does that.
                while poll(&mut [PollFd::new(&handle, PollFlags::IN)], None)
                    .is_err_and(|errno| errno == rustix::io::Errno::INTR)
                {}
            }
        });
    let failed = |source| Err((SpawnError::Clone(source), Vec::new()));
    match thread {
        Err(source) => failed(source),
        Ok(_) => told
            .recv()
            .unwrap_or_else(|_| failed(std::io::Error::other("its thread ended"))),
    }
}

/// A program that was started in a container. One that is dropped before its end is killed.
struct Program {
    id: String,
    /// The program; the same as what was spawned, or the child of that.
    first: Pid,
    spawned: Spawned,
    /// `None` while the process has not been waited for: for so long its number is its own.
    exit: Mutex<Option<Exit>>,
    streams: Ours,
    _claim: Option<Claim>,
    _noted: Option<Noted>,
}

impl Program {
    fn exit(&self) -> MutexGuard<'_, Option<Exit>> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, source: std::io::Error) -> SignalError {
        SignalError {
            id: self.id.clone(),
            source,
        }
    }

    /// Sends a signal to the program's process group, in which it is.
    fn send(&self, signal: rustix::process::Signal) -> Result<(), SignalError> {
        // Held meanwhile: nobody waits for the process, and its number stays its own.
        let exit = self.exit();
        if exit.is_some() {
            return Ok(());
        }
        if self.first != self.spawned.pid && signal == rustix::process::Signal::KILL {
            // Its shepherd kills the program, and whatever it has left behind.
            let asked = pidfd_send_signal(&self.spawned.handle, rustix::process::Signal::TERM);
            return match asked {
                Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
                Err(errno) => Err(self.error(errno.into())),
            };
        }
        let sent = match kill_process_group(self.first, signal) {
            // Gone, and its shepherd is about to know.
            Err(rustix::io::Errno::SRCH) if self.first != self.spawned.pid => Ok(()),
            Err(rustix::io::Errno::SRCH) => pidfd_send_signal(&self.spawned.handle, signal),
            sent => sent,
        };
        match sent {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(self.error(errno.into())),
        }
    }

    /// Waits until the deadline, or without one for ever.
    fn wait_until(&self, deadline: Option<Instant>) -> Option<Exit> {
        loop {
            let mut fds = [PollFd::new(&self.spawned.handle, PollFlags::IN)];
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let limit = left.and_then(|left| Timespec::try_from(left).ok());
            if let Some(exit) = *self.exit() {
                return Some(exit);
            }
            match poll(&mut fds, limit.as_ref()) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return None,
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                _ => return Some(self.collect()),
            }
        }
    }

    /// Waits for the process, whose end is known or near.
    fn collect(&self) -> Exit {
        let mut known = self.exit();
        *known.get_or_insert_with(|| {
            let status = waitid(WaitId::PidFd(self.spawned.handle.as_fd()), WaitIdOptions::EXITED);
            exit(status.ok().flatten().as_ref())
        })
    }
}

impl Running for Program {
    fn pid(&self) -> u32 {
        self.first.as_raw_nonzero().get().unsigned_abs()
    }

    fn take_output(&self) -> Option<Output> {
        self.streams.take_output()
    }

    fn take_terminal(&self) -> Option<Terminal> {
        self.streams.take_terminal()
    }

    fn resize(&self, size: TerminalSize) -> Result<(), SignalError> {
        self.streams.resize(size).map_err(|source| self.error(source))
    }

    fn wait(&self) -> Exit {
        loop {
            if let Some(exit) = self.wait_until(None) {
                return exit;
            }
        }
    }

    fn wait_for(&self, limit: Duration) -> Option<Exit> {
        self.wait_until(Instant::now().checked_add(limit))
    }

    fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        self.send(match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Int => rustix::process::Signal::INT,
            Signal::Hup => rustix::process::Signal::HUP,
            Signal::Kill => rustix::process::Signal::KILL,
        })
    }

    fn kill(&self) -> Result<(), SignalError> {
        self.send(rustix::process::Signal::KILL)
    }

    fn delete(&self) -> Result<(), DeleteError> {
        if self.exit().is_none() {
            let _ = self.kill();
            self.wait();
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Cannot fail: what is dropped is killed and waited for.
        let _ = self.delete();
    }
}
