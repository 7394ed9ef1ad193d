//! The seam between porthole and an operating system: what an engine does with a [`Plan`].
//!
//! There is one engine per operating system (`os::host_engine`) and a fake one in the tests of the pod's life.
//! States are types: a plan becomes [`Created`], then [`Running`], then an [`Exit`].

pub mod terminal;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Plan;
use crate::plan::{Limits, User};

/// Makes containers on one host.
pub trait Engine: Send + Sync {
    /// What the host is, as far as plans depend on it.
    fn facts(&self) -> &HostFacts;

    /// Sees to it that nothing of what is made from here on outlives this process. Called before the first volume of a pod
    /// is made; [`create`](Self::create) does it by itself where it was not called, or has come to nothing since.
    fn guard(&self) {}

    /// Checks the whole plan, then makes everything a container needs short of its process: journal, rootfs, job
    /// object or cgroup. On an error everything already made is undone.
    ///
    /// # Errors
    /// Whatever the plan asks and this host cannot give.
    fn create(&self, plan: &Plan, stdio: Stdio) -> Result<Box<dyn Created>, CreateError>;

    /// Removes what dead holders left behind: processes, cgroups, mounts, accounts, directories. Touches nothing
    /// that a live holder owns. Returns the ids of the containers that were cleaned up.
    ///
    /// # Errors
    /// Something could not be removed.
    fn sweep(&self) -> Result<Vec<String>, DeleteError> {
        self.sweep_but(&|_| false)
    }

