//! The life of a pod over an [`Engine`](crate::Engine): volumes, init containers in order, containers side by side, the end.
//!
//! A [`Life`] is begun by [`Life::run`], which returns when it is over; what happens is told to an [`Observer`], and a
//! [`LifeHandle`] wishes for things meanwhile, from any thread.
//!
//! `machine` has the rules: it hears what has happened and what the time is, and says what is to be done. Its parts are
//! `member` (one container), `ending`, `backoff` and `probing`; `report` makes the status of it. `driver` carries out what it
//! wants, with `starting` and `performing`.
//! The rules are the kubelet's; where they are not, `docs/differences.md` says so.

mod backoff;
mod driver;
mod ending;
mod hand;
mod handle;
mod machine;
mod member;
mod message;
mod performing;
mod probing;
mod report;
mod starting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use self::driver::Life;
pub use self::handle::{LifeHandle, LimitsError};
pub use self::probing::ProbeKind;
use crate::conduct::{ContainerPlan, RestartPolicy, Role};
use crate::engine::{
    CreateError, DeleteError, Exit, Hits, Output, Running, SignalError, StartError, Stdio, Terminal,
};
use crate::plan::{Plan, PodIdentity};
use crate::status::{Phase, PodStatus};
use crate::volumes::{Volume, VolumeError};

/// Everything needed to run one pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodPlan {
    /// Which pod.
    pub identity: PodIdentity,
    /// Where its own volumes are made; made only when there are any.
    pub directory: PathBuf,
    /// Its volumes, in the order of the spec.
    pub volumes: Vec<Volume>,
    /// Its init containers, in the order of the spec.
    pub init_containers: Vec<ContainerPlan>,
    /// Its containers, in the order of the spec.
    pub containers: Vec<ContainerPlan>,
    /// How long containers have between being asked to stop and being killed.
    pub grace: Duration,
    /// Which containers are started again.
    pub restart_policy: RestartPolicy,
    /// `activeDeadlineSeconds`, from the pod's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline: Option<Duration>,
    /// `Guaranteed`, `Burstable` or `BestEffort`, for the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos_class: Option<String>,
}

/// How a pod is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Containers are started again as the pod's `restartPolicy` says; else nothing is started again.
    pub restarts: bool,
    /// Where the streams of its containers go.
    pub stdio: Stdio,
    /// A container with `tty: true` gets a terminal of its own instead, of [the usual size](crate::engine::terminal::NO_SIZE).
    pub terminals: bool,
}

