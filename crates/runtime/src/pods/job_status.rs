//! How a job does, in the shape that Kubernetes gives it (`status` of a Job, API version batch/v1).

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::job::{JobEnd, JobOutcome, PodEnd, Progress};

/// Why a job failed whose holder died.
const LOST: &str = "JobLost";

/// How a job does, and its exit code once it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// How many of its pods run and have not been asked to stop.
    pub active: u32,
    /// How many have been asked to stop, and are not gone.
    pub terminating: u32,
    /// How many have succeeded.
    pub succeeded: u32,
    /// How many have failed.
    pub failed: u32,
    /// The indexes that have succeeded, where it has them: `0,2-4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_indexes: Option<String>,
    /// The indexes that have failed, where they can by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_indexes: Option<String>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// `SuccessCriteriaMet` or `FailureTarget` when its end is decided, `Complete` or `Failed` as well when none of its pods
    /// runs any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<JobCondition>,
    /// Porthole's own: the last of its pods that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<LastFailure>,
    /// Porthole's own: what `wait` answers with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// A pod of a job that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastFailure {
    /// `NAMESPACE/NAME`.
    pub pod: String,
    /// Why it failed, or was not started.
    pub message: String,
    /// When it had ended.
    pub time: Timestamp,
}

/// What has become of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobCondition {
    /// `SuccessCriteriaMet`, `Complete`, `FailureTarget` or `Failed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`.
    pub status: String,
    /// In one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was last looked at; the same as below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_probe_time: Option<Timestamp>,
    /// Since when.
    pub last_transition_time: Timestamp,
}

const COMPLETE: &str = "Complete";
const FAILED: &str = "Failed";

impl JobStatus {
    /// The condition that it has ended by.
    #[must_use]
    pub fn end(&self) -> Option<&JobCondition> {
        self.conditions
            .iter()
            .find(|one| matches!(one.kind.as_str(), COMPLETE | FAILED))
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.end().is_some()
    }

    /// When it ended.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        self.end().map(|end| end.last_transition_time)
    }

    /// The job is that far.
    pub(super) fn go_on(&mut self, progress: &Progress) {
        self.active = progress.active.saturating_sub(progress.terminating);
        self.terminating = progress.terminating;
        self.succeeded = progress.succeeded;
        self.failed = progress.failed;
        self.completed_indexes.clone_from(&progress.completed_indexes);
        self.failed_indexes.clone_from(&progress.failed_indexes);
        if let Some(end) = &progress.ending {
            let (kind, _) = kinds(end);
            self.add(kind, end);
        }
    }

    /// A pod of the job has ended.
    pub(super) fn note_failure(&mut self, end: &PodEnd) {
        if let (false, Some(message)) = (end.succeeded, &end.message) {
            self.last_failure = Some(LastFailure {
                pod: end.pod.clone(),
                message: message.clone(),
                time: now(),
            });
        }
    }

    /// The job has ended like this.
    pub(super) fn finish(&mut self, outcome: &JobOutcome) {
        self.succeeded = outcome.succeeded;
        self.failed = outcome.failed;
        (self.active, self.terminating) = (0, 0);
        let (target, kind) = kinds(&outcome.end);
        self.add(target, &outcome.end);
        self.add(kind, &outcome.end);
        if kind == COMPLETE {
            self.completion_time = self.ended();
        }
        self.exit_code = Some(outcome.exit_code());
    }

    /// Whoever ran the job was killed, and its pods with it.
    pub(super) fn lose(&mut self) {
        self.failed = self
            .failed
            .saturating_add(std::mem::take(&mut self.active))
            .saturating_add(std::mem::take(&mut self.terminating));
        let message = "the porthole process that ran the job was killed, and its pods with it";
        self.conditions = vec![condition(FAILED, LOST, message)];
        self.exit_code = Some(137);
    }

    fn add(&mut self, kind: &str, end: &JobEnd) {
        if self.conditions.iter().all(|one| one.kind != kind) {
            let (reason, message) = words(end);
            self.conditions.push(condition(kind, reason, &message));
        }
    }
}

/// The conditions of an end: when it is decided, and when no pod runs any more.
fn kinds(end: &JobEnd) -> (&'static str, &'static str) {
    match end {
        JobEnd::Complete | JobEnd::SuccessPolicy { .. } | JobEnd::Nothing => ("SuccessCriteriaMet", COMPLETE),
        JobEnd::Failed { .. } | JobEnd::Stopped => ("FailureTarget", FAILED),
    }
}

/// An end in one word, and in the job controller's words.
fn words(end: &JobEnd) -> (&'static str, String) {
    match end {
        JobEnd::Complete => (
            "CompletionsReached",
            "Reached expected number of succeeded pods".to_owned(),
        ),
        JobEnd::SuccessPolicy { rule } => ("SuccessPolicy", format!("Matched rules at index {rule}")),
        JobEnd::Nothing => ("CompletionsReached", "the job wants no pods".to_owned()),
        JobEnd::Failed { reason, message } => (reason, message.clone()),
        JobEnd::Stopped => ("Stopped", "the job was stopped".to_owned()),
    }
}

fn condition(kind: &str, reason: &str, message: &str) -> JobCondition {
    let now = now();
    JobCondition {
        kind: kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(now),
        last_transition_time: now,
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
