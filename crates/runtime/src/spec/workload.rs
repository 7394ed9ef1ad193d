//! The fields of what makes pods: a Deployment, a Job. Each makes its pods once, in the foreground.

use porthole_manifest::{Node, PodTemplate, WorkloadKind};

use super::pod::NEXT;
use super::reader::{Reader, Table, Treatment};
use Treatment::{Note, Read, Refuse};

const ONCE: &str = "pods are made once, and neither replaced nor updated";

const CONTROLLER: &Table = &[
    ("minReadySeconds", Note(ONCE)),
    ("ordinals", Refuse(NEXT)),
    ("paused", Note(ONCE)),
    ("persistentVolumeClaimRetentionPolicy", Note(ONCE)),
    ("podManagementPolicy", Note(ONCE)),
    ("progressDeadlineSeconds", Note(ONCE)),
    ("replicas", Read),
    ("revisionHistoryLimit", Note(ONCE)),
    ("selector", Read),
    ("serviceName", Note("there are no services")),
    ("strategy", Note(ONCE)),
    ("template", Read),
    ("updateStrategy", Note(ONCE)),
    (
        "volumeClaimTemplates",
        Refuse("porthole has no cluster's storage; use a hostPath volume"),
    ),
];

const JOB: &Table = &[
    ("activeDeadlineSeconds", Refuse(NEXT)),
    ("backoffLimit", Note(ONCE)),
    ("backoffLimitPerIndex", Note(ONCE)),
    ("completionMode", Refuse(NEXT)),
    ("completions", Refuse(NEXT)),
    ("managedBy", Refuse(NEXT)),
    ("manualSelector", Note(ONCE)),
    ("maxFailedIndexes", Note(ONCE)),
    ("parallelism", Read),
    ("podFailurePolicy", Note(ONCE)),
    ("podReplacementPolicy", Note(ONCE)),
    ("selector", Read),
    ("successPolicy", Refuse(NEXT)),
    ("suspend", Refuse("a suspended job has no pods")),
    ("template", Read),
    ("ttlSecondsAfterFinished", Note(ONCE)),
];

const CRON: &str = "the job is run now, and once";

const CRON_JOB: &Table = &[
    ("concurrencyPolicy", Note(CRON)),
    ("failedJobsHistoryLimit", Note(CRON)),
    ("jobTemplate", Read),
    ("schedule", Note(CRON)),
    ("startingDeadlineSeconds", Note(CRON)),
    ("successfulJobsHistoryLimit", Note(CRON)),
    ("suspend", Note(CRON)),
    ("timeZone", Note(CRON)),
];

/// Goes through the fields of a workload; a `Pod` and a `PodTemplate` have none of their own.
pub(super) fn read(reader: &mut Reader, template: &PodTemplate<'_>) {
    let Some(spec) = template.object.field("spec") else {
        return;
    };
    match template.kind {
        WorkloadKind::Job => count(reader, spec, "spec", "parallelism"),
        WorkloadKind::CronJob => {
            if let Some(job) = template.object.at("spec.jobTemplate.spec") {
                count(reader, job, "spec.jobTemplate.spec", "parallelism");
            }
        }
        WorkloadKind::Pod | WorkloadKind::PodTemplate | WorkloadKind::DaemonSet => {}
        _ => count(reader, spec, "spec", "replicas"),
    }
    match template.kind {
        WorkloadKind::Pod | WorkloadKind::PodTemplate => {}
        WorkloadKind::Job => reader.fields(spec, "spec", JOB),
        WorkloadKind::CronJob => {
            reader.fields(spec, "spec", CRON_JOB);
            if let Some(job) = template.object.at("spec.jobTemplate.spec") {
                reader.fields(job, "spec.jobTemplate.spec", JOB);
            }
        }
        _ => reader.fields(spec, "spec", CONTROLLER),
    }
}

/// As many as the kubelet runs on a node unless it is told otherwise.
const MOST_PODS: u64 = 110;

/// Refuses how many pods are wanted where it is no number, or more than one machine runs.
fn count(reader: &mut Reader, spec: Node<'_>, path: &str, key: &str) {
    let Some(wanted) = reader.number(spec, path, key) else {
        return;
    };
    if wanted.value > MOST_PODS {
        let reason = format!(
            "asks for {} pods; one machine runs at most {MOST_PODS}",
            wanted.value
        );
        reader.refuse(format!("{path}.{key}"), wanted.span, reason);
    }
}
