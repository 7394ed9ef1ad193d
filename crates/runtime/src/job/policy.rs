//! What a Job's `podFailurePolicy` makes of a pod that failed, and when its `successPolicy` calls it done. The rules and the
//! texts are those of Kubernetes' job controller.

use serde::{Deserialize, Serialize};

use super::{Indexes, PodEnd};

/// One rule of `podFailurePolicy`. The first that a failed pod meets decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureRule {
    /// What becomes of the pod.
    pub action: FailureAction,
    /// Which pods it is for.
    pub when: FailedPod,
}

/// What becomes of a pod that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureAction {
    /// The job has failed.
    FailJob,
    /// The pod's index has failed, and is not tried again.
    FailIndex,
    /// It is replaced, and not counted.
    Ignore,
    /// It is counted, as without a rule.
    Count,
}

/// Pods that a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailedPod {
    /// One of its containers ended with one of these exit codes, or (`not`) with one that is neither 0 nor one of these.
    ExitCodes {
        /// The container; any where it is not set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        container: Option<String>,
        /// The operator is `NotIn`.
        not: bool,
        /// The codes.
        values: Vec<i32>,
    },
    /// It has one of these conditions: type and status.
    Conditions(Vec<(String, String)>),
}

/// One rule of `successPolicy`. The first that is met ends the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuccessRule {
    /// The indexes that count; all of them where it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexes: Option<Indexes>,
    /// How many of them have to succeed; all where it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// What the rules say of a failed pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) action: FailureAction,
    /// Which rule was met, for people.
    pub(super) message: String,
}

/// The first rule that a failed pod meets; without one it is counted.
pub(super) fn judge(rules: &[FailureRule], end: &PodEnd) -> Judged {
    for (index, rule) in rules.iter().enumerate() {
        if let Some(found) = rule.when.found_in(end) {
            let action = rule.action;
            return Judged {
                action,
                message: format!("{found} matching {action:?} rule at index {index}"),
            };
        }
    }
    Judged {
        action: FailureAction::Count,
        message: String::new(),
    }
}

impl FailedPod {
    fn found_in(&self, end: &PodEnd) -> Option<String> {
        match self {
            Self::ExitCodes {
                container,
                not,
                values,
            } => {
                let mut failed = end.failed_containers.iter();
                let (name, code) = failed.find(|(name, code)| {
                    container.as_ref().is_none_or(|wanted| wanted == name) && values.contains(code) != *not
                })?;
                Some(format!(
                    "Container {name} for pod {} failed with exit code {code}",
                    end.pod
                ))
            }
            Self::Conditions(wanted) => {
                let mut conditions = end.conditions.iter();
                let (kind, _) = conditions.find(|one| wanted.contains(one))?;
                Some(format!("Pod {} has condition {kind}", end.pod))
            }
        }
    }
}

/// The number of the first rule that is met.
pub(super) fn met(rules: &[SuccessRule], succeeded: &Indexes) -> Option<usize> {
    if succeeded.is_empty() {
        return None;
    }
    rules.iter().position(|rule| match (&rule.indexes, rule.count) {
        (Some(indexes), count) => {
            let wanted = count.map_or_else(|| indexes.count(), u64::from);
            !indexes.is_empty() && indexes.in_common(succeeded) >= wanted
        }
        (None, Some(count)) => succeeded.count() >= u64::from(count),
        (None, None) => false,
    })
}
