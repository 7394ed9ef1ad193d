//! The life of a detached pod, in a process of its own.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Order, Pods, PodsError, Prepared, Registration};
use crate::causes::chain;
use crate::engine::{Engine, Stdio};
use crate::fault;
use crate::life::{Event, Life, LifeError, Observer, Options, Outcome, PodPlan};
use crate::logs::{self, Follower, Place, Rotation, Source};
use crate::status::{Phase, PodStatus};

/// How long what a container has said may take to be written down, once it has ended.
const LOG_LIMIT: Duration = Duration::from_secs(10);

/// Why a pod did not come to run, or not to its own end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperviseError {
    /// Its place on the disk.
    #[error(transparent)]
    Pods(#[from] PodsError),
    /// Its life.
    #[error(transparent)]
    Life(#[from] LifeError),
}

/// What became of a pod's start.
#[derive(Debug)]
pub enum Start<'a> {
    /// Its first init container runs, or all of its containers do.
    Runs,
    /// One of them does not start. Unless the answer is that the pod is to go on all the same, nothing of it is left when
    /// [`supervise`] returns.
    Failed(&'a LifeError),
}

/// Runs a pod to its end, with its name, record, status and logs on the disk. `started` is called once at most; where it
/// says no, nobody waits for the pod any more, and it is ended.
///
/// # Errors
/// Before the pod runs: nothing of it is left then. Afterwards the status says that it failed, and why.
pub fn supervise(
    engine: &Arc<dyn Engine>,
    pods: &Pods,
    life: Life,
    order: Order,
    started: impl FnOnce(Start<'_>) -> bool + Send,
) -> Result<Outcome, SuperviseError> {
    supervise_watched(engine, pods, life, order, started, drop).map(|(outcome, _)| outcome)
}

/// As [`supervise`], with the pod's last status; `restarted` hears how often its containers were started again so far, all
/// together.
pub(super) fn supervise_watched(
    engine: &Arc<dyn Engine>,
    pods: &Pods,
    life: Life,
    order: Order,
    started: impl FnOnce(Start<'_>) -> bool + Send,
    restarted: impl Fn(u32) + Send + Sync,
) -> Result<(Outcome, PodStatus), SuperviseError> {
    let held = pods.claim(&order.plan.identity)?;
    let record = order.record(true);
    let mut plan = order.plan;
    let registration = Registration::new(held, record, life.handle());
    let supervisor = Supervisor {
        handle: life.handle(),
        missing: Mutex::new(Missing::of(&plan)),
        started: Mutex::new(Some(Box::new(started))),
        unwanted: AtomicBool::new(false),
        listeners: Mutex::default(),
        registration,
        directory: plan.directory.clone(),
        restarted: Box::new(restarted),
        restarts: AtomicU32::new(0),
    };
    let result = supervisor.run(engine, life, &mut plan);
    let outcome = supervisor.end(result)?;
    let status = supervisor.registration.last_status().unwrap_or_default();
    Ok((outcome, status))
}

/// Which containers have to be started until the pod runs.
#[derive(Debug)]
struct Missing {
    names: Vec<String>,
}

impl Missing {
    fn of(plan: &PodPlan) -> Self {
        let waited = match plan.init_containers.as_slice() {
            [] => plan.containers.as_slice(),
            [first, ..] => std::slice::from_ref(first),
        };
        Self {
            names: waited.iter().map(|one| one.plan.container.clone()).collect(),
        }
    }
}

/// What is on this side of the streams of a container that runs.
struct Listener {
    follower: Follower,
    /// Where the container's standard input is open, nobody types; it ends with the container.
    _input: Option<File>,
}

type Started<'a> = Box<dyn FnOnce(Start<'_>) -> bool + Send + 'a>;

struct Supervisor<'a> {
    registration: Registration,
    handle: crate::life::LifeHandle,
    missing: Mutex<Missing>,
    /// Nothing once the pod has come to run.
    started: Mutex<Option<Started<'a>>>,
    /// Nobody waited for it any more when it had come to run.
    unwanted: AtomicBool,
    listeners: Mutex<HashMap<String, Listener>>,
    directory: std::path::PathBuf,
    restarted: Box<dyn Fn(u32) + Send + Sync + 'a>,
    /// How often that was said last.
    restarts: AtomicU32,
}

impl Supervisor<'_> {
    fn run(
        &self,
        engine: &Arc<dyn Engine>,
        life: Life,
        plan: &mut PodPlan,
    ) -> Result<Outcome, SuperviseError> {
        self.registration.show()?;
        let volumes = Prepared::make(plan, self.handle.clone())?;
        let options = Options {
            restarts: true,
            stdio: Stdio::Piped,
            terminals: true,
        };
        let result = life.run(engine, plan, &options, self);
        let removed = volumes.remove();
        let mut outcome = result?;
        outcome.left.extend(removed.err().map(|error| chain(&error)));
        Ok(outcome)
    }

    fn end(&self, result: Result<Outcome, SuperviseError>) -> Result<Outcome, SuperviseError> {
        // Without its volumes, or its place to be asked, no container has been tried.
        if let Err(SuperviseError::Life(error)) = &result {
            self.note_failure(error);
        }
        let ran = lock(&self.started).is_none() && !self.unwanted.load(Ordering::Relaxed);
        if !ran {
            self.registration.remove()?;
            return result;
        }
        if let Err(error) = &result {
            let mut status = self.registration.last_status().unwrap_or_default();
            status.phase = Phase::Failed;
            status.reason.get_or_insert_with(|| "Error".to_owned());
            status.message.get_or_insert_with(|| chain(error));
            self.registration.status(&status)?;
        }
        if let Ok(outcome) = &result
            && !outcome.left.is_empty()
        {
            // How it fared stays what it is.
            let mut status = self.registration.last_status().unwrap_or_default();
            status.message.get_or_insert_with(|| outcome.left.join("; "));
            self.registration.status(&status)?;
        }
        fault::step("pod-ended");
        self.registration.end()?;
        result
    }

    fn note_start(&self, container: &str) {
        lock(&self.missing).names.retain(|name| name != container);
    }

    /// The pod has come to run once nothing is missing any more, and everybody can see that.
    fn note_status(&self) {
        if lock(&self.missing).names.is_empty()
            && let Some(started) = lock(&self.started).take()
        {
            fault::step("pod-running");
            if !started(Start::Runs) {
                self.give_up();
            }
        }
    }

    /// A container does not start: as long as somebody waits for the pod, that is the pod's failure.
    fn note_failure(&self, error: &LifeError) {
        if let Some(started) = lock(&self.started).take()
            && !started(Start::Failed(error))
        {
            self.give_up();
        }
    }

    fn give_up(&self) {
        self.unwanted.store(true, Ordering::Relaxed);
        self.handle.kill();
    }

    fn follow(&self, container: &str, attempt: u32, (source, input): (Source, Option<File>)) {
        let place = Place::new(&self.directory, container, attempt);
        // What is lost is counted in the log itself.
        match Follower::start(&place, Rotation::default(), source, drop) {
            Ok(follower) => {
                let listener = Listener {
                    follower,
                    _input: input,
                };
                lock(&self.listeners).insert(container.to_owned(), listener);
            }
            // Its pipes are closed. It would end by its next word, and nobody would know why.
            Err(error) => self.handle.evict("NoLog", &chain(&error)),
        }
    }

    /// Waits until what a container has said, which has ended, is written down.
    fn hear_out(&self, container: &str) {
        let listener = lock(&self.listeners).remove(container);
        if let Some(listener) = listener {
            // Where the disk is too slow for it, the end of the log comes later.
            let _ = listener.follower.finish(LOG_LIMIT);
        }
    }
}

impl Observer for Supervisor<'_> {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Started {
                plan,
                attempt,
                output,
                terminal,
                ..
            } => {
                let streams = match (output, terminal) {
                    (Some(output), _) => Some(Source::pipes(output)),
                    (None, Some(terminal)) => {
                        let (source, input) = Source::terminal(terminal);
                        Some((source, Some(input)))
                    }
                    (None, None) => None,
                };
                if let Some(streams) = streams {
                    self.follow(&plan.container, attempt, streams);
                }
                self.note_start(&plan.container);
            }
            Event::Ended { plan, .. } => self.hear_out(&plan.container),
            Event::NotStarted { error, .. } => self.note_failure(error),
            _ => {}
        }
    }

    fn status(&self, status: &PodStatus) {
        // A full disk costs others the sight of it; the next change is written again.
        let _ = self.registration.status(status);
        let restarts = status.restarts();
        if self.restarts.swap(restarts, Ordering::Relaxed) != restarts {
            (self.restarted)(restarts);
        }
        self.note_status();
    }

    fn log_tail(&self, container: &str, attempt: u32) -> Option<String> {
        self.hear_out(container);
        let place = Place::new(&self.directory, container, attempt);
        logs::log_tail(&place).ok().filter(|tail| !tail.is_empty())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
