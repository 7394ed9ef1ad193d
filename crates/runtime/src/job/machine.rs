//! What a job does next: a state that hears of ends and wishes, and answers with what to start and to stop, and when to be
//! asked again. The rules are those of Kubernetes' job controller.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::policy::{self, FailureAction, FailureRule, SuccessRule};
use super::{Indexes, PodEnd};

/// How long after a failure the next pod is started; doubled for each further failure without a success between them.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_mins(6);

/// A job's own fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// How many pods have to succeed; where it is not set one has to, and then no more are started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<u32>,
    /// How many pods run at a time.
    pub parallelism: u32,
    /// How many pods may fail.
    pub backoff_limit: u32,
    /// How long the job may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline: Option<Duration>,
    /// Each of the completions has a number, and each number has to succeed.
    pub indexed: bool,
    /// How many pods of one index may fail; then the index has failed, and the others go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_limit_per_index: Option<u32>,
    /// How many indexes may fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed_indexes: Option<u32>,
    /// What is made of pods that fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failure_policy: Vec<FailureRule>,
    /// When fewer successes than completions are enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub success_policy: Vec<SuccessRule>,
    /// How long what the ended job has left is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// As many pods as were to succeed have.
    Complete,
    /// A rule of its `successPolicy` is met.
    SuccessPolicy {
        /// Which, from 0.
        rule: usize,
    },
    /// It was given up.
    Failed {
        /// `BackoffLimitExceeded`, `DeadlineExceeded`, `PodFailurePolicy`, `FailedIndexes` or `MaxFailedIndexesExceeded`.
        reason: &'static str,
        /// For people.
        message: String,
    },
    /// It was stopped.
    Stopped,
    /// It wants no pods: `parallelism` is 0.
    Nothing,
}

/// What is to be done. Pods are known by numbers that are given out in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a pod.
    Start {
        /// Its number.
        pod: u64,
        /// Its completion index, where the job has them.
        index: Option<u32>,
    },
    /// Ask a pod to stop.
    Stop {
        /// Its number.
        pod: u64,
    },
}

/// What a machine answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is to be done now, in this order.
    pub actions: Vec<Action>,
    /// When to ask again even if nothing happens.
    pub wake: Option<Instant>,
    /// The job has ended, and none of its pods runs.
    pub end: Option<JobEnd>,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many pods run.
    pub active: u32,
    /// How many of these have been asked to stop.
    pub terminating: u32,
    /// How many have succeeded.
    pub succeeded: u32,
    /// How many have failed, without those that the policy ignores.
    pub failed: u32,
    /// The indexes that have succeeded, where the job has them.
    pub completed_indexes: Option<String>,
    /// The indexes that have failed, where they can.
    pub failed_indexes: Option<String>,
    /// The end that is decided and waits for the pods that still run.
    pub ending: Option<JobEnd>,
}

/// A job's state.
#[derive(Debug)]
pub struct Machine {
    rules: Rules,
    restarts: bool,
    began: Instant,
    /// The pods that run: their index, and how often their containers were started again.
    active: BTreeMap<u64, (Option<u32>, u32)>,
    next: u64,
    succeeded: u32,
    failed: u32,
    /// Failures since the last success, and when the last of them was.
    streak: Option<(u32, Instant)>,
    /// The first index that no pod has had.
    fresh: u32,
    /// Indexes whose pods have failed, and which are to be tried again.
    again: BTreeMap<u32, Trial>,
    completed_indexes: Indexes,
    failed_indexes: Indexes,
    /// What the policy has made of a pod: the job's end.
    policy_end: Option<JobEnd>,
    /// The end that is waited for until no pod runs.
    ending: Option<JobEnd>,
    /// Wishes to stop that the pods have not been told of.
    stop_wished: bool,
}

/// What an index has seen.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// Pods that were counted as failed.
    counted: u32,
    /// All pods that failed, and when the last of them did.
    failed: u32,
    last: Instant,
    /// One of its pods runs.
    runs: bool,
}

