//! Workloads: what they ask of themselves around the pods that they make, in the API server's order.

mod amount;
mod cron_job;
mod daemon_set;
mod deployment;
mod failure_policy;
mod filled_in;
mod indexes;
pub(crate) mod job;
mod replication_controller;
mod schedule;
mod schedule_field;
mod selector;
mod stateful_set;
mod success_policy;
mod template;
mod time_zone;
pub(crate) mod warnings;

pub(crate) use filled_in::{completions_of, generated};
pub(crate) use selector::{Labels, shown_labels};

use porthole_manifest::{Node, WorkloadKind};

use crate::options::Options;
use crate::path::Path;
use crate::rule::{Rule, rules};
use crate::rules::metadata::{self, Demands, NameForm};
use crate::validate::{Pass, check_template};

rules! { ApiServer:
    /// Counts of pods and numbers of seconds are 0 or more.
    NEGATIVE_NUMBER = "negative-number";
    /// How a workload replaces its pods: a Deployment by `RollingUpdate` or `Recreate`, a DaemonSet and a StatefulSet by
    /// `RollingUpdate` or `OnDelete`. Only a rolling update has settings.
    UPDATE_STRATEGY = "update-strategy";
    /// How many pods may be missing, or be there beside the others, during a rolling update: a number or a percentage such as
    /// `25%`. One of the two is more than 0, or nothing could ever be replaced.
    ROLLING_UPDATE = "rolling-update";
    /// A Deployment is given more time to make progress (`progressDeadlineSeconds`, 600 where it is not set) than a pod needs
    /// to count as ready (`minReadySeconds`).
    PROGRESS_DEADLINE = "progress-deadline";
}

/// The rules of workloads.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [
        RULES,
        selector::RULES,
        template::RULES,
        stateful_set::RULES,
        job::RULES,
        failure_policy::RULES,
        success_policy::RULES,
        cron_job::RULES,
        warnings::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// What a kind of workload asks of its metadata.
pub(crate) fn demands(kind: WorkloadKind, options: &Options) -> Demands {
    let at_least = |minor| options.at_least(minor);
    Demands {
        name: match kind {
            WorkloadKind::StatefulSet if at_least(27) => NameForm::Label,
            WorkloadKind::ReplicationController if at_least(35) => NameForm::Declared,
            _ => NameForm::Subdomain,
        },
        writes_generation: kind != WorkloadKind::Pod || at_least(33),
        ..Demands::USUAL
    }
}

/// All that is asked of a workload that is no Pod.
pub(crate) fn check(pass: &mut Pass<'_>) {
    let kind = pass.template.kind;
    let object = pass.template.object;
    let demands = demands(kind, pass.options);
    let path = Path::root("spec");
    match kind {
        WorkloadKind::ReplicationController => return replication_controller::check(pass, demands, &path),
        WorkloadKind::Job => return job::check(pass, demands, &path),
        _ => metadata::check(pass, object, demands, None),
    }
    check_spec(pass, &path);
}

/// The spec of a workload that is neither a Job nor a `ReplicationController`.
fn check_spec(pass: &mut Pass<'_>, path: &Path<'_>) {
    match pass.template.kind {
        WorkloadKind::Deployment => deployment::check(pass, path),
        WorkloadKind::ReplicaSet => deployment::check_replica_set(pass, path),
        WorkloadKind::DaemonSet => daemon_set::check(pass, path),
        WorkloadKind::StatefulSet => stateful_set::check(pass, path),
        WorkloadKind::CronJob => cron_job::check(pass, path),
        _ => check_template(pass),
    }
}

/// What is asked of the spec of a workload that is changed.
pub(crate) fn check_changed(pass: &mut Pass<'_>) {
    let path = Path::root("spec");
    match pass.template.kind {
        WorkloadKind::ReplicationController => replication_controller::check_spec(pass, &path),
        WorkloadKind::Job => job::check_changed(pass, &path),
        WorkloadKind::StatefulSet => stateful_set::check_changed(pass, &path),
        _ => check_spec(pass, &path),
    }
}

/// The labels that an object without its own has: those of its template, in kinds of old. Those that it got when it was
/// made stay.
pub(crate) fn default_labels<'a>(pass: &Pass<'a>) -> Option<Node<'a>> {
    let defaults = matches!(
        pass.template.kind,
        WorkloadKind::Job | WorkloadKind::ReplicationController
    );
    let was_filled = |old: Node<'_>| metadata::own_labels(old.child("metadata")).is_none();
    if !defaults || pass.old.is_some_and(was_filled) {
        return None;
    }
    selector::template_labels(pass)
}

/// The spec of a workload.
fn spec_of<'a>(pass: &Pass<'a>) -> Node<'a> {
    pass.template.object.child("spec")
}
