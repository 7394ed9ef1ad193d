//! A Job's own fields: how many pods, how many of them have to succeed, and when it is given up.

use std::time::Duration;

use porthole_manifest::{Node, PodTemplate, WorkloadKind};

use super::job_policy;
use super::pod::{LONGEST_GRACE, NEXT};
use super::probe::int32;
use super::reader::{Reader, Table, Treatment};
use super::workload::MOST_PODS;
use crate::job::Rules;
use Treatment::{Note, Read, Refuse, RefuseUnless};

const JOB: &Table = &[
    ("activeDeadlineSeconds", Read),
    ("backoffLimit", Read),
    ("backoffLimitPerIndex", Read),
    ("completionMode", Read),
    ("completions", Read),
    ("managedBy", RefuseUnless("kubernetes.io/job-controller", NEXT)),
    (
        "manualSelector",
        Note("pods are known by their job, not by labels"),
    ),
    ("maxFailedIndexes", Read),
    ("parallelism", Read),
    ("podFailurePolicy", Read),
    ("podReplacementPolicy", Read),
    ("selector", Note("pods are known by their job, not by labels")),
    ("successPolicy", Read),
    ("suspend", Refuse("a suspended job has no pods")),
    ("template", Read),
    ("ttlSecondsAfterFinished", Read),
];

/// From so many completions on the API server asks for more, where indexes fail by themselves.
const MANY_COMPLETIONS: u32 = 100_000;
/// The most indexes that may fail then.
const MOST_FAILED_OF_MANY: u32 = 10_000;

/// Reads the job that makes the pod, where one does.
pub(super) fn read(reader: &mut Reader, template: &PodTemplate<'_>) -> Option<Rules> {
    let path = match template.kind {
        WorkloadKind::Job => "spec",
        WorkloadKind::CronJob => "spec.jobTemplate.spec",
        _ => return None,
    };
    let spec = template.object.at(path)?;
    reader.fields(spec, path, JOB);
    restart_policy(reader, template, is_set(spec, "podFailurePolicy"));
    let parallelism = int32(reader, spec, path, "parallelism");
    if let Some(wanted) = parallelism.filter(|wanted| u64::from(*wanted) > MOST_PODS) {
        let span = spec.field("parallelism").unwrap_or(spec).span();
        let reason = format!("asks for {wanted} pods; one machine runs at most {MOST_PODS}");
        reader.refuse(format!("{path}.parallelism"), span, reason);
    }
    let completions = int32(reader, spec, path, "completions");
    let indexed = indexed(reader, spec, path);
    if indexed && !is_set(spec, "completions") {
        let reason = "Required value: when completion mode is Indexed";
        reader.refuse(format!("{path}.completions"), spec.span(), reason);
    }
    let backoff_limit_per_index = int32(reader, spec, path, "backoffLimitPerIndex");
    let max_failed_indexes = int32(reader, spec, path, "maxFailedIndexes");
    indexes_that_fail(reader, spec, path, completions.filter(|_| indexed));
    // Where indexes have a limit of their own, the API server sets none for all of them.
    let backoff_limit = int32(reader, spec, path, "backoffLimit").unwrap_or_else(|| {
        if backoff_limit_per_index.is_some() {
            i32::MAX.unsigned_abs()
        } else {
            6
        }
    });
    replacement_policy(reader, spec, path);
    // One and one, where neither is set.
    let all = completions.or_else(|| (!is_set(spec, "parallelism")).then_some(1));
    Some(Rules {
        completions: all,
        parallelism: parallelism.unwrap_or(1),
        backoff_limit,
        active_deadline: active_deadline(reader, spec, path),
        indexed,
        backoff_limit_per_index,
        max_failed_indexes,
        failure_policy: job_policy::failure(reader, template, spec, path),
        success_policy: job_policy::success(reader, spec, path, completions.filter(|_| indexed)),
        ttl: int32(reader, spec, path, "ttlSecondsAfterFinished")
            .map(|seconds| Duration::from_secs(u64::from(seconds))),
    })
}