impl Machine {
    /// A job that begins now. Without `restarts` the first pod that fails ends it.
    #[must_use]
    pub fn new(rules: Rules, restarts: bool, now: Instant) -> Self {
        Self {
            rules,
            restarts,
            began: now,
            active: BTreeMap::new(),
            next: 0,
            succeeded: 0,
            failed: 0,
            streak: None,
            fresh: 0,
            again: BTreeMap::new(),
            completed_indexes: Indexes::default(),
            failed_indexes: Indexes::default(),
            policy_end: None,
            ending: None,
            stop_wished: false,
        }
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let active = u32::try_from(self.active.len()).unwrap_or(u32::MAX);
        let per_index = self.rules.backoff_limit_per_index.is_some();
        Progress {
            active,
            terminating: if self.ending.is_some() { active } else { 0 },
            succeeded: self.succeeded,
            failed: self.failed,
            completed_indexes: self.rules.indexed.then(|| self.completed_indexes.to_string()),
            failed_indexes: per_index.then(|| self.failed_indexes.to_string()),
            ending: self.ending.clone(),
        }
    }

    /// A pod has ended. One that is not running is not minded.
    pub fn ended(&mut self, pod: u64, end: &PodEnd, now: Instant) {
        let Some((index, _)) = self.active.remove(&pod) else {
            return;
        };
        if matches!(self.ending, Some(JobEnd::Failed { .. })) {
            // What still ran when the job was given up has failed, however it ends then.
            self.failed = self.failed.saturating_add(1);
        } else if end.succeeded {
            self.succeeded = self.succeeded.saturating_add(1);
            self.streak = None;
            if let Some(index) = index {
                self.completed_indexes.insert(index);
                self.again.remove(&index);
            }
        } else if !matches!(self.ending, Some(JobEnd::SuccessPolicy { .. })) {
            // Those that are not needed any more have not failed.
            self.failed_one(index, end, now);
        }
    }

    fn failed_one(&mut self, index: Option<u32>, end: &PodEnd, now: Instant) {
        let judged = policy::judge(&self.rules.failure_policy, end);
        let counted = judged.action != FailureAction::Ignore;
        if counted {
            self.failed = self.failed.saturating_add(1);
        }
        if judged.action == FailureAction::FailJob && self.policy_end.is_none() {
            self.policy_end = Some(failed("PodFailurePolicy", &judged.message));
        }
        let before = self.streak.map_or(0, |(count, _)| count);
        self.streak = Some((before.saturating_add(1), now));
        let Some(index) = index else { return };
        let trial = self.again.entry(index).or_insert(Trial {
            counted: 0,
            failed: 0,
            last: now,
            runs: false,
        });
        trial.counted = trial.counted.saturating_add(u32::from(counted));
        trial.failed = trial.failed.saturating_add(1);
        trial.last = now;
        trial.runs = false;
        let limit = self.rules.backoff_limit_per_index;
        let spent = limit.is_some_and(|limit| trial.counted > limit);
        if spent || judged.action == FailureAction::FailIndex {
            self.again.remove(&index);
            self.failed_indexes.insert(index);
        }
    }

    /// The containers of a pod have been started again so many times, all together.
    pub fn restarted(&mut self, pod: u64, times: u32) {
        if let Some((_, restarts)) = self.active.get_mut(&pod) {
            *restarts = times;
        }
    }

    /// The job is to stop; a second wish reaches the pods that run as well.
    pub fn stop(&mut self) {
        self.stop_wished = true;
    }

    /// What is to be done now.
    pub fn step(&mut self, now: Instant) -> Step {
        let mut step = Step::default();
        let mut wished = std::mem::take(&mut self.stop_wished);
        if self.ending.is_none() {
            self.ending = self.verdict(wished, now);
            wished |= self.ending.is_some();
        }
        if wished {
            step.actions
                .extend(self.active.keys().map(|pod| Action::Stop { pod: *pod }));
        }
        if let Some(end) = &self.ending {
            if self.active.is_empty() {
                step.end = Some(end.clone());
            }
            return step;
        }
        let deadline = self.deadline();
        let mut wake = deadline;
        for _ in self.active.len()..self.wanted() {
            match self.start(now) {
                Ok(action) => step.actions.push(action),
                Err(pause_end) => {
                    wake = Some(wake.map_or(pause_end, |wake| wake.min(pause_end)));
                    break;
                }
            }
        }
        step.wake = wake;
        step
    }

