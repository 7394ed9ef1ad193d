//! `StatefulSets` (`ValidateStatefulSetSpec`).

use porthole_manifest::Node;

use super::amount::{Amount, Shape, shown_strategy};
use super::selector::{self, Selector, WORKLOAD_SELECTOR};
use super::{NEGATIVE_NUMBER, ROLLING_UPDATE, UPDATE_STRATEGY, spec_of, template};
use crate::names;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, items, place, text};
use crate::rule::rules;
use crate::rules::metadata::{check_not_negative, check_template as check_metadata};
use crate::rules::{annotations, volumes};
use crate::validate::{Pass, check_template};

rules! { ApiServer:
    /// A `StatefulSet` starts its pods one after the other (`OrderedReady`) or all at once (`Parallel`).
    POD_MANAGEMENT_POLICY = "pod-management-policy";
    /// The claims of a `StatefulSet` are kept (`Retain`) or deleted (`Delete`) when it goes, or has fewer pods.
    CLAIM_RETENTION = "claim-retention";
    /// `serviceName` is that of a service without an address of its own: at most 63 lower-case letters, digits and inner
    /// dashes.
    SERVICE_NAME = "service-name";
}

pub(super) fn check(pass: &mut Pass<'_>, path: &Path<'_>) {
    let spec = spec_of(pass);
    let policy = text(spec, "podManagementPolicy");
    if !matches!(policy, "" | "OrderedReady" | "Parallel") {
        let field = path.child("podManagementPolicy");
        let detail = "must be 'OrderedReady' or 'Parallel'";
        let span = place(spec, "podManagementPolicy");
        pass.invalid(&POD_MANAGEMENT_POLICY, &field, Shown::Named(policy), detail, span);
    }
    check_strategy(pass, spec.child("updateStrategy"), &path.child("updateStrategy"));
    check_retention(pass, spec, path);
    if pass.at_least(34) {
        let list = path.child("volumeClaimTemplates");
        for (index, claim) in items(spec, "volumeClaimTemplates").enumerate() {
            let claim_path = list.index(index);
            volumes::claim::check_spec(pass, claim.child("spec"), &claim_path.child("spec"));
        }
    }
    check_not_negative(pass, &NEGATIVE_NUMBER, spec, "replicas", path);
    if pass.at_least(25) || pass.enabled("StatefulSetMinReadySeconds") {
        check_not_negative(pass, &NEGATIVE_NUMBER, spec, "minReadySeconds", path);
    }
    if pass.at_least(31) || pass.at_least(26) && pass.enabled("StatefulSetStartOrdinal") {
        let ordinals = path.child("ordinals");
        check_not_negative(pass, &NEGATIVE_NUMBER, spec.child("ordinals"), "start", &ordinals);
    }
    let service = text(spec, "serviceName");
    if pass.at_least(33) && !service.is_empty() {
        let faults = names::dns1123_label(service, pass.options.kubernetes_version);
        let span = place(spec, "serviceName");
        pass.faults(&SERVICE_NAME, &path.child("serviceName"), service, faults, span);
    }
    check_selected(pass, spec, path);
    template::check_restart_policy(pass);
    template::check_no_deadline(pass, "StatefulSet");
}

/// The selector and the template. Up to 1.33 nothing was asked of the pods but their labels and annotations, and these are
/// looked at once more since then.
fn check_selected(pass: &mut Pass<'_>, spec: Node<'_>, path: &Path<'_>) {
    let selector = selector::check_required(pass, spec, path, "statefulset");
    let version = pass.options.kubernetes_version;
    if let Some(selector) = selector
        .as_ref()
        .filter(|selector| !selector.is_readable(version))
    {
        selector::refuse(pass, &WORKLOAD_SELECTOR, selector, path, "");
        return;
    }
    if !selector.as_ref().is_some_and(Selector::is_empty) {
        selector::check_template(pass, selector.as_ref());
    }
    if pass.at_least(34) {
        check_template(pass);
    }
    check_metadata(pass);
    annotations::check(pass);
}

