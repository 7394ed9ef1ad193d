//! What the API server says beside its answer to a workload, but for its template.

use porthole_manifest::WorkloadKind;

use super::filled_in::completions;
use super::spec_of;
use crate::names;
use crate::path::Path;
use crate::report::{int, items, place, text};
use crate::rule::rules;
use crate::rules::metadata::created_name;
use crate::rules::warnings::claim;
use crate::validate::Pass;

rules! { ApiServer:
    /// The name of a workload becomes part of its pods' names and host names, and names with periods or of more than 63 bytes
    /// make no good ones.
    WORKLOAD_NAME_AS_HOSTNAME = "workload-name-as-hostname";
    /// A Job of more than 100000 numbered pods, 10000 at a time, is more than Kubernetes can keep count of when many fail.
    MANY_INDEXES = "many-indexes";
    /// A time zone stands in `timeZone` of a `CronJob`, not in its schedule.
    ZONE_IN_SCHEDULE = "zone-in-schedule";
    /// `revisionHistoryLimit` says how many old revisions are kept; below 0 all are.
    ALL_REVISIONS = "all-revisions";
}

/// The warnings before those of the template.
pub(crate) fn check_before(pass: &mut Pass<'_>) {
    let kind = pass.template.kind;
    let named = matches!(
        kind,
        WorkloadKind::Deployment
            | WorkloadKind::ReplicaSet
            | WorkloadKind::ReplicationController
            | WorkloadKind::Job
            | WorkloadKind::CronJob
    );
    if named && pass.at_least(27) {
        check_name(pass);
    }
    if matches!(kind, WorkloadKind::Job | WorkloadKind::CronJob) && pass.at_least(28) {
        check_indexes(pass);
    }
}

fn check_name(pass: &mut Pass<'_>) {
    let metadata = pass.template.object.child("metadata");
    let name = created_name(metadata);
    let faults = names::dns1123_label(&name, pass.options.kubernetes_version);
    if faults.is_empty() {
        return;
    }
    let key = if text(metadata, "name").is_empty() {
        "generateName"
    } else {
        "name"
    };
    let text = format!(
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is \
         recommended: [{}]",
        faults.join(" ")
    );
    let path = Path::root("metadata");
    pass.warn(
        &WORKLOAD_NAME_AS_HOSTNAME,
        &path.child("name"),
        text,
        place(metadata, key),
    );
}

fn check_indexes(pass: &mut Pass<'_>) {
    let (path, spec) = if pass.template.kind == WorkloadKind::Job {
        ("spec", spec_of(pass))
    } else {
        (
            "spec.jobTemplate.spec",
            spec_of(pass).child("jobTemplate").child("spec"),
        )
    };
    let count = completions(pass, spec).unwrap_or_default();
    let made = i64::from(pass.template.kind == WorkloadKind::Job);
    let at_a_time = int(spec, "parallelism").unwrap_or(made);
    if text(spec, "completionMode") == "Indexed" && count > 100_000 && at_a_time > 10_000 {
        let text = format!(
            "{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, \
             Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        );
        pass.warn(&MANY_INDEXES, &Path::root(path), text, place(spec, "completions"));
    }
}

/// The warnings after those of the template.
pub(crate) fn check_after(pass: &mut Pass<'_>) {
    let spec = spec_of(pass);
    let path = Path::root("spec");
    match pass.template.kind {
        WorkloadKind::CronJob if !pass.at_least(29) && text(spec, "schedule").contains("TZ") => {
            // The server names the field so.
            let text = "CRON_TZ or TZ used in spec.spec.schedule is not officially supported, see \
                https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details";
            let span = place(spec, "schedule");
            pass.warn(&ZONE_IN_SCHEDULE, &path.child("schedule"), text, span);
        }
        WorkloadKind::StatefulSet if pass.at_least(26) => {
            let list = path.child("volumeClaimTemplates");
            for (index, template) in items(spec, "volumeClaimTemplates").enumerate() {
                // The server names the claim's fields without its `spec`.
                claim::check_spec(pass, template.child("spec"), &list.index(index));
            }
            if pass.at_least(33) && int(spec, "revisionHistoryLimit").is_some_and(|limit| limit < 0) {
                let text = "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is \
                    recommended";
                let span = place(spec, "revisionHistoryLimit");
                pass.warn(&ALL_REVISIONS, &path.child("revisionHistoryLimit"), text, span);
            }
        }
        _ => {}
    }
}