    /// Why the job ends now, if it does.
    fn verdict(&self, stop: bool, now: Instant) -> Option<JobEnd> {
        // What the controller looks at first.
        if let Some(end) = &self.policy_end {
            return Some(end.clone());
        }
        let complete = match self.rules.completions {
            Some(completions) => self.succeeded >= completions,
            None => self.succeeded > 0 && self.active.is_empty(),
        };
        if complete {
            return Some(JobEnd::Complete);
        }
        if stop {
            return Some(JobEnd::Stopped);
        }
        if !self.restarts && self.failed > 0 {
            return Some(backoff("a pod has failed, and none is started in its place"));
        }
        let limit = self.rules.backoff_limit;
        let restarts: u32 = self
            .active
            .values()
            .fold(0, |sum, (_, times)| sum.saturating_add(*times));
        // As the controller counts: of pods one more than the limit, of restarts as many.
        if self.failed > limit || restarts > 0 && restarts >= limit {
            return Some(backoff("Job has reached the specified backoff limit"));
        }
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            return Some(failed(
                "DeadlineExceeded",
                "Job was active longer than specified deadline",
            ));
        }
        self.verdict_on_indexes()
            .or_else(|| (self.rules.parallelism == 0 && self.active.is_empty()).then_some(JobEnd::Nothing))
    }

    fn verdict_on_indexes(&self) -> Option<JobEnd> {
        let lost = self.failed_indexes.count();
        if self
            .rules
            .max_failed_indexes
            .is_some_and(|most| lost > u64::from(most))
        {
            let message = "Job has exceeded the specified maximal number of failed indexes";
            return Some(failed("MaxFailedIndexesExceeded", message));
        }
        let done = lost + u64::from(self.succeeded);
        if lost > 0 && done >= self.rules.completions.map_or(0, u64::from) {
            return Some(failed("FailedIndexes", "Job has failed indexes"));
        }
        policy::met(&self.rules.success_policy, &self.completed_indexes)
            .map(|rule| JobEnd::SuccessPolicy { rule })
    }

    /// How many pods are to run.
    fn wanted(&self) -> usize {
        let wanted = match self.rules.completions {
            Some(completions) => {
                let lost = u32::try_from(self.failed_indexes.count()).unwrap_or(u32::MAX);
                let left = completions.saturating_sub(self.succeeded).saturating_sub(lost);
                self.rules.parallelism.min(left)
            }
            None if self.succeeded > 0 => 0,
            None => self.rules.parallelism,
        };
        wanted as usize
    }

    fn deadline(&self) -> Option<Instant> {
        self.began.checked_add(self.rules.active_deadline?)
    }

    /// Starts a pod, or says when one may be started.
    fn start(&mut self, now: Instant) -> Result<Action, Instant> {
        let index = if self.rules.backoff_limit_per_index.is_some() {
            Some(self.index_of_its_own_pause(now)?)
        } else {
            let pause = self.streak.and_then(|(count, last)| pause_end(count, last));
            if let Some(end) = pause.filter(|end| now < *end) {
                return Err(end);
            }
            self.rules
                .indexed
                .then(|| {
                    let lowest = self.again.iter_mut().find(|(_, trial)| !trial.runs);
                    lowest.map(|(index, trial)| {
                        trial.runs = true;
                        *index
                    })
                })
                .map(|again| again.unwrap_or_else(|| self.fresh_index()))
        };
        let pod = self.next;
        self.next += 1;
        self.active.insert(pod, (index, 0));
        Ok(Action::Start { pod, index })
    }

    /// The lowest index whose own pause is over: where indexes fail by themselves, one does not hold up the others.
    fn index_of_its_own_pause(&mut self, now: Instant) -> Result<u32, Instant> {
        let mut earliest: Option<Instant> = None;
        for (index, trial) in self.again.iter_mut().filter(|(_, trial)| !trial.runs) {
            match pause_end(trial.failed, trial.last).filter(|end| now < *end) {
                None => {
                    trial.runs = true;
                    return Ok(*index);
                }
                Some(end) => earliest = Some(earliest.map_or(end, |earliest| earliest.min(end))),
            }
        }
        let left = self
            .rules
            .completions
            .is_none_or(|completions| self.fresh < completions);
        match earliest {
            Some(earliest) if !left => Err(earliest),
            _ => Ok(self.fresh_index()),
        }
    }

    fn fresh_index(&mut self) -> u32 {
        self.fresh += 1;
        self.fresh - 1
    }
}

/// When the pause after so many failures is over.
fn pause_end(failures: u32, last: Instant) -> Option<Instant> {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    last.checked_add(FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE))
}

fn failed(reason: &'static str, message: &str) -> JobEnd {
    JobEnd::Failed {
        reason,
        message: message.to_owned(),
    }
}

fn backoff(message: &str) -> JobEnd {
    failed("BackoffLimitExceeded", message)
}