    /// As [`sweep`](Self::sweep), without a look at the containers whose ids are known to have a live holder: each look costs
    /// a few system calls, and there may be hundreds.
    ///
    /// # Errors
    /// As for [`sweep`](Self::sweep).
    fn sweep_but(&self, held: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DeleteError>;

    /// Starts a further program in a container that runs on this host, whoever holds it: in its job, with its view, its
    /// environment and its account. `plan` is the plan that the container was started with. The program's end is not the
    /// container's; the container's end is the program's, and so is this process's.
    ///
    /// # Errors
    /// See [`ExecError`].
    fn exec(&self, plan: &Plan, entry: &Entry, stdio: Stdio) -> Result<Arc<dyn Running>, ExecError> {
        let _ = (entry, stdio);
        Err(ExecError::NotRunning { id: plan.id.clone() })
    }

    /// What a running container uses and has used, whoever holds it.
    ///
    /// # Errors
    /// It does not run, or the system refused.
    fn stats(&self, id: &str) -> Result<Stats, StatsError> {
        Err(StatsError {
            id: id.to_owned(),
            doing: "find its job".to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }

    /// The directories of this host in which a container keeps what it writes, short of its volumes: they take room on disk.
    /// One that is not there need not be counted.
    fn places(&self, id: &str) -> Vec<PathBuf> {
        let _ = id;
        Vec::new()
    }

    /// Puts other limits on a running container, whoever holds it: all of them or none. `None` lifts a limit. Returns the
    /// limits as the system has rounded them.
    ///
    /// # Errors
    /// It does not run, a limit is none that this system has, or the system refused.
    fn update(&self, id: &str, limits: &Limits) -> Result<Limits, UpdateError> {
        let _ = limits;
        Err(UpdateError::NotRunning { id: id.to_owned() })
    }
}

/// What plans depend on of a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostFacts {
    /// `linux` or `windows`.
    pub os: Os,
    /// The host's name: `spec.nodeName` of every pod.
    pub hostname: String,
    /// The host's address: `status.podIP` and `status.hostIP`.
    pub address: String,
    /// Which views this host can give a container, the best first.
    pub views: Vec<crate::plan::View>,
    /// What this host, or whoever runs porthole, lacks, so that pods run with less: lower-case fragments that name the
    /// lack, its effect and the remedy. Empty where nothing is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
}

/// An operating system that porthole runs containers on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

/// A container that has everything but its process. Dropping it without starting undoes it.
pub trait Created: Send {
    /// Starts the process, born in its job. When this returns `Ok` the program itself is running (its `execve` or
    /// `CreateProcess` succeeded). On an error everything of the container has been removed.
    ///
    /// # Errors
    /// See [`StartError`].
    fn start(self: Box<Self>) -> Result<Arc<dyn Running>, StartError>;
}

/// A container whose process was started.
pub trait Running: Send + Sync {
    /// The process id on the host.
    fn pid(&self) -> u32;
    /// Takes the read ends of the pipes asked for by [`Stdio::Piped`]; `None` when taken before or not piped.
    fn take_output(&self) -> Option<Output>;
    /// Waits until the first process has ended and no other process of the container is left (what it left behind is
    /// killed). May be called from several threads, and again later.
    fn wait(&self) -> Exit;
    /// As [`wait`](Self::wait), for at most `limit`.
    fn wait_for(&self, limit: Duration) -> Option<Exit>;
    /// Sends a signal to every process of the container. A container that has ended is not an error.
    ///
    /// # Errors
    /// The system refused.
    fn signal(&self, signal: Signal) -> Result<(), SignalError>;
    /// Kills every process of the container at once.
    ///
    /// # Errors
    /// The system refused.
    fn kill(&self) -> Result<(), SignalError>;
    /// Takes what is on this side of the terminal asked for by [`Stdio::Terminal`]; `None` when taken before or none.
    fn take_terminal(&self) -> Option<Terminal> {
        None
    }
    /// Tells the terminal its size. Without one nothing happens.
    ///
    /// # Errors
    /// The system refused.
    fn resize(&self, size: TerminalSize) -> Result<(), SignalError> {
        let _ = size;
        Ok(())
    }
    /// Which limits the container ran into so far; whole once it has ended, and until it is deleted.
    fn hits(&self) -> Hits {
        Hits::default()
    }
    /// Removes everything of the container that is left. Kills it first if it still runs. Idempotent.
    ///
    /// # Errors
    /// Something could not be removed; the rest has been.
    fn delete(&self) -> Result<(), DeleteError>;
}

/// The ends of a container's streams that are porthole's.
#[derive(Debug)]
pub struct Output {
    /// Standard input, where the plan has one: [`Streams::stdin`](crate::plan::Streams).
    pub stdin: Option<std::fs::File>,
    /// Standard output.
    pub stdout: std::fs::File,
    /// Standard error.
    pub stderr: std::fs::File,
}

/// Where a program's standard streams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// Output to this process's own streams; standard input is empty.
    Inherit,
    /// All three are this process's own.
    Attached,
    /// Through pipes: [`Running::take_output`].
    Piped,
    /// A terminal of the program's own, whose other side is [`Running::take_terminal`].
    Terminal(TerminalSize),
    /// Nowhere.
    Null,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// The other side of a program's terminal.
#[derive(Debug)]
pub struct Terminal {
    /// What is typed.
    pub input: std::fs::File,
    /// What is shown. Ends, or fails with EIO, when no process has the terminal any more.
    pub output: std::fs::File,
}

/// A further program for a running container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Program and arguments, each passed on exactly; looked for as the container's own command.
    pub command: Vec<String>,
    /// Variables besides the container's, which they replace.
    pub environment: Vec<(String, String)>,
    /// The container's where it is not set.
    pub working_directory: Option<String>,
    /// The container's where it is not set.
    pub user: Option<User>,
}

/// What a container uses, and has used since its start. `None` is what this system does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stats {
    /// Processor time of all its processes, also of those that have ended.
    pub cpu_nanoseconds: Option<u64>,
    /// Of that, in the program.
    pub cpu_user_nanoseconds: Option<u64>,
    /// Of that, in the system.
    pub cpu_system_nanoseconds: Option<u64>,
    /// Bytes charged to the container: with the file cache on Linux, committed on Windows.
    pub memory_bytes: Option<u64>,
    /// Bytes that could not be given up: without inactive file cache on Linux, private working set on Windows.
    pub working_set_bytes: Option<u64>,
    /// The most that `memory_bytes` has been.
    pub memory_peak_bytes: Option<u64>,
    /// The limit of `memory_bytes`.
    pub memory_limit_bytes: Option<u64>,
    /// Processes on Windows, processes and threads on Linux.
    pub pids: Option<u64>,
    /// The limit of `pids`.
    pub pids_limit: Option<u64>,
    /// Bytes read from devices.
    pub read_bytes: Option<u64>,
    /// Bytes written to devices.
    pub write_bytes: Option<u64>,
    /// Read operations.
    pub read_operations: Option<u64>,
    /// Write operations.
    pub write_operations: Option<u64>,
    /// The limits that were run into.
    pub hits: Hits,
}

