//! A container on Windows: created, running, ended.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::{
    Created, DeleteError, Exit, Hits, Output, Running, Signal, SignalError, StartError, Stdio, Terminal,
    TerminalSize,
};
use crate::path::MountPoint;
use crate::plan::Plan;
use crate::{environment, fault};

use super::api::{Api, Handle, Process};
use super::belongings::{Belongings, First};
use super::job::Job;
use super::launcher::Launcher;
use super::program::{self, Program, Started};
use super::relay::Relay;
use super::streams;

/// How long the processes of a killed job may take to go.
const GONE: Duration = Duration::from_secs(10);

/// A container that has everything but its process.
///
/// The order of the fields is the order in which it is undone: processes, token, then what was made for it.
pub(super) struct Prepared {
    pub(super) job: Job,
    pub(super) token: Option<Handle>,
    pub(super) belongings: Belongings,
    pub(super) api: Arc<dyn Api>,
    pub(super) plan: Plan,
    pub(super) stdio: Stdio,
    pub(super) mount_point: MountPoint,
    /// Starts programs inside of the silo; `None` where this process sees what they see.
    pub(super) launcher: Option<Launcher>,
}

impl Created for Prepared {
    fn start(mut self: Box<Self>) -> Result<Arc<dyn Running>, StartError> {
        fault::step("process");
        let api = &*self.api;
        let system_root = program::system_root(api);
        let block = program::account_variables(api, self.token.as_ref())?;
        let started = Program {
            command: &self.plan.command,
            working_directory: self.plan.working_directory.as_deref(),
            variables: environment::compose_windows(
                &block,
                &self.plan.environment,
                &self.mount_point,
                &system_root,
            ),
            system_root,
            mount_point: &self.mount_point,
            view: self.plan.view,
            launcher: self.launcher.as_ref(),
            token: self.token.as_ref(),
            jobs: &[self.job.handle()],
            breakaway: false,
            stdio: self.stdio,
            stdin: self.plan.streams.stdin,
        }
        .start(api)?;
        // From here on others find the container. On an error the job's end is the program's.
        self.belongings
            .started(First {
                process: started.process.id,
                silo: self.launcher.is_some(),
            })
            .map_err(|source| StartError::Step {
                doing: format!("note the process of container `{}`", self.plan.id),
                source,
            })?;
        fault::step("started");
        Ok(Arc::new(Container::of(
            self.plan.id,
            self.api,
            started,
            self.job,
            self.token,
            Some(self.belongings),
        )))
    }
}

/// A container whose process was started, or a further program that was started in one.
///
/// The order of the fields matters where it is dropped without `delete`: the job's handle goes before `ended`, whose
/// removal of the rootfs waits for the programs that this kills.
pub(super) struct Container {
    id: String,
    api: Arc<dyn Api>,
    pid: u32,
    launcher: Option<u32>,
    output: Mutex<Option<Output>>,
    terminal: Mutex<Option<Terminal>>,
    pseudo_console: Mutex<Option<Arc<Handle>>>,
    process: Process,
    /// `None` once the container is deleted.
    job: Mutex<Option<Arc<Job>>>,
    _token: Option<Handle>,
    ended: Mutex<Ended>,
}

struct Ended {
    exit: Option<Exit>,
    hits: Hits,
    /// What brings the output to porthole's console.
    relays: Vec<Relay>,
    /// None of a program that was started in somebody else's container.
    belongings: Option<Belongings>,
}

impl Container {
    pub(super) fn of(
        id: String,
        api: Arc<dyn Api>,
        started: Started,
        job: Job,
        token: Option<Handle>,
        belongings: Option<Belongings>,
    ) -> Self {
        Self {
            id,
            api,
            pid: started.pid,
            launcher: started.launcher,
            output: Mutex::new(started.kept.output),
            terminal: Mutex::new(started.kept.terminal),
            pseudo_console: Mutex::new(started.kept.pseudo_console.map(Arc::new)),
            process: started.process,
            job: Mutex::new(Some(Arc::new(job))),
            _token: token,
            ended: Mutex::new(Ended {
                exit: None,
                hits: Hits::default(),
                relays: started.kept.relays,
                belongings,
            }),
        }
    }