fn check_strategy(report: &mut Report<'_>, strategy: Node<'_>, path: &Path<'_>) {
    let rolling = strategy.field("rollingUpdate");
    let recreates = report.at_least(37) && report.enabled("StatefulSetRecreateStrategy");
    let unavailable = report.at_least(24) && report.enabled("MaxUnavailableStatefulSet");
    match text(strategy, "type") {
        "" | "RollingUpdate" => {
            if let Some(rolling) = rolling {
                check_rolling(report, rolling, &path.child("rollingUpdate"), unavailable);
            }
        }
        kind if kind == "OnDelete" || kind == "Recreate" && recreates => {
            if let Some(rolling) = rolling {
                let value = shown_rolling(report, rolling, unavailable);
                let detail = "only allowed for updateStrategy 'RollingUpdate'";
                let field = path.child("rollingUpdate");
                report.invalid(
                    &UPDATE_STRATEGY,
                    &field,
                    Shown::Raw(value),
                    detail,
                    rolling.span(),
                );
            }
        }
        _ => {
            let fields = [("partition", Shape::Number), ("maxUnavailable", Shape::Pointer)];
            let fields = if report.at_least(24) {
                &fields[..]
            } else {
                &fields[..1]
            };
            let value = shown_strategy(report, strategy, "StatefulSetStrategy", fields);
            let detail = if recreates {
                "must be 'RollingUpdate', 'OnDelete', or 'Recreate'"
            } else {
                "must be 'RollingUpdate' or 'OnDelete'"
            };
            let span = place(strategy, "type");
            report.invalid(&UPDATE_STRATEGY, path, Shown::Raw(value), detail, span);
        }
    }
}

/// The settings of a rolling update, where there should be none.
fn shown_rolling(report: &Report<'_>, rolling: Node<'_>, unavailable: bool) -> String {
    let partition = crate::report::int(rolling, "partition").unwrap_or_default();
    let amount = Amount::of(rolling, "maxUnavailable").filter(|_| unavailable);
    if report.at_least(34) {
        let amount = amount.map_or("null".to_owned(), |amount| match amount {
            Amount::Text(text) => go_json(text),
            Amount::Number(number) => number.to_string(),
        });
        return format!("{{\"Partition\":{partition},\"MaxUnavailable\":{amount}}}");
    }
    let unavailable = match amount {
        _ if !report.at_least(24) => String::new(),
        None => ", MaxUnavailable:(*intstr.IntOrString)(nil)".to_owned(),
        Some(amount) => format!(
            ", MaxUnavailable:(*intstr.IntOrString)({})",
            go_quote(&amount.shown(report))
        ),
    };
    format!("apps.RollingUpdateStatefulSetStrategy{{Partition:{partition}{unavailable}}}")
}

fn check_rolling(report: &mut Report<'_>, rolling: Node<'_>, path: &Path<'_>, unavailable: bool) {
    check_not_negative(report, &NEGATIVE_NUMBER, rolling, "partition", path);
    let Some(amount) = Amount::of(rolling, "maxUnavailable").filter(|_| unavailable) else {
        return;
    };
    let node = rolling.child("maxUnavailable");
    let field = path.child("maxUnavailable");
    amount.check(report, &field, node);
    if amount.count() == 0 {
        let value = amount.shown(report);
        report.invalid(
            &ROLLING_UPDATE,
            &field,
            Shown::Raw(value),
            "cannot be 0",
            node.span(),
        );
    }
    amount.check_most(report, &field, node);
}

fn check_retention(pass: &mut Pass<'_>, spec: Node<'_>, path: &Path<'_>) {
    let known = pass.at_least(32) || pass.at_least(23) && pass.enabled("StatefulSetAutoDeletePVC");
    let Some(policy) = spec
        .field("persistentVolumeClaimRetentionPolicy")
        .filter(|_| known)
    else {
        return;
    };
    let path = path.child("persistentVolumeClaimRetentionPolicy");
    for key in ["whenDeleted", "whenScaled"] {
        let value = text(policy, key);
        if !matches!(value, "" | "Retain" | "Delete") {
            let known = ["Retain", "Delete"];
            let span = place(policy, key);
            pass.not_supported(
                &CLAIM_RETENTION,
                &path.child(key),
                Shown::Named(value),
                &known,
                span,
            );
        }
    }
}
