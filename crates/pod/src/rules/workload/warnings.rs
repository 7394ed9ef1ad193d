//! What the API server says beside its answer to a workload that it takes, before and after what it says of the pod.

use porthole_manifest::{Node, WorkloadKind};

use super::spec_of;
use crate::names;
use crate::path::Path;
use crate::report::{int, items, place, text};
use crate::rule::rules;
use crate::rules::warnings::check_bytes;
use crate::validate::Pass;

rules! { ApiServer:
    /// The names of a workload's pods begin with its own and become host names: one with periods or of more than 63 bytes
    /// makes no good ones.
    WORKLOAD_NAME_AS_HOSTNAME = "workload-name-as-hostname";
    /// The indexes of a Job that has very many, and runs very many at once, are too long a list to keep.
    INDEXED_JOB_SIZE = "indexed-job-size";
    /// A StatefulSet that is to keep less than no old revisions keeps them all.
    REVISION_HISTORY = "revision-history";
    /// A schedule's time zone stands in `timeZone`, not before its first field.
    SCHEDULE_TIME_ZONE = "schedule-time-zone";
}

/// More completions than these are many.
const MANY_COMPLETIONS: i64 = 100_000;
/// More at once than these are many.
const MANY_AT_ONCE: i64 = 10_000;

/// The warnings before those of the pod.
pub(crate) fn check_before_pod(pass: &mut Pass<'_>) {
    let object = pass.template.object;
    match pass.template.kind {
        WorkloadKind::Deployment | WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController => {
            check_name(pass);
        }
        WorkloadKind::Job => {
            check_name(pass);
            check_indexes(pass, object.child("spec"), &Path::root("spec"));
        }
        WorkloadKind::CronJob => {
            check_name(pass);
            let spec = object.child("spec").child("jobTemplate").child("spec");
            check_indexes(pass, spec, &Path::root("spec.jobTemplate.spec"));
        }
        _ => {}
    }
}

/// The warnings after those of the pod.
pub(crate) fn check_after_pod(pass: &mut Pass<'_>) {
    let spec = spec_of(pass);
    let path = Path::root("spec");
    match pass.template.kind {
        WorkloadKind::StatefulSet if pass.at_least(26) => {
            let list = path.child("volumeClaimTemplates");
            for (index, claim) in items(spec, "volumeClaimTemplates").enumerate() {
                let resources = claim.child("spec").child("resources");
                let field = list.index(index);
                let field = field.child("resources");
                for amounts in ["requests", "limits"] {
                    let field = field.child(amounts);
                    check_bytes(pass, resources.child(amounts), "storage", &field);
                }
            }
            if int(spec, "revisionHistoryLimit").is_some_and(|limit| limit < 0) {
                let field = path.child("revisionHistoryLimit");
                let message =
                    "a negative value retains all historical revisions; a value >= 0 is recommended";
                let span = place(spec, "revisionHistoryLimit");
                pass.warn(&REVISION_HISTORY, &field, format!("{field}: {message}"), span);
            }
        }
        // Newer servers refuse it.
        WorkloadKind::CronJob if !pass.at_least(29) && text(spec, "schedule").contains("TZ") => {
            // The path is the server's.
            let message = "CRON_TZ or TZ used in spec.spec.schedule is not officially supported, see \
                           https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details";
            let span = place(spec, "schedule");
            pass.warn(&SCHEDULE_TIME_ZONE, &path.child("schedule"), message, span);
        }
        _ => {}
    }
}

fn check_name(pass: &mut Pass<'_>) {
    let metadata = pass.template.object.child("metadata");
    let name = text(metadata, "name");
    if !pass.at_least(27) || name.is_empty() {
        return;
    }
    let faults = names::dns1123_label(name, pass.options.kubernetes_version);
    if !faults.is_empty() {
        let message = format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS \
             label is recommended: [{}]",
            faults.join(" ")
        );
        let span = place(metadata, "name");
        let field = Path::root("metadata");
        pass.warn(&WORKLOAD_NAME_AS_HOSTNAME, &field.child("name"), message, span);
    }
}

fn check_indexes(pass: &mut Pass<'_>, spec: Node<'_>, path: &Path<'_>) {
    let more = |key, than| int(spec, key).is_some_and(|count| count > than);
    if pass.at_least(28)
        && text(spec, "completionMode") == "Indexed"
        && more("completions", MANY_COMPLETIONS)
        && more("parallelism", MANY_AT_ONCE)
    {
        let message = "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, \
                       Kubernetes might not be able to track completedIndexes when a big number of indexes fail";
        let span = place(spec, "completions");
        pass.warn(&INDEXED_JOB_SIZE, path, format!("{path}: {message}"), span);
    }
}
