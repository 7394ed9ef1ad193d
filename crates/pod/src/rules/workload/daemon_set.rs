//! `DaemonSets` (`ValidateDaemonSetSpec`).

use porthole_manifest::Node;

use super::amount::{Amount, Shape, shown_strategy};
use super::selector::{self, Selector, WORKLOAD_SELECTOR};
use super::{NEGATIVE_NUMBER, ROLLING_UPDATE, UPDATE_STRATEGY, spec_of, template};
use crate::path::Path;
use crate::report::{Report, Shown, place, text};
use crate::rules::labels;
use crate::rules::metadata::check_not_negative;
use crate::validate::{Pass, check_template};

pub(super) fn check(pass: &mut Pass<'_>, path: &Path<'_>) {
    let spec = spec_of(pass);
    let selector = spec.field("selector").map(Selector::of);
    if let Some(node) = spec.field("selector") {
        labels::check_selector(pass, node, &path.child("selector"));
    }
    let version = pass.options.kubernetes_version;
    if selector
        .as_ref()
        .is_none_or(|selector| selector.is_readable(version))
    {
        selector::check_template(pass, selector.as_ref());
    }
    if let Some(selector) = selector.filter(Selector::is_empty) {
        let detail = "empty selector is invalid for daemonset";
        selector::refuse(pass, &WORKLOAD_SELECTOR, &selector, path, detail);
    }
    check_template(pass);
    template::check_disks(pass);
    template::check_restart_policy(pass);
    template::check_no_deadline(pass, "DaemonSet");
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "minReadySeconds", path);
    check_strategy(pass, spec.child("updateStrategy"), &path.child("updateStrategy"));
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "revisionHistoryLimit", path);
}

fn check_strategy(report: &mut Report<'_>, strategy: Node<'_>, path: &Path<'_>) {
    match text(strategy, "type") {
        "OnDelete" => {}
        "" | "RollingUpdate" => {
            if let Some(rolling) = strategy.field("rollingUpdate") {
                check_rolling(report, rolling, &path.child("rollingUpdate"));
            }
        }
        _ => {
            let fields = [("maxUnavailable", Shape::Amount), ("maxSurge", Shape::Amount)];
            let value = shown_strategy(report, strategy, "DaemonSet", &fields);
            let known = ["RollingUpdate", "OnDelete"];
            let span = place(strategy, "type");
            report.not_supported(&UPDATE_STRATEGY, path, Shown::Raw(value), &known, span);
        }
    }
}

fn check_rolling(report: &mut Report<'_>, rolling: Node<'_>, path: &Path<'_>) {
    let surges = report.feature("DaemonSetUpdateSurge", 25);
    let missing = Amount::of(rolling, "maxUnavailable").unwrap_or(Amount::Number(1));
    let surplus = Amount::of(rolling, "maxSurge").unwrap_or(Amount::Number(0));
    let (missing_path, missing_node) = (path.child("maxUnavailable"), rolling.child("maxUnavailable"));
    let (surplus_path, surplus_node) = (path.child("maxSurge"), rolling.child("maxSurge"));
    missing.check(report, &missing_path, missing_node);
    if !surges {
        if missing.count() == 0 {
            let value = missing.shown(report);
            report.invalid(
                &ROLLING_UPDATE,
                &missing_path,
                Shown::Raw(value),
                "cannot be 0",
                missing_node.span(),
            );
        }
        missing.check_most(report, &missing_path, missing_node);
        return;
    }
    surplus.check(report, &surplus_path, surplus_node);
    missing.check_most(report, &missing_path, missing_node);
    surplus.check_most(report, &surplus_path, surplus_node);
    match (missing.count() != 0, surplus.count() != 0) {
        (true, true) => {
            let value = surplus.shown(report);
            let detail = "may not be set when maxUnavailable is non-zero";
            report.invalid(
                &ROLLING_UPDATE,
                &surplus_path,
                Shown::Raw(value),
                detail,
                surplus_node.span(),
            );
        }
        (false, false) => {
            let detail = "cannot be 0 when maxSurge is 0";
            report.required(&ROLLING_UPDATE, &missing_path, detail, missing_node.span());
        }
        _ => {}
    }
}
