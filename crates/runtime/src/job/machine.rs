//! What a job does next: a state that hears of ends and wishes, and answers with what to start and to stop, and when to be
//! asked again. The rules are those of Kubernetes' job controller.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How long after a failure the next pod is started; doubled for each further failure without a success between them.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_mins(6);

/// A job's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// As many pods as were to succeed have.
    Complete,
    /// It was given up.
    Failed {
        /// `BackoffLimitExceeded` or `DeadlineExceeded`.
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
    /// Indexes whose pods have failed.
    again: BTreeSet<u32>,
    /// The end that is waited for until no pod runs.
    ending: Option<JobEnd>,
    /// Wishes to stop that the pods have not been told of.
    stop_wished: bool,
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
            again: BTreeSet::new(),
            ending: None,
            stop_wished: false,
        }
    }

    /// How many pods have succeeded.
    #[must_use]
    pub fn succeeded(&self) -> u32 {
        self.succeeded
    }

    /// How many pods have failed.
    #[must_use]
    pub fn failed(&self) -> u32 {
        self.failed
    }

    /// A pod has ended. One that is not running is not minded.
    pub fn ended(&mut self, pod: u64, succeeded: bool, now: Instant) {
        let Some((index, _)) = self.active.remove(&pod) else {
            return;
        };
        if succeeded {
            self.succeeded = self.succeeded.saturating_add(1);
            self.streak = None;
        } else {
            self.failed = self.failed.saturating_add(1);
            let before = self.streak.map_or(0, |(count, _)| count);
            self.streak = Some((before.saturating_add(1), now));
            self.again.extend(index);
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
        let wanted = self.wanted();
        step.wake = deadline;
        if self.active.len() < wanted {
            match self.pause_end().filter(|end| now < *end) {
                Some(end) => step.wake = Some(deadline.map_or(end, |deadline| deadline.min(end))),
                None => {
                    for _ in self.active.len()..wanted {
                        step.actions.push(self.start());
                    }
                }
            }
        }
        step
    }

    /// Why the job ends now, if it does.
    fn verdict(&self, stop: bool, now: Instant) -> Option<JobEnd> {
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
            return Some(JobEnd::Failed {
                reason: "DeadlineExceeded",
                message: "Job was active longer than specified deadline".to_owned(),
            });
        }
        (self.rules.parallelism == 0 && self.active.is_empty()).then_some(JobEnd::Nothing)
    }

    /// How many pods are to run.
    fn wanted(&self) -> usize {
        let wanted = match self.rules.completions {
            Some(completions) => self
                .rules
                .parallelism
                .min(completions.saturating_sub(self.succeeded)),
            None if self.succeeded > 0 => 0,
            None => self.rules.parallelism,
        };
        wanted as usize
    }

    fn deadline(&self) -> Option<Instant> {
        self.began.checked_add(self.rules.active_deadline?)
    }

    /// When the pause after the last failure is over.
    fn pause_end(&self) -> Option<Instant> {
        let (count, last) = self.streak?;
        let doubled = 1_u32.checked_shl(count.saturating_sub(1)).unwrap_or(u32::MAX);
        last.checked_add(FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE))
    }

    fn start(&mut self) -> Action {
        let index = self.rules.indexed.then(|| {
            self.again.pop_first().unwrap_or_else(|| {
                self.fresh += 1;
                self.fresh - 1
            })
        });
        let pod = self.next;
        self.next += 1;
        self.active.insert(pod, (index, 0));
        Action::Start { pod, index }
    }
}

fn backoff(message: &str) -> JobEnd {
    JobEnd::Failed {
        reason: "BackoffLimitExceeded",
        message: message.to_owned(),
    }
}
