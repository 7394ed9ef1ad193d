//! Jobs: pods that are started until enough of them have succeeded, or too many have failed.
//!
//! A [`JobPlan`] (made by [`build::job`](crate::build::job)) holds a pod with marks where its name stands; each pod that is
//! started is that pod under a name and a uid of its own. What is to be done when is decided by [`machine::Machine`], which
//! knows neither threads nor clocks; [`Job::run`] carries it out through a [`PodRunner`], which is `porthole run` in the
//! foreground or a supervisor.

mod indexes;
pub mod machine;
mod policy;
mod template;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use serde::{Deserialize, Serialize};

pub use indexes::Indexes;
pub use machine::{JobEnd, Progress, Rules};
pub use policy::{FailedPod, FailureAction, FailureRule, SuccessRule};
pub use template::{Marks, fresh_name};

use crate::PodPlan;
use crate::clock::Clock;
use crate::life::Outcome;
use crate::plan::PodIdentity;
use crate::status::{DISRUPTION_TARGET, EVICTED, Phase};
use machine::{Action, Machine};

/// Everything needed to run one job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPlan {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Made fresh for every run.
    pub uid: String,
    /// How many pods, and when it is given up.
    pub rules: Rules,
    /// The pod, with marks in the place of what each pod has of its own. Not to be run as it is: see [`JobPlan::pod`].
    pub template: PodPlan,
    /// The marks.
    pub marks: Marks,
}

/// How a pod of a job ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodEnd {
    /// `NAMESPACE/NAME`.
    pub pod: String,
    /// Its phase is `Succeeded`.
    pub succeeded: bool,
    /// The exit code of the first of its containers that failed; 0 when none did.
    pub code: i32,
    /// Its containers that failed, with their exit codes; init containers first.
    pub failed_containers: Vec<(String, i32)>,
    /// Conditions that a rule of the job may ask for: type and status.
    pub conditions: Vec<(String, String)>,
    /// Why it failed, for people.
    pub message: Option<String>,
}

impl PodEnd {
    /// The end of a pod that has lived.
    #[must_use]
    pub fn of(pod: &PodIdentity, outcome: &Outcome) -> Self {
        let failed = outcome.ends.iter().filter(|end| end.exit.code() != 0);
        let failed_containers: Vec<(String, i32)> = failed
            .map(|end| (end.container.clone(), end.exit.code()))
            .collect();
        let succeeded = outcome.phase == Phase::Succeeded;
        let message = match (&outcome.failure, failed_containers.first()) {
            _ if succeeded => None,
            (Some(failure), _) => Some(format!("{}: {}", failure.reason, failure.message)),
            (None, Some((name, code))) => Some(format!("container `{name}` ended with exit code {code}")),
            (None, None) => None,
        };
        let evicted = outcome
            .failure
            .as_ref()
            .is_some_and(|failure| failure.reason == EVICTED);
        let conditions = evicted.then(|| (DISRUPTION_TARGET.to_owned(), "True".to_owned()));
        Self {
            pod: title(pod),
            succeeded,
            code: match (outcome.exit_code(), &outcome.failure) {
                // It failed as a whole, however its containers took it.
                (0, Some(_)) => 1,
                (code, _) => code,
            },
            failed_containers,
            conditions: conditions.into_iter().collect(),
            message,
        }
    }

    /// The end of a pod that did not come to live, or not to its own end.
    #[must_use]
    pub fn lost(pod: &PodIdentity, code: i32, message: String) -> Self {
        Self {
            pod: title(pod),
            code,
            message: Some(message),
            ..Self::default()
        }
    }
}

fn title(pod: &PodIdentity) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

/// Runs the pods of a job.
pub trait PodRunner {
    /// Begins to run a pod, on a thread of the runner's own, and returns at once with what stops it: the first call asks its
    /// containers to stop within their grace, the second kills them. The pod's end, or that it could not be started, is
    /// told to `report`.
    fn start(&self, pod: PodPlan, report: PodReport) -> Box<dyn Fn() + Send>;

    /// Whether somebody else has the name of a pod that is to be started; it gets another then.
    fn is_taken(&self, pod: &PodIdentity) -> bool {
        let _ = pod;
        false
    }

    /// The job is that far. Called from the job's thread whenever something has changed.
    fn progress(&self, progress: &Progress) {
        let _ = progress;
    }
}

/// Hears of one pod. Where it is dropped without an end, the pod has failed.
#[derive(Debug)]
pub struct PodReport {
    pod: u64,
    title: String,
    index: Option<u32>,
    wishes: Sender<Message>,
    ended: bool,
}

impl PodReport {
    /// The pod's completion index, where the job has them.
    #[must_use]
    pub fn index(&self) -> Option<u32> {
        self.index
    }

    /// So many times have the pod's containers been started again, all together, so far.
    pub fn restarted(&self, times: u32) {
        let _ = self.wishes.send(Message::Restarted(self.pod, times));
    }

