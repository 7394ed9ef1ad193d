//! Starting a program in a job: its first, or a further one; by this process, or in a silo by the launcher.

use std::io;

use crate::command::{self, FileKind, FileView, ResolveError, Resolved, Search};
use crate::engine::{Os, StartError, Stdio};
use crate::environment;
use crate::path::MountPoint;
use crate::plan::{CommandLine, View};

use super::api::{Api, ERROR_PRIVILEGE_NOT_HELD, Handle, Host, Process, TOKEN_DUPLICATE, TOKEN_QUERY};
use super::launcher::{self, Launcher};
use super::process::{self, Start};
use super::streams::{Kept, Streams};
use super::workdir;

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

/// A program, and where it runs.
pub(super) struct Program<'a> {
    pub(super) command: &'a CommandLine,
    pub(super) working_directory: Option<&'a str>,
    /// Its whole environment.
    pub(super) variables: Vec<(String, String)>,
    pub(super) system_root: String,
    pub(super) mount_point: &'a MountPoint,
    pub(super) view: View,
    /// Starts programs inside of the silo; `None` where this process sees what they see.
    pub(super) launcher: Option<&'a Launcher>,
    pub(super) token: Option<&'a Handle>,
    /// Each within the one before it.
    pub(super) jobs: &'a [&'a Handle],
    /// See [`Start::breakaway`].
    pub(super) breakaway: bool,
    pub(super) stdio: Stdio,
    /// Whether standard input stays open where it is a pipe.
    pub(super) stdin: bool,
}

/// A program that runs.
pub(super) struct Started {
    /// What ends with its exit code: itself, or the launcher.
    pub(super) process: Process,
    /// Of the program itself.
    pub(super) pid: u32,
    /// The launcher's process id, if there is one.
    pub(super) launcher: Option<u32>,
    pub(super) kept: Kept,
}

impl Program<'_> {
    pub(super) fn start(self, api: &dyn Api) -> Result<Started, StartError> {
        let step = |doing: &str| {
            let doing = doing.to_owned();
            move |source| StartError::Step { doing, source }
        };
        let search_path = environment::value(Os::Windows, &self.variables, "PATH")
            .unwrap_or_default()
            .to_owned();
        let block = process::environment_block(&self.variables)
            .map_err(step("compose the environment of the container"))?;
        let streams = Streams::open(api, self.stdio, self.stdin)
            .map_err(step("open the standard streams of the container"))?;
        if let Some(launcher) = self.launcher {
            let request = launcher::Request {
                command: self.command.clone().into(),
                working_directory: self.working_directory.map(str::to_owned),
                search_path,
                system_root: self.system_root,
                mount_point: self.mount_point.path().to_owned(),
                terminal: streams.pseudo_console().is_some(),
            };
            let place = launcher::In {
                jobs: self.jobs,
                breakaway: self.breakaway,
                token: self.token,
                environment: block,
            };
            let launched = launcher.launch(api, place, streams, &request)?;
            return Ok(Started {
                launcher: Some(launched.process.id),
                pid: launched.pid,
                process: launched.process,
                kept: launched.kept,
            });
        }
        let directory = workdir::resolve(api, self.working_directory, self.mount_point, self.view)?;
        let resolved = find(
            api,
            self.command,
            &Search {
                cwd: &directory,
                path: &search_path,
                system_root: &self.system_root,
                mount_point: self.mount_point,
            },
        )?;
        let (process, kept) = process::start(
            api,
            Start {
                token: self.token,
                jobs: self.jobs,
                breakaway: self.breakaway,
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
}

/// The variables of an account; `None` is this process's.
pub(super) fn account_variables(
    api: &dyn Api,
    token: Option<&Handle>,
) -> Result<Vec<(String, String)>, StartError> {
    let variables = match token {
        Some(token) => api.environment_block(token),
        None => api
            .open_own_token(TOKEN_QUERY | TOKEN_DUPLICATE)
            .and_then(|own| api.environment_block(&own)),
    };
    variables.map_err(|source| StartError::Step {
        doing: "read the environment of the container's account".to_owned(),
        source,
    })
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
