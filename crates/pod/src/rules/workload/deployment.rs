//! Deployments and `ReplicaSets` (`ValidateDeploymentSpec`, `ValidateReplicaSetSpec`).

use porthole_manifest::Node;

use super::amount::{Amount, Shape, shown_strategy};
use super::selector::{self, Selector, WORKLOAD_SELECTOR};
use super::{NEGATIVE_NUMBER, PROGRESS_DEADLINE, ROLLING_UPDATE, UPDATE_STRATEGY, spec_of, template};
use crate::path::Path;
use crate::report::{Report, Shown, int, place, text};
use crate::rules::metadata::check_not_negative;
use crate::validate::{Pass, check_template};

/// The part of pods that may be missing, or be too many, where nothing else is said.
const QUARTER: Amount<'static> = Amount::Text("25%");

/// A Deployment.
pub(super) fn check(pass: &mut Pass<'_>, path: &Path<'_>) {
    let spec = spec_of(pass);
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "replicas", path);
    check_selected(pass, spec, path);
    check_strategy(pass, spec.child("strategy"), &path.child("strategy"));
    for key in [
        "minReadySeconds",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
    ] {
        check_not_negative(pass, &NEGATIVE_NUMBER, spec, key, path);
    }
    let deadline = int(spec, "progressDeadlineSeconds").unwrap_or(600);
    if deadline <= int(spec, "minReadySeconds").unwrap_or_default() {
        let key = match spec.field("progressDeadlineSeconds") {
            Some(_) => "progressDeadlineSeconds",
            None => "minReadySeconds",
        };
        let field = path.child("progressDeadlineSeconds");
        let detail = "must be greater than minReadySeconds";
        pass.invalid(
            &PROGRESS_DEADLINE,
            &field,
            Shown::Int(deadline),
            detail,
            place(spec, key),
        );
    }
}

/// A `ReplicaSet`.
pub(super) fn check_replica_set(pass: &mut Pass<'_>, path: &Path<'_>) {
    let spec = spec_of(pass);
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "replicas", path);
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "minReadySeconds", path);
    check_selected(pass, spec, path);
}

/// The selector and the template. One that cannot be read keeps the API server from looking at the template.
fn check_selected(pass: &mut Pass<'_>, spec: Node<'_>, path: &Path<'_>) {
    let selector = selector::check_required(pass, spec, path, "deployment");
    let version = pass.options.kubernetes_version;
    if let Some(selector) = selector
        .as_ref()
        .filter(|selector| !selector.is_readable(version))
    {
        selector::refuse(pass, &WORKLOAD_SELECTOR, selector, path, "invalid label selector");
        return;
    }
    if !selector.as_ref().is_some_and(Selector::is_empty) {
        selector::check_template(pass, selector.as_ref());
    }
    check_template(pass);
    if int(spec, "replicas").unwrap_or(1) > 1 {
        template::check_disks(pass);
    }
    template::check_restart_policy(pass);
    template::check_no_deadline(pass, "ReplicaSet");
}

fn check_strategy(report: &mut Report<'_>, strategy: Node<'_>, path: &Path<'_>) {
    let rolling = strategy.field("rollingUpdate");
    match text(strategy, "type") {
        "Recreate" => {
            if let Some(rolling) = rolling {
                let detail = "may not be specified when strategy `type` is 'Recreate'";
                report.forbidden(
                    &UPDATE_STRATEGY,
                    &path.child("rollingUpdate"),
                    detail,
                    rolling.span(),
                );
            }
        }
        "" | "RollingUpdate" => {
            if let Some(rolling) = rolling {
                check_rolling(report, rolling, &path.child("rollingUpdate"));
            }
        }
        _ => {
            let fields = [("maxUnavailable", Shape::Amount), ("maxSurge", Shape::Amount)];
            let value = shown_strategy(report, strategy, "Deployment", &fields);
            let known = ["Recreate", "RollingUpdate"];
            let span = place(strategy, "type");
            report.not_supported(&UPDATE_STRATEGY, path, Shown::Raw(value), &known, span);
        }
    }
}

fn check_rolling(report: &mut Report<'_>, rolling: Node<'_>, path: &Path<'_>) {
    let missing = Amount::of(rolling, "maxUnavailable").unwrap_or(QUARTER);
    let surplus = Amount::of(rolling, "maxSurge").unwrap_or(QUARTER);
    let (missing_path, missing_node) = (path.child("maxUnavailable"), rolling.child("maxUnavailable"));
    missing.check(report, &missing_path, missing_node);
    surplus.check(report, &path.child("maxSurge"), rolling.child("maxSurge"));
    if missing.count() == 0 && surplus.count() == 0 {
        let value = missing.shown(report);
        let detail = "may not be 0 when `maxSurge` is 0";
        report.invalid(
            &ROLLING_UPDATE,
            &missing_path,
            Shown::Raw(value),
            detail,
            missing_node.span(),
        );
    }
    missing.check_most(report, &missing_path, missing_node);
}