/// Who hears of a life. All calls come from the thread that is in [`Life::run`], and hold it up.
pub trait Observer: Send + Sync {
    /// Something has happened.
    fn event(&self, event: Event<'_>);

    /// The pod's status is another one.
    fn status(&self, status: &PodStatus);

    /// The end of what an attempt of a container, which has ended, has written: for a container that failed and left no
    /// message of its own. Called where the container asks for it (`FallbackToLogsOnError`); waits until all of the log is
    /// there.
    fn log_tail(&self, container: &str, attempt: u32) -> Option<String> {
        let _ = (container, attempt);
        None
    }
}

/// What happens in a life, as it happens.
#[non_exhaustive]
pub enum Event<'a> {
    /// A container's program runs.
    Started {
        /// The container, with the id of this attempt.
        plan: &'a Plan,
        /// Which attempt this is, from 0.
        attempt: u32,
        /// Its process.
        pid: u32,
        /// Its output, where it was piped. This is the one chance to take it.
        output: Option<Output>,
        /// The other side of its terminal, where it has one. This is the one chance to take it.
        terminal: Option<Terminal>,
        /// The container itself, for its terminal's size.
        running: &'a Arc<dyn Running>,
    },
    /// A container has ended, and nothing of it is left.
    Ended {
        /// The container, with the id of this attempt.
        plan: &'a Plan,
        /// Which attempt this was, from 0.
        attempt: u32,
        /// How.
        exit: Exit,
        /// The limits that it ran into.
        hits: Hits,
    },
    /// The containers that run have been asked to stop.
    Stopping {
        /// How long they have.
        grace: Duration,
    },
    /// The containers that run have been killed.
    Killing,
    /// A container could not be signalled; it goes on.
    NotSignalled(SignalError),
    /// An attempt could not be created or started, and will be tried again. Without [`Options::restarts`] it is the error of
    /// the run instead.
    NotStarted {
        /// The container, with the id of this attempt.
        plan: &'a Plan,
        /// Which attempt this was, from 0.
        attempt: u32,
        /// Why.
        error: &'a LifeError,
    },
    /// A probe had no success. What follows from it is in the status.
    ProbeFailed {
        /// The container, with the id of this attempt.
        plan: &'a Plan,
        /// Which probe.
        probe: ProbeKind,
        /// Why.
        message: &'a str,
    },
    /// A hook failed. After `postStart` the container is killed.
    HookFailed {
        /// The container, with the id of this attempt.
        plan: &'a Plan,
        /// `postStart` or `preStop`.
        hook: &'static str,
        /// Why.
        message: &'a str,
    },
    /// Something of a container that has ended could not be removed.
    NotRemoved(&'a DeleteError),
}

/// How a pod's life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How each container that was started ended: init containers, then containers, in the order of the spec.
    pub ends: Vec<End>,
    /// The pod was asked to stop.
    pub stopped: bool,
    /// Why the pod as a whole failed, where it is not because of its containers: it was evicted, or its deadline has passed.
    pub failure: Option<PodFailure>,
    /// [`Phase::Succeeded`] or [`Phase::Failed`].
    pub phase: Phase,
    /// What of the pod could not be removed, and why: one text for each thing. The next command tries again.
    pub left: Vec<String>,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its name.
    pub container: String,
    /// When it ran.
    pub role: Role,
    /// How its last attempt ended; 128 where its program did not start.
    pub exit: Exit,
    /// How often it was started again.
    pub restarts: u32,
}

/// Why a pod as a whole failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFailure {
    /// In one word: `Evicted`, `DeadlineExceeded`.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Outcome {
    /// The exit code of the first container, in the order of the spec, that failed; 0 when none did.
    ///
    /// A sidecar is stopped when the others have ended, and its code counts only where the pod has failed without them. A
    /// pod that failed although no container did answers with 1.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        let first = |sidecars: bool| {
            self.ends
                .iter()
                .filter(|end| sidecars || end.role != Role::Sidecar)
                .map(|end| end.exit.code())
                .find(|code| *code != 0)
        };
        let failed = self.phase == Phase::Failed && !self.stopped;
        first(false)
            .or_else(|| failed.then(|| first(true).unwrap_or(1)))
            .unwrap_or(0)
    }
}

/// Why a pod did not come to its own end. Nothing of it is left but what an error names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LifeError {
    /// A volume cannot be had.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A container could not be created.
    #[error("create container `{container}`")]
    Create {
        /// Its name.
        container: String,
        /// Why.
        source: CreateError,
    },
    /// A container's program did not start.
    #[error("start container `{container}`")]
    Start {
        /// Its name.
        container: String,
        /// Why.
        source: StartError,
    },
    /// Something of a container that nobody can wait for could not be removed.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// A container goes on although it was killed.
    #[error("container `{container}` did not end within {} s of being killed", limit.as_secs())]
    Undying {
        /// Its name.
        container: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The system gave no thread.
    #[error("start a thread that measures the volumes of the pod")]
    Watch(#[source] std::io::Error),
    /// The system gave no thread.
    #[error("start a thread that waits for container `{container}`")]
    Thread {
        /// Its name.
        container: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// The moment when so much time has passed; a time beyond all clocks is as good as a century.
fn after(moment: Instant, time: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);
    moment + time.min(CENTURY)
}

#[cfg(test)]
mod driven;
#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
#[cfg(test)]
mod world;
