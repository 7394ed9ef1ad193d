//! Starting a program inside of a silo.
//!
//! `CreateProcess` looks the program up in the files that its caller sees, and the holder of a container does not see
//! what is bound in the silo. So the holder starts its own executable, which every view shows, as the first process of
//! the job; that one finds the program in its view, starts it, says over a pipe what came of it, and ends with the
//! program's exit code. Windows' own runtime prefixes every command with `cmd /c` instead, which reads the
//! arguments as its own.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::{Search, quote};
use crate::engine::StartError;
use crate::path::MountPoint;
use crate::plan::{CommandLine, View};
use crate::{engine::Os, os::GUARD_VERB};

use super::api::{Api, Handle, Process};
use super::process::{self, Start};
use super::streams::{Kept, Streams};
use super::{program, workdir};

/// The longest answer that is read: a list of places where a command was looked for.
const LONGEST: u64 = 1 << 20;

/// The launcher's own failure. Nobody sees it but in a task list: what matters goes over the pipe.
pub(super) const FAILED: u32 = 125;

/// What the launcher is to do. The environment it has already: it is the container's.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) working_directory: Option<String>,
    pub(super) search_path: String,
    pub(super) system_root: String,
    pub(super) mount_point: String,
    /// The program's streams are those of the launcher's console.
    #[serde(default)]
    pub(super) terminal: bool,
}

/// [`CommandLine`] on the pipe.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Command {
    Arguments(Vec<String>),
    Windows(String),
}

impl From<CommandLine> for Command {
    fn from(command: CommandLine) -> Self {
        match command {
            CommandLine::Arguments(arguments) => Self::Arguments(arguments),
            CommandLine::Windows(line) => Self::Windows(line),
        }
    }
}

impl From<Command> for CommandLine {
    fn from(command: Command) -> Self {
        match command {
            Command::Arguments(arguments) => Self::Arguments(arguments),
            Command::Windows(line) => Self::Windows(line),
        }
    }
}

/// What came of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Answer {
    Started { pid: u32 },
    NotFound { command: String, tried: Vec<PathBuf> },
    NotExecutable { path: PathBuf, error: Failure },
    Step { doing: String, error: Failure },
}

/// An [`io::Error`] on the pipe: the system's code where there is one, else the text.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Failure {
    Code(i32),
    Text(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) => Self::Code(code),
            None => Self::Text(error.to_string()),
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Code(code) => Self::from_raw_os_error(code),
            Failure::Text(text) => Self::other(text),
        }
    }
}

impl From<StartError> for Answer {
    fn from(error: StartError) -> Self {
        match error {
            StartError::NotFound { command, tried } => Self::NotFound { command, tried },
            StartError::NotExecutable { path, source } => Self::NotExecutable {
                path,
                error: source.into(),
            },
            StartError::Step { doing, source } => Self::Step {
                doing,
                error: source.into(),
            },
        }
    }
}

/// The executable that starts programs in a silo: porthole itself.
#[derive(Clone, Debug)]
pub(super) struct Launcher {
    pub(super) executable: String,
}

/// Where the launcher runs.
pub(super) struct In<'a> {
    /// Each within the one before it.
    pub(super) jobs: &'a [&'a Handle],
    /// See [`Start::breakaway`].
    pub(super) breakaway: bool,
    pub(super) token: Option<&'a Handle>,
    pub(super) environment: Vec<u16>,
}

/// A launcher whose program runs.
pub(super) struct Launched {
    /// The launcher's process: it ends when the program does, with the program's exit code.
    pub(super) process: Process,
    /// The program's process id.
    pub(super) pid: u32,
    pub(super) kept: Kept,
}

impl Launcher {
    /// Starts the launcher in the job and waits for its answer.
    pub(super) fn launch(
        &self,
        api: &dyn Api,
        place: In<'_>,
        streams: Streams,
        request: &Request,
    ) -> Result<Launched, StartError> {
        let step = |doing: &str| {
            let doing = doing.to_owned();
            move |source| StartError::Step { doing, source }
        };
        let pipes = "open the pipes to the launcher";
        let (their_request, request_end) = api.create_pipe().map_err(step(pipes))?;
        let (answer_end, their_answer) = api.create_pipe().map_err(step(pipes))?;
        for handle in [&their_request, &their_answer] {
            api.make_inheritable(handle).map_err(step(pipes))?;
        }
        let command_line = format!(
            "{} {GUARD_VERB} {} {}",
            quote(&self.executable),
            their_request.raw(),
            their_answer.raw()
        );
        let (process, kept) = process::start(
            api,
            Start {
                token: place.token,
                jobs: place.jobs,
                breakaway: place.breakaway,
                application: self.executable.clone(),
                command_line,
                environment: Some(place.environment),
                directory: None,
                inherits: &[&their_request, &their_answer],
            },
            streams,
        )
        .map_err(|source| program::refused(&self.executable, source))?;
        drop((their_request, their_answer));
        let mut to = api.file_of(request_end);
        let from = api.file_of(answer_end);
        let talk = || -> io::Result<Answer> {
            say(&mut to, request)?;
            hear(from)
        };
        let answer = talk().map_err(step("hear from the launcher in the silo"))?;
        match answer {
            Answer::Started { pid } => Ok(Launched { process, pid, kept }),
            Answer::NotFound { command, tried } => Err(StartError::NotFound { command, tried }),
            Answer::NotExecutable { path, error } => Err(StartError::NotExecutable {
                path,
                source: error.into(),
            }),
            Answer::Step { doing, error } => Err(StartError::Step {
                doing,
                source: error.into(),
            }),
        }
    }
}

