//! A Job's own fields: how many pods, how many of them have to succeed, and when it is given up.

use std::time::Duration;

use porthole_manifest::{Node, PodTemplate, WorkloadKind};

use super::pod::{LONGEST_GRACE, NEXT};
use super::probe::int32;
use super::reader::{Reader, Table, Treatment};
use super::workload::MOST_PODS;
use Treatment::{Note, Read, Refuse, RefuseUnless};

const JOB: &Table = &[
    ("activeDeadlineSeconds", Read),
    ("backoffLimit", Read),
    ("backoffLimitPerIndex", Refuse(NEXT)),
    ("completionMode", Read),
    ("completions", Read),
    ("managedBy", RefuseUnless("kubernetes.io/job-controller", NEXT)),
    (
        "manualSelector",
        Note("pods are known by their job, not by labels"),
    ),
    ("maxFailedIndexes", Refuse(NEXT)),
    ("parallelism", Read),
    ("podFailurePolicy", Refuse(NEXT)),
    (
        "podReplacementPolicy",
        Note("a pod is replaced when nothing of it is left"),
    ),
    ("selector", Note("pods are known by their job, not by labels")),
    ("successPolicy", Refuse(NEXT)),
    ("suspend", Refuse("a suspended job has no pods")),
    ("template", Read),
    (
        "ttlSecondsAfterFinished",
        Note("what an ended job leaves stays until it is removed by hand"),
    ),
];

/// What the runtime reads of a Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// How many pods have to succeed. Where it is not set, one that succeeds is the end, and no more are started.
    pub completions: Option<u32>,
    /// How many pods run at a time.
    pub parallelism: u32,
    /// How many pods may fail.
    pub backoff_limit: u32,
    /// How long the job may take, with all its pods.
    pub active_deadline: Option<Duration>,
    /// `completionMode: Indexed`: each pod has a number of its own, and each number has to succeed once.
    pub indexed: bool,
}

/// Reads the job that makes the pod, where one does.
pub(super) fn read(reader: &mut Reader, template: &PodTemplate<'_>) -> Option<JobSpec> {
    let path = match template.kind {
        WorkloadKind::Job => "spec",
        WorkloadKind::CronJob => "spec.jobTemplate.spec",
        _ => return None,
    };
    let spec = template.object.at(path)?;
    reader.fields(spec, path, JOB);
    restart_policy(reader, template);
    let parallelism = int32(reader, spec, path, "parallelism");
    if let Some(wanted) = parallelism.filter(|wanted| u64::from(*wanted) > MOST_PODS) {
        let span = spec.field("parallelism").unwrap_or(spec).span();
        let reason = format!("asks for {wanted} pods; one machine runs at most {MOST_PODS}");
        reader.refuse(format!("{path}.parallelism"), span, reason);
    }
    let completions = int32(reader, spec, path, "completions");
    let indexed = indexed(reader, spec, path);
    if indexed && spec.field("completions").is_none_or(Node::is_null) {
        let reason = "Required value: when completion mode is Indexed";
        reader.refuse(format!("{path}.completions"), spec.span(), reason);
    }
    let backoff_limit = int32(reader, spec, path, "backoffLimit").unwrap_or(6);
    let active_deadline = active_deadline(reader, spec, path);
    // One and one, where neither is set.
    let completions =
        completions.or_else(|| spec.field("parallelism").is_none_or(Node::is_null).then_some(1));
    Some(JobSpec {
        completions,
        parallelism: parallelism.unwrap_or(1),
        backoff_limit,
        active_deadline,
        indexed,
    })
}

fn indexed(reader: &mut Reader, spec: Node<'_>, path: &str) -> bool {
    let Some(mode) = reader.string(spec, path, "completionMode") else {
        return false;
    };
    match mode.value.as_str() {
        "" | "NonIndexed" => false,
        "Indexed" => true,
        other => {
            let reason =
                format!("Unsupported value: {other:?}: supported values: \"Indexed\", \"NonIndexed\"");
            reader.refuse(format!("{path}.completionMode"), mode.span, reason);
            false
        }
    }
}

/// `activeDeadlineSeconds` of a pod or a job.
pub(super) fn active_deadline(reader: &mut Reader, spec: Node<'_>, path: &str) -> Option<Duration> {
    const KEY: &str = "activeDeadlineSeconds";
    let value = spec.field(KEY).filter(|value| !value.is_null())?;
    let field = format!("{path}.{KEY}");
    let Some(number) = value.as_i64() else {
        reader.refuse(field, value.span(), "must be a whole number");
        return None;
    };
    match u64::try_from(number) {
        Ok(number) if (1..=i32::MAX as u64).contains(&number) => {
            Some(Duration::from_secs(number.min(LONGEST_GRACE)))
        }
        _ => {
            let reason = format!(
                "Invalid value: {number}: must be between 1 and {}, inclusive",
                i32::MAX
            );
            reader.refuse(field, value.span(), reason);
            None
        }
    }
}

/// A pod that is started again for ever never lets its job end.
fn restart_policy(reader: &mut Reader, template: &PodTemplate<'_>) {
    let Some(spec) = template.spec else { return };
    let policy = spec.field("restartPolicy").filter(|policy| !policy.is_null());
    let always = policy.is_none_or(|policy| matches!(policy.as_str(), Some("Always" | "")));
    if always {
        reader.refuse(
            format!("{}.restartPolicy", template.prefix),
            policy.unwrap_or(spec).span(),
            "Required value: valid values: \"OnFailure\", \"Never\"",
        );
    }
}