/// Whether a field is there and not null.
pub(super) fn is_set(node: Node<'_>, key: &str) -> bool {
    node.field(key).is_some_and(|value| !value.is_null())
}

/// `backoffLimitPerIndex` and `maxFailedIndexes`, as far as they depend on other fields. `completions` is that of an indexed job.
fn indexes_that_fail(reader: &mut Reader, spec: Node<'_>, path: &str, completions: Option<u32>) {
    let number = |key: &str| {
        let value = spec.field(key).filter(|value| !value.is_null())?;
        Some((u32::try_from(value.as_i64()?).ok()?, value.span()))
    };
    let (limit, most) = (number("backoffLimitPerIndex"), number("maxFailedIndexes"));
    let indexed = spec.field("completionMode").and_then(Node::as_str) == Some("Indexed");
    for (key, value) in [("backoffLimitPerIndex", limit), ("maxFailedIndexes", most)] {
        if let (false, Some((number, span))) = (indexed, value) {
            let reason = format!("Invalid value: {number}: requires indexed completion mode");
            reader.refuse(format!("{path}.{key}"), span, reason);
        }
    }
    let field = format!("{path}.maxFailedIndexes");
    if let (None, Some((_, span))) = (limit, most) {
        let reason = "Required value: when maxFailedIndexes is specified";
        reader.refuse(format!("{path}.backoffLimitPerIndex"), span, reason);
    }
    let Some(completions) = completions else { return };
    let many = completions > MANY_COMPLETIONS && limit.is_some();
    match most {
        Some((number, span)) if number > completions => {
            let reason = format!("Invalid value: {number}: must be less than or equal to completions");
            reader.refuse(field, span, reason);
        }
        Some((number, span)) if many && number > MOST_FAILED_OF_MANY => {
            let reason = format!(
                "Invalid value: {number}: must be less than or equal to {MOST_FAILED_OF_MANY} when completions are above \
                 {MANY_COMPLETIONS} and used with backoff limit per index"
            );
            reader.refuse(field, span, reason);
        }
        None if many => {
            let reason =
                format!("Required value: must be specified when completions is above {MANY_COMPLETIONS}");
            reader.refuse(field, spec.span(), reason);
        }
        _ => {}
    }
}

/// `podReplacementPolicy`: a pod is replaced when nothing of it is left, which is `Failed`.
fn replacement_policy(reader: &mut Reader, spec: Node<'_>, path: &str) {
    let Some(policy) = reader.string(spec, path, "podReplacementPolicy") else {
        return;
    };
    let supported: &[&str] = if is_set(spec, "podFailurePolicy") {
        &["Failed"]
    } else {
        &["Failed", "TerminatingOrFailed"]
    };
    let field = format!("{path}.podReplacementPolicy");
    if !supported.contains(&policy.value.as_str()) {
        reader.refuse(
            field,
            policy.span,
            job_policy::unsupported(&policy.value, supported),
        );
    } else if policy.value == "TerminatingOrFailed" {
        reader.note(field, policy.span, "a pod is replaced when nothing of it is left");
    }
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
fn restart_policy(reader: &mut Reader, template: &PodTemplate<'_>, judged: bool) {
    let Some(spec) = template.spec else { return };
    let policy = spec.field("restartPolicy").filter(|policy| !policy.is_null());
    let reason = match policy.map(Node::as_str) {
        None | Some(Some("Always" | "")) => "Required value: valid values: \"OnFailure\", \"Never\"",
        Some(Some("OnFailure")) if judged => {
            "Invalid value: \"OnFailure\": only \"Never\" is supported when podFailurePolicy is specified"
        }
        _ => return,
    };
    let field = format!("{}.restartPolicy", template.prefix);
    reader.refuse(field, policy.unwrap_or(spec).span(), reason);
}
