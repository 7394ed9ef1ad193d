//! What may not change of a service (`ValidateServiceUpdate`): its addresses and their families, the class of its load
//! balancer, the port of its health check.

use porthole_manifest::Node;

use super::addresses::{SERVICE_ADDRESSES, addresses_place};
use super::spec::{EXTERNAL_NAME, LOAD_BALANCER, SINGLE, Spec};
use super::traffic::{SERVICE_TRAFFIC, check_class};
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, place};

const IMMUTABLE: &str = "field is immutable";
const MAY_NOT_CHANGE: &str = "may not change once set";

/// All of it. `node` is the new spec.
pub(super) fn check(report: &mut Report<'_>, before: &Spec<'_>, after: &Spec<'_>, node: Node<'_>) {
    let compared = [before, after].iter().all(|spec| spec.kind != EXTERNAL_NAME);
    let (was, is) = (before.is_headless(), after.is_headless());
    if compared && (!was || !is) {
        check_addresses(report, before, after, node);
    }
    if compared && !was && !is {
        check_families(report, before, after, node);
    }
    let path = Path::root("spec");
    let balance = before.kind == LOAD_BALANCER && after.kind == LOAD_BALANCER;
    if balance && before.class != after.class {
        let value = after.class.map_or(Shown::Null, Shown::Str);
        let (field, span) = (path.child("loadBalancerClass"), place(node, "loadBalancerClass"));
        report.invalid(&SERVICE_TRAFFIC, &field, value, MAY_NOT_CHANGE, span);
    }
    check_class(report, after, node);
    let checked = before.needs_health_check() && after.needs_health_check();
    if checked && before.health_port != after.health_port && report.at_least(23) {
        let field = path.child("healthCheckNodePort");
        let span = place(node, "healthCheckNodePort");
        report.forbidden(&SERVICE_TRAFFIC, &field, IMMUTABLE, span);
    }
}

/// `validateUpgradeDowngradeClusterIPs`.
fn check_addresses(report: &mut Report<'_>, before: &Spec<'_>, after: &Spec<'_>, node: Node<'_>) {
    let path = Path::root("spec");
    let field = path.child("clusterIPs");
    let span = addresses_place(node);
    let (old, new) = (&before.cluster_ips, &after.cluster_ips);
    if old.len() == new.len() {
        for (index, _) in old
            .iter()
            .zip(new)
            .enumerate()
            .filter(|(_, (old, new))| old != new)
        {
            let value = Shown::Strings(new);
            report.invalid(
                &SERVICE_ADDRESSES,
                &field.index(index),
                value,
                MAY_NOT_CHANGE,
                span,
            );
        }
        return;
    }
    let first = field.index(0);
    if old.len() > new.len() && new.is_empty() {
        let detail = "primary clusterIP can not be unset";
        report.invalid(&SERVICE_ADDRESSES, &first, Shown::Strings(new), detail, span);
    }
    let pair = old.first().zip(new.first());
    if pair.is_some_and(|(old, new)| old != new) {
        report.invalid(
            &SERVICE_ADDRESSES,
            &first,
            Shown::Strings(new),
            MAY_NOT_CHANGE,
            span,
        );
    }
    if old.len() > new.len() && new.len() == 1 {
        let detail = "must be set to 'SingleStack' when releasing the secondary clusterIP";
        check_released(report, after, detail, node);
    }
}

/// `validateUpgradeDowngradeIPFamilies`.
fn check_families(report: &mut Report<'_>, before: &Spec<'_>, after: &Spec<'_>, node: Node<'_>) {
    let path = Path::root("spec");
    let field = path.child("ipFamilies");
    let first = field.index(0);
    let span = place(node, "ipFamilies");
    let (old, new) = (&before.families, &after.families);
    if old.len() == new.len() {
        for _ in old.iter().zip(new).filter(|(old, new)| old != new) {
            let value = Shown::Raw(shown_families(report, new));
            report.invalid(&SERVICE_ADDRESSES, &first, value, MAY_NOT_CHANGE, span);
        }
        return;
    }
    if old.len() > new.len() && after.cluster_ips.is_empty() {
        let value = Shown::Raw(shown_families(report, new));
        let detail = "primary ipFamily can not be unset";
        report.invalid(&SERVICE_ADDRESSES, &first, value, detail, span);
    }
    if old.first().zip(new.first()).is_some_and(|(old, new)| old != new) {
        // The server shows the addresses here.
        let value = Shown::Strings(&after.cluster_ips);
        report.invalid(&SERVICE_ADDRESSES, &first, value, MAY_NOT_CHANGE, span);
    }
    if old.len() > new.len() && new.len() == 1 {
        let detail = "must be set to 'SingleStack' when releasing the secondary ipFamily";
        check_released(report, after, detail, node);
    }
}

fn check_released(report: &mut Report<'_>, after: &Spec<'_>, detail: &str, node: Node<'_>) {
    if after.policy != Some(SINGLE) {
        let path = Path::root("spec");
        let value = after.policy.map_or(Shown::Null, Shown::Named);
        let (field, span) = (path.child("ipFamilyPolicy"), place(node, "ipFamilyPolicy"));
        report.invalid(&SERVICE_ADDRESSES, &field, value, detail, span);
    }
}

fn shown_families(report: &Report<'_>, families: &[&str]) -> String {
    let join = |quote: fn(&str) -> String, between| {
        let shown: Vec<String> = families.iter().map(|family| quote(family)).collect();
        shown.join(between)
    };
    if report.at_least(34) {
        format!("[{}]", join(go_json, ","))
    } else {
        format!("[]core.IPFamily{{{}}}", join(go_quote, ", "))
    }
}