/// How often a container ran into its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hits {
    /// Processes that the kernel killed for memory (Linux).
    pub oom_kills: u64,
    /// Allocations refused at the job's memory limit (Windows).
    pub memory_refusals: u64,
    /// Processes refused at the limit of their number.
    pub pids_refusals: u64,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Exit {
    /// The program's own exit code.
    Code(i32),
    /// Ended by a signal (Linux); reported as 128 + n.
    Signal(i32),
}

impl Exit {
    /// The exit code as users of containers know it: the program's own, or 128 + the signal.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// What a container can be asked. On Linux a signal; on Windows a console control event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// SIGTERM, `CTRL_SHUTDOWN_EVENT`.
    Term,
    /// SIGINT, `CTRL_C_EVENT`.
    Int,
    /// SIGHUP, `CTRL_CLOSE_EVENT`.
    Hup,
    /// SIGKILL, `TerminateJobObject`.
    Kill,
}

/// Why a container could not be created. The engine's own error types say more; this one says where it belongs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The account is none of this host.
    #[error("find account `{account}` on this host: {reason}")]
    Account {
        /// As the manifest spelt it.
        account: String,
        /// What was looked for, and what to try.
        reason: String,
    },
    /// A volume's source, destination or kind cannot be mounted.
    #[error("mount volume `{volume}` at `{destination}`: {reason}")]
    Mount {
        /// The volume's name.
        volume: String,
        /// The destination as the manifest spelt it.
        destination: String,
        /// Why, and what to try.
        reason: String,
    },
    /// The host lacks something, or porthole lacks a privilege.
    #[error("{doing}: {reason}")]
    Host {
        /// What was being done, on what.
        doing: String,
        /// Why it failed, and what to try.
        reason: String,
    },
    /// A system call failed.
    #[error("{doing}")]
    Io {
        /// What was being done, on what.
        doing: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Why a container's program did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No such program (exit code 127 of `porthole run`).
    #[error("command `{command}` not found; looked for {}", list(tried))]
    NotFound {
        /// The command as the plan spells it.
        command: String,
        /// Every path that was tried, in order.
        tried: Vec<PathBuf>,
    },
    /// The program was found and could not be executed (exit code 126 of `porthole run`).
    #[error("start `{}`", path.display())]
    NotExecutable {
        /// The file that was found.
        path: PathBuf,
        /// Why the system refused.
        source: std::io::Error,
    },
    /// A step before the program itself failed (exit code 125 of `porthole run`).
    #[error("{doing}")]
    Step {
        /// What was being done, on what.
        doing: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Why a signal was not delivered.
#[derive(Debug, thiserror::Error)]
#[error("signal container `{id}`")]
pub struct SignalError {
    /// The container.
    pub id: String,
    /// The system's answer.
    pub source: std::io::Error,
}

/// Why a program did not start in a container.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// There is no such container on this host, or it has ended.
    #[error("container `{id}` does not run")]
    NotRunning {
        /// The container.
        id: String,
    },
    /// What the program needs cannot be had.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The program did not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Why nothing can be said of what a container uses.
#[derive(Debug, thiserror::Error)]
#[error("count what container `{id}` uses: {doing}")]
pub struct StatsError {
    /// The container.
    pub id: String,
    /// What was being done.
    pub doing: String,
    /// The system's answer.
    pub source: std::io::Error,
}

/// Why a container's limits are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// There is no such container on this host, or it has ended.
    #[error("container `{id}` does not run")]
    NotRunning {
        /// The container.
        id: String,
    },
    /// This system has no such limit, or the container cannot have it.
    #[error("limit {what} of container `{id}`: {reason}")]
    Refused {
        /// The container.
        id: String,
        /// Which limit.
        what: String,
        /// Why, and what to try.
        reason: String,
    },
    /// A system call failed.
    #[error("limit {what} of container `{id}`")]
    Io {
        /// The container.
        id: String,
        /// Which limit.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// What could not be removed.
#[derive(Debug, thiserror::Error)]
#[error("remove {what} of container `{id}`")]
pub struct DeleteError {
    /// The container.
    pub id: String,
    /// Directory, cgroup, mount point, account.
    pub what: String,
    /// The system's answer.
    pub source: std::io::Error,
}