/// What the launcher does, given the two handles it inherited. Returns the code to end with.
pub(super) fn run(api: &dyn Api, request: usize, answer: usize) -> u32 {
    let request_end = api.file_of(api.adopt(request));
    let mut answer_end = api.file_of(api.adopt(answer));
    let Ok(request) = hear(request_end) else {
        return FAILED;
    };
    let started = start(api, request);
    let (message, process) = match started {
        Ok(process) => (Answer::Started { pid: process.id }, Some(process)),
        Err(error) => (Answer::from(error), None),
    };
    let said = say(&mut answer_end, &message);
    drop(answer_end);
    match process {
        // If nobody listens the holder is dead, and this process with it.
        Some(process) if said.is_ok() => api
            .wait(&process.handle, None)
            .and_then(|_| api.exit_code(&process.handle))
            .unwrap_or(FAILED),
        _ => FAILED,
    }
}

/// Writes one message, which is one line: its end shows even where somebody else still holds the pipe open.
fn say<T: Serialize>(pipe: &mut File, message: &T) -> io::Result<()> {
    let mut text = serde_json::to_vec(message)?;
    text.push(b'\n');
    pipe.write_all(&text)
}

/// Reads one message.
fn hear<T: DeserializeOwned>(pipe: File) -> io::Result<T> {
    let mut text = String::new();
    BufReader::new(pipe.take(LONGEST)).read_line(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

fn start(api: &dyn Api, request: Request) -> Result<Process, StartError> {
    let mount_point = MountPoint::at(Os::Windows, &request.mount_point);
    let directory = workdir::resolve(
        api,
        request.working_directory.as_deref(),
        &mount_point,
        View::Private,
    )?;
    let resolved = program::find(
        api,
        &request.command.into(),
        &Search {
            cwd: &directory,
            path: &request.search_path,
            system_root: &request.system_root,
            mount_point: &mount_point,
        },
    )?;
    // The container's streams are this process's own.
    let streams = if request.terminal {
        Streams::own_terminal()
    } else {
        Streams::own(api).map_err(|source| StartError::Step {
            doing: "open the standard streams of the container".to_owned(),
            source,
        })?
    };
    let (process, _) = process::start(
        api,
        Start {
            token: None,
            // A child of this process is in its job.
            jobs: &[],
            breakaway: false,
            application: resolved.application.clone(),
            command_line: resolved.command_line,
            environment: None,
            directory: Some(directory),
            inherits: &[],
        },
        streams,
    )
    .map_err(|source| program::refused(&resolved.application, source))?;
    Ok(process)
}

#[cfg(test)]
mod tests {
    use super::super::api::Attribute;
    use super::super::fake::{Call, Fake};
    use super::*;

    #[test]
    fn the_launcher_finds_the_program_in_its_own_view_and_ends_with_its_code() {
        let fake = Fake::new();
        fake.directory(r"C:\hpc");
        fake.file(r"C:\hpc\app\app.exe");
        fake.exits_with(0xC000_0005);
        let request = Request {
            command: Command::Arguments(vec![
                "%CONTAINER_SANDBOX_MOUNT_POINT%/app/app.exe".to_owned(),
                "a b".to_owned(),
            ]),
            working_directory: None,
            search_path: String::new(),
            system_root: r"C:\Windows".to_owned(),
            mount_point: r"C:\hpc".to_owned(),
            terminal: false,
        };
        fake.contents(&[&serde_json::to_string(&request).unwrap(), ""]);
        assert_eq!(run(&*fake, 500, 501), 0xC000_0005);
        assert_eq!(fake.written(501), "{\"Started\":{\"pid\":4711}}\n");
        let calls = fake.calls();
        let Some(Call::CreateProcess(spec)) =
            calls.iter().find(|call| matches!(call, Call::CreateProcess(_)))
        else {
            panic!("{calls:?}")
        };
        assert_eq!(spec.application, r"C:\hpc\app\app.exe");
        assert_eq!(spec.command_line, r#"C:\hpc\app\app.exe "a b""#);
        assert_eq!(spec.current_directory.as_deref(), Some(r"C:\hpc"));
        // The environment, the console and the job are the launcher's own; its pipes are not passed on.
        assert_eq!((spec.environment.as_ref(), spec.creation_flags), (None, 0x8_0400));
        assert_eq!(spec.attributes, [Attribute::Handles(spec.stdio.to_vec())]);

        let fake = Fake::new();
        fake.directory(r"C:\hpc");
        fake.contents(&[&serde_json::to_string(&request).unwrap(), ""]);
        assert_eq!(run(&*fake, 500, 501), FAILED);
        assert!(
            fake.written(501).starts_with(r#"{"NotFound":"#),
            "{}",
            fake.written(501)
        );
    }
}
