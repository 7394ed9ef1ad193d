//! The addresses of a service and their families (`ValidateServiceClusterIPsRelatedFields`), and the addresses of others that
//! it names.

use std::collections::HashSet;

use porthole_manifest::{Node, Span};

use super::spec::{EXTERNAL_NAME, NONE, PREFER, REQUIRE, SINGLE, Spec};
use crate::ip;
use crate::path::Path;
use crate::report::{Report, Shown, items, place, texts};
use crate::rule::{Rule, rules};
use crate::seen::Seen;

rules! { ApiServer:
    /// The addresses of a service are the cluster's to give, or `None`, one of each family; `clusterIP` is the first of
    /// `clusterIPs`. Once it has them they stay: a second one comes and goes with `ipFamilyPolicy`.
    SERVICE_ADDRESSES = "service-addresses";
    /// Addresses in `externalIPs` are those of nodes or of something before the cluster: not of this machine alone, not of a
    /// link, and not unset.
    SERVICE_EXTERNAL_ADDRESS = "service-external-address";
}

/// Where the spec `node` has its addresses: `clusterIPs`, else `clusterIP`.
pub(super) fn addresses_place(node: Node<'_>) -> Span {
    node.field("clusterIPs")
        .map_or_else(|| place(node, "clusterIP"), Node::span)
}

/// What is wrong with the addresses that `spec` has, in the place of those of `before`.
pub(super) fn check(report: &mut Report<'_>, spec: &Spec<'_>, before: Option<&Spec<'_>>, node: Node<'_>) {
    if spec.kind == EXTERNAL_NAME {
        return;
    }
    let path = Path::root("spec");
    let field = path.child("clusterIPs");
    let addresses = &spec.cluster_ips;
    let span = addresses_place(node);
    let all = || Shown::Strings(addresses);
    if spec.cluster_ip.is_empty() {
        if !addresses.is_empty() {
            let detail = "must be empty when `clusterIP` is not specified";
            report.invalid(&SERVICE_ADDRESSES, &field, all(), detail, span);
        }
    } else if addresses.is_empty() {
        report.required(&SERVICE_ADDRESSES, &field, "", span);
    } else if addresses[0] != spec.cluster_ip {
        let detail = "first value must match `clusterIP`";
        report.invalid(&SERVICE_ADDRESSES, &field, all(), detail, span);
    }
    check_families(report, spec, node);
    let existing = before.into_iter().flat_map(|before| &before.cluster_ips);
    let existing: HashSet<&str> = existing.copied().collect();
    let mut misread = false;
    for (index, address) in addresses.iter().copied().enumerate() {
        if index == 0 && address == NONE {
            if addresses.len() > 1 {
                misread = true;
                let detail = "'None' must be the first and only value";
                report.invalid(&SERVICE_ADDRESSES, &field, all(), detail, span);
            }
            continue;
        }
        misread |= check_address(
            report,
            &SERVICE_ADDRESSES,
            &field.index(index),
            (address, &existing),
            span,
        );
    }
    if addresses.len() > 2 {
        let detail = "may only hold up to 2 values";
        report.invalid(&SERVICE_ADDRESSES, &field, all(), detail, span);
    }
    if misread {
        return;
    }
    if addresses.len() > 1 {
        let has = |family| addresses.iter().any(|address| ip::family(address) == family);
        if !has("IPv4") || !has("IPv6") {
            let detail = "may specify no more than one IP for each IP family";
            report.invalid(&SERVICE_ADDRESSES, &field, all(), detail, span);
        }
    }
    if spec.is_headless() {
        return;
    }
    for (index, (address, family)) in addresses.iter().zip(&spec.families).enumerate() {
        if matches!(*family, "IPv4" | "IPv6") && ip::family(address) != *family {
            let detail = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            let value = Shown::Str(address);
            report.invalid(&SERVICE_ADDRESSES, &field.index(index), value, detail, span);
        }
    }
}

fn check_families(report: &mut Report<'_>, spec: &Spec<'_>, node: Node<'_>) {
    let path = Path::root("spec");
    let field = path.child("ipFamilies");
    let span = place(node, "ipFamilies");
    let mut seen = Seen::new();
    for (index, family) in spec.families.iter().copied().enumerate() {
        let field = field.index(index);
        if !matches!(family, "IPv4" | "IPv6") {
            let known = ["IPv4", "IPv6"];
            report.not_supported(&SERVICE_ADDRESSES, &field, Shown::Named(family), &known, span);
        }
        if !seen.insert(family) {
            report.duplicate(&SERVICE_ADDRESSES, &field, Shown::Named(family), span);
        }
    }
    if let Some(policy) = spec
        .policy
        .filter(|policy| ![PREFER, REQUIRE, SINGLE].contains(policy))
    {
        let known = [PREFER, REQUIRE, SINGLE];
        let (field, span) = (path.child("ipFamilyPolicy"), place(node, "ipFamilyPolicy"));
        report.not_supported(&SERVICE_ADDRESSES, &field, Shown::Named(policy), &known, span);
    }
}

/// Whether an address is none. One that was there before is good since 1.33.
fn check_address(
    report: &mut Report<'_>,
    rule: &'static Rule,
    field: &Path<'_>,
    (address, existing): (&str, &HashSet<&str>),
    span: Span,
) -> bool {
    if report.at_least(33) && existing.contains(address) {
        return false;
    }
    let faults = ip::legacy_faults(address, report.options);
    let is_bad = !faults.is_empty();
    report.faults(rule, field, address, faults, span);
    is_bad
}

/// `externalIPs`, in the place of those of `old`.
pub(super) fn check_external(report: &mut Report<'_>, spec: Node<'_>, old: Option<Node<'_>>) {
    let path = Path::root("spec");
    let path = path.child("externalIPs");
    let existing = old.into_iter().flat_map(|old| texts(old, "externalIPs"));
    let existing: HashSet<&str> = existing.collect();
    for (index, item) in items(spec, "externalIPs").enumerate() {
        let address = item.as_str().unwrap_or_default();
        let field = path.index(index);
        let rule = &SERVICE_EXTERNAL_ADDRESS;
        if check_address(report, rule, &field, (address, &existing), item.span()) {
            continue;
        }
        for fault in ip::special(address) {
            report.invalid(rule, &field, Shown::Str(address), fault, item.span());
        }
    }
}
