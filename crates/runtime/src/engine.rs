//! The seam between porthole and an operating system: what an engine does with a [`Plan`].
//!
//! There is one engine per operating system (`os::host_engine`) and a fake one in the tests of the pod's life.
//! States are types: a plan becomes [`Created`], then [`Running`], then an [`Exit`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::Plan;

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
    fn sweep(&self) -> Result<Vec<String>, DeleteError>;
}

/// What plans depend on of a host.
#[derive(Clone, Debug, Serialize)]
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
}

/// An operating system that porthole runs containers on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
    /// Removes everything of the container that is left. Kills it first if it still runs. Idempotent.
    ///
    /// # Errors
    /// Something could not be removed; the rest has been.
    fn delete(&self) -> Result<(), DeleteError>;
}

/// The read ends of a container's output.
#[derive(Debug)]
pub struct Output {
    /// Standard output.
    pub stdout: std::fs::File,
    /// Standard error.
    pub stderr: std::fs::File,
}

/// Where a container's standard streams go. Standard input is always empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// To this process's own streams.
    Inherit,
    /// Through pipes: [`Running::take_output`].
    Piped,
    /// Nowhere.
    Null,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
