//! The fields of what makes pods: a Deployment, a CronJob. Each makes its pods once.

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
        // A job's own fields are read with what it does with them.
        WorkloadKind::Job
        | WorkloadKind::CronJob
        | WorkloadKind::Pod
        | WorkloadKind::PodTemplate
        | WorkloadKind::DaemonSet => {}
        _ => count(reader, spec, "spec", "replicas"),
    }
    match template.kind {
        WorkloadKind::Pod | WorkloadKind::PodTemplate | WorkloadKind::Job => {}
        WorkloadKind::CronJob => reader.fields(spec, "spec", CRON_JOB),
        _ => reader.fields(spec, "spec", CONTROLLER),
    }
}

/// As many as the kubelet runs on a node unless it is told otherwise.
pub(super) const MOST_PODS: u64 = 110;

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
