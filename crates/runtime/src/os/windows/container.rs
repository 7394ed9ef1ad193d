//! A container on Windows: created, running, ended.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::command::{FileKind, FileView, ResolveError, Resolved, Search};
use crate::engine::{Created, DeleteError, Exit, Output, Running, Signal, SignalError, StartError, Stdio};
use crate::environment;
use crate::path::MountPoint;
use crate::plan::{CommandLine, Plan};
use crate::{command, engine};

use super::api::{Api, ERROR_PRIVILEGE_NOT_HELD, Handle, Host, Process, TOKEN_DUPLICATE, TOKEN_QUERY};
use super::belongings::Belongings;
use super::job::Job;
use super::launcher::{self, Launcher};
use super::process::{self, Start, Streams};
use super::relay::Relay;
use super::workdir;

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

/// The files of the host as they are.
pub(super) struct HostView<'a, T: ?Sized>(pub(super) &'a T);

impl<T: Host + ?Sized> FileView for HostView<'_, T> {
    fn kind(&self, path: &str) -> Option<FileKind> {
        if self.0.is_file(path) {
            Some(FileKind::File)
        } else if self.0.is_directory(path) {
            Some(FileKind::Directory)
        } else {
            None
        }
    }
}

impl Created for Prepared {
    fn start(self: Box<Self>) -> Result<Arc<dyn Running>, StartError> {
        let started = self.start_process()?;
        Ok(Arc::new(Container {
            id: self.plan.id.clone(),
            api: self.api,
            pid: started.pid,
            launcher: started.launcher,
            output: Mutex::new(started.kept.output),
            ended: Mutex::new(Ended {
                exit: None,
                relays: started.kept.relays,
                belongings: self.belongings,
            }),
            process: started.process,
            job: Mutex::new(Some(Arc::new(self.job))),
            _token: self.token,
        }))
    }
}

struct Started {
    process: Process,
    /// Of the program itself.
    pid: u32,
    /// The launcher's process id, if there is one.
    launcher: Option<u32>,
    kept: process::Kept,
}

impl Prepared {
    fn start_process(&self) -> Result<Started, StartError> {
        let api = &*self.api;
        let step = |doing: String| move |source| StartError::Step { doing, source };
        let system_root = system_root(api);
        let variables = self
            .environment(&system_root)
            .map_err(step("read the environment of the container's account".to_owned()))?;
        let search_path = environment::value(engine::Os::Windows, &variables, "PATH")
            .unwrap_or_default()
            .to_owned();
        let block = process::environment_block(&variables)
            .map_err(step("compose the environment of the container".to_owned()))?;
        let streams = Streams::open(api, self.stdio)
            .map_err(step("open the standard streams of the container".to_owned()))?;
        if let Some(launcher) = &self.launcher {
            let request = launcher::Request {
                command: self.plan.command.clone().into(),
                working_directory: self.plan.working_directory.clone(),
                search_path,
                system_root,
                mount_point: self.mount_point.path().to_owned(),
            };
            let launched = launcher.launch(
                api,
                launcher::In {
                    job: self.job.handle(),
                    token: self.token.as_ref(),
                    environment: block,
                },
                streams,
                &request,
            )?;
            return Ok(Started {
                launcher: Some(launched.process.id),
                pid: launched.pid,
                process: launched.process,
                kept: launched.kept,
            });
        }
        let directory = workdir::resolve(
            api,
            self.plan.working_directory.as_deref(),
            &self.mount_point,
            self.plan.view,
        )?;
        let resolved = find(
            api,
            &self.plan.command,
            &Search {
                cwd: &directory,
                path: &search_path,
                system_root: &system_root,
                mount_point: &self.mount_point,
            },
        )?;
        let (process, kept) = process::start(
            api,
            Start {
                token: self.token.as_ref(),
                job: Some(self.job.handle()),
                application: resolved.application.clone(),
                command_line: resolved.command_line,
                environment: Some(block),
                directory: Some(directory),
                inherits: &[],
            },
            streams,
        )
        .map_err(|source| refused(&resolved.application, source))?;
        Ok(Started {
            pid: process.id,
            process,
            launcher: None,
            kept,
        })
    }

    fn environment(&self, system_root: &str) -> io::Result<Vec<(String, String)>> {
        let own;
        let token = if let Some(token) = &self.token {
            token
        } else {
            own = self.api.open_own_token(TOKEN_QUERY | TOKEN_DUPLICATE)?;
            &own
        };
        let block = self.api.environment_block(token)?;
        Ok(environment::compose_windows(
            &block,
            &self.plan.environment,
            &self.mount_point,
            system_root,
        ))
    }
}

/// `%SystemRoot%`.
pub(super) fn system_root(host: &(impl Host + ?Sized)) -> String {
    host.variable("SystemRoot")
        .filter(|root| !root.is_empty())
        .unwrap_or_else(|| r"C:\Windows".to_owned())
}

/// Finds the program of a command in the view of this process.
pub(super) fn find(api: &dyn Api, given: &CommandLine, search: &Search<'_>) -> Result<Resolved, StartError> {
    command::resolve(given, search, &HostView(api)).map_err(|error| match error {
        ResolveError::NotFound { command, tried } => StartError::NotFound {
            command,
            tried: tried.into_iter().map(Into::into).collect(),
        },
        ResolveError::Directory { ref path } | ResolveError::BatchArgument { ref path, .. } => {
            StartError::NotExecutable {
                path: path.into(),
                source: io::Error::new(io::ErrorKind::InvalidInput, error.to_string()),
            }
        }
        error => StartError::Step {
            doing: "read the command".to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidInput, error.to_string()),
        },
    })
}

/// What a refusal of `CreateProcess` means.
pub(super) fn refused(application: &str, source: io::Error) -> StartError {
    if source.raw_os_error() == Some(ERROR_PRIVILEGE_NOT_HELD) {
        return StartError::Step {
            doing: "start a process as another account, which needs the privileges of a service: run porthole as \
                    `NT AUTHORITY\\SYSTEM`, or use --inherit-user"
                .to_owned(),
            source,
        };
    }
    StartError::NotExecutable {
        path: application.into(),
        source,
    }
}

/// A container whose process was started.
///
/// The order of the fields matters where it is dropped without `delete`: the job's handle goes before `ended`, whose
/// removal of the rootfs waits for the programs that this kills.
struct Container {
    id: String,
    api: Arc<dyn Api>,
    pid: u32,
    launcher: Option<u32>,
    output: Mutex<Option<Output>>,
    process: Process,
    /// `None` once the container is deleted.
    job: Mutex<Option<Arc<Job>>>,
    _token: Option<Handle>,
    ended: Mutex<Ended>,
}

struct Ended {
    exit: Option<Exit>,
    /// What brings the output to porthole's console.
    relays: Vec<Relay>,
    belongings: Belongings,
}

impl Container {
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
        }
        // With the last process its output has ended: what is not shown yet comes before the end is told.
        for relay in ended.relays.drain(..) {
            relay.finish(GONE);
        }
        let exit = Exit::Code(code.cast_signed());
        ended.exit = Some(exit);
        exit
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
        let failed = |source| DeleteError {
            id: self.id.clone(),
            what: "processes".to_owned(),
            source,
        };
        if let Some(job) = self.job() {
            job.kill().map_err(failed)?;
            if !job.wait_until_empty(GONE).map_err(failed)? {
                return Err(failed(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "killed processes are still there",
                )));
            }
        }
        // Closes the job: its name is free again. The exit code stays with the process's handle.
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.ended().belongings.remove()
    }
}