    fn ended(&self) -> MutexGuard<'_, Ended> {
        // Nothing is left half-done by a panic: both fields are replaced whole.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job, until the container is deleted.
    fn job(&self) -> Option<Arc<Job>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first process has ended: kills what it left behind, and waits until that is gone.
    fn settle(&self, code: u32) -> Exit {
        let mut ended = self.ended();
        if let Some(exit) = ended.exit {
            return exit;
        }
        // Neither can fail on a job that is ours and open; if one does, closing the handle kills what is left.
        if let Some(job) = self.job() {
            let _ = job.kill();
            let _ = job.wait_until_empty(GONE);
            ended.hits = job.hits();
        }
        self.close_terminal();
        // With the last process its output has ended: what is not shown yet comes before the end is told.
        for relay in ended.relays.drain(..) {
            relay.finish(GONE);
        }
        let exit = Exit::Code(code.cast_signed());
        ended.exit = Some(exit);
        exit
    }

    /// What is shown ends with its terminal. Before Windows 11 24H2, closing it waits until all of that was read
    /// (`ClosePseudoConsole`), which is not waited for here.
    fn close_terminal(&self) {
        let console = self
            .pseudo_console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(console) = console {
            // Without a thread it is closed here and now.
            let _ = std::thread::Builder::new()
                .name("terminal".to_owned())
                .spawn(move || drop(console));
        }
    }

    fn signal_error(&self, source: io::Error) -> SignalError {
        SignalError {
            id: self.id.clone(),
            source,
        }
    }
}

impl Running for Container {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn take_output(&self) -> Option<Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn take_terminal(&self) -> Option<Terminal> {
        self.terminal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn resize(&self, size: TerminalSize) -> Result<(), SignalError> {
        let console = self
            .pseudo_console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(console) = console else { return Ok(()) };
        let (columns, rows) = streams::coordinates(size);
        self.api
            .resize_pseudo_console(&console, columns, rows)
            .map_err(|source| self.signal_error(source))
    }

    fn hits(&self) -> Hits {
        let ended = self.ended();
        match self.job() {
            Some(job) if ended.exit.is_none() => job.hits(),
            _ => ended.hits,
        }
    }

    fn wait(&self) -> Exit {
        loop {
            if let Some(exit) = self.wait_for(Duration::from_hours(1)) {
                return exit;
            }
        }
    }

    fn wait_for(&self, limit: Duration) -> Option<Exit> {
        if let Some(exit) = self.ended().exit {
            return Some(exit);
        }
        match self.api.wait(&self.process.handle, Some(limit)) {
            Ok(true) => {}
            Ok(false) => return None,
            // A handle that cannot be waited on tells nothing more: the container counts as killed.
            Err(_) => return Some(self.settle(super::job::KILLED)),
        }
        let code = self
            .api
            .exit_code(&self.process.handle)
            .unwrap_or(super::job::KILLED);
        Some(self.settle(code))
    }

    fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        match self.job() {
            Some(job) if self.ended().exit.is_none() => job
                .signal(signal, self.launcher)
                .map_err(|source| self.signal_error(source)),
            _ => Ok(()),
        }
    }

    fn kill(&self) -> Result<(), SignalError> {
        match self.job() {
            Some(job) if self.ended().exit.is_none() => {
                job.kill().map_err(|source| self.signal_error(source))
            }
            _ => Ok(()),
        }
    }

    fn delete(&self) -> Result<(), DeleteError> {
        fault::step("delete");
        let failed = |source| DeleteError {
            id: self.id.clone(),
            what: "processes".to_owned(),
            source,
        };
        if let Some(job) = self.job() {
            job.end(GONE).map_err(failed)?;
        }
        self.close_terminal();
        // Closes the job: its name is free again. The exit code stays with the process's handle.
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match &mut self.ended().belongings {
            Some(belongings) => belongings.remove(),
            None => Ok(()),
        }
    }
}