    /// The pod has ended, and nothing of it is left.
    pub fn ended(mut self, end: PodEnd) {
        self.ended = true;
        let _ = self.wishes.send(Message::Ended(self.pod, end));
    }
}

impl Drop for PodReport {
    fn drop(&mut self) {
        if !self.ended {
            let end = PodEnd {
                pod: std::mem::take(&mut self.title),
                code: 1,
                message: Some("the thread that ran it has ended without a word".to_owned()),
                ..PodEnd::default()
            };
            let _ = self.wishes.send(Message::Ended(self.pod, end));
        }
    }
}

#[derive(Debug)]
enum Message {
    Ended(u64, PodEnd),
    Restarted(u64, u32),
    Stop,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOutcome {
    /// Why.
    pub end: JobEnd,
    /// How many pods have succeeded.
    pub succeeded: u32,
    /// How many pods have failed.
    pub failed: u32,
    /// The first pod that failed.
    pub first_failure: Option<PodEnd>,
    /// The last one.
    pub last_failure: Option<PodEnd>,
}

impl JobOutcome {
    /// 0 for a job that has done what it was to do; else the code of the first of its pods that failed, or 1.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        let first = self.first_failure.as_ref().map(|end| end.code);
        match &self.end {
            JobEnd::Complete | JobEnd::SuccessPolicy { .. } | JobEnd::Nothing => 0,
            JobEnd::Failed { .. } => first.filter(|code| *code != 0).unwrap_or(1),
            JobEnd::Stopped => first.unwrap_or(0),
        }
    }
}

/// One run of one job.
#[derive(Debug)]
pub struct Job {
    wishes: Sender<Message>,
    messages: Receiver<Message>,
}

/// Stops a job, from any thread.
#[derive(Clone, Debug)]
pub struct JobHandle(Sender<Message>);

impl JobHandle {
    /// Starts no more pods and stops those that run; the second time they are killed. A job that has ended does not mind.
    pub fn stop(&self) {
        let _ = self.0.send(Message::Stop);
    }
}

impl Default for Job {
    fn default() -> Self {
        Self::new()
    }
}

impl Job {
    /// A job that has not begun.
    #[must_use]
    pub fn new() -> Self {
        let (wishes, messages) = channel();
        Self { wishes, messages }
    }

    /// What stops it.
    #[must_use]
    pub fn handle(&self) -> JobHandle {
        JobHandle(self.wishes.clone())
    }

    /// Runs a job to its end, on this thread, which sleeps while nothing happens. Without `restarts` no pod is started in
    /// the place of one that has failed: the first that fails is the job's end.
    #[must_use]
    pub fn run(self, job: &JobPlan, clock: &dyn Clock, runner: &dyn PodRunner, restarts: bool) -> JobOutcome {
        let mut machine = Machine::new(job.rules.clone(), restarts, clock.now());
        let mut stops: BTreeMap<u64, Box<dyn Fn() + Send>> = BTreeMap::new();
        let (mut first_failure, mut last_failure) = (None, None);
        let mut told = None;
        loop {
            let step = machine.step(clock.now());
            let progress = machine.progress();
            if told.as_ref() != Some(&progress) {
                runner.progress(&progress);
                told = Some(progress);
            }
            for action in step.actions {
                match action {
                    Action::Start { pod, index } => {
                        let plan = named(job, index, runner);
                        let report = PodReport {
                            pod,
                            title: title(&plan.identity),
                            index,
                            wishes: self.wishes.clone(),
                            ended: false,
                        };
                        stops.insert(pod, runner.start(plan, report));
                    }
                    Action::Stop { pod } => {
                        if let Some(stop) = stops.get(&pod) {
                            stop();
                        }
                    }
                }
            }
            if let Some(end) = step.end {
                let progress = machine.progress();
                return JobOutcome {
                    end,
                    succeeded: progress.succeeded,
                    failed: progress.failed,
                    first_failure,
                    last_failure,
                };
            }
            let message = match step.wake {
                None => self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(moment) => {
                    let pause = moment.saturating_duration_since(clock.now());
                    self.messages.recv_timeout(pause)
                }
            };
            match message {
                Ok(Message::Ended(pod, end)) => {
                    stops.remove(&pod);
                    machine.ended(pod, &end, clock.now());
                    if !end.succeeded {
                        first_failure.get_or_insert_with(|| end.clone());
                        last_failure = Some(end);
                    }
                }
                Ok(Message::Restarted(pod, times)) => machine.restarted(pod, times),
                Ok(Message::Stop) => machine.stop(),
                // Time has passed; this side holds the channel open.
                Err(_) => {}
            }
        }
    }
}

/// A pod with a name that nobody has. After so many tries the runner says what is wrong with the last.
fn named(job: &JobPlan, index: Option<u32>, runner: &dyn PodRunner) -> PodPlan {
    const TRIES: usize = 16;
    let mut pod = job.pod(index);
    for _ in 1..TRIES {
        if !runner.is_taken(&pod.identity) {
            break;
        }
        pod = job.pod(index);
    }
    pod
}

#[cfg(test)]
mod tests;
