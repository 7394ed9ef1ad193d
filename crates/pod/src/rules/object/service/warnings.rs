//! What the API server warns of in a service that it takes (`GetWarningsForService`, since 1.27).

use porthole_manifest::{Node, Span};

use super::SERVICE_FIELD_IGNORED;
use super::addresses::{SERVICE_ADDRESSES, SERVICE_EXTERNAL_ADDRESS, addresses_place};
use super::spec::{CLUSTER_IP, EXTERNAL_NAME, NONE, Spec};
use super::traffic::{SERVICE_SOURCE_RANGE, SERVICE_TRAFFIC};
use crate::ip::{self, before_1_33, cidr};
use crate::path::Path;
use crate::report::{Report, has_items, items, place, text};
use crate::rule::Rule;

/// What `service.kubernetes.io/topology-mode` was called before.
pub(super) const TOPOLOGY_HINTS: &str = "service.kubernetes.io/topology-aware-hints";

/// All of it, of a service that is new or takes the place of `old`.
pub(crate) fn warn<'n>(report: &mut Report<'_>, old: Option<Node<'n>>, object: Node<'n>) {
    if !report.at_least(27) {
        return;
    }
    let filled = match old {
        Some(old) => {
            let before = Spec::stored(report, old);
            Spec::changed(&mut Report::new(report.options), &before, old, object)
        }
        None => Spec::stored(report, object),
    };
    let spec = object.child("spec");
    let path = Path::root("spec");
    let external = filled.kind == EXTERNAL_NAME;
    let headless = filled.kind == CLUSTER_IP && filled.cluster_ip == NONE;
    let annotations = object.child("metadata").child("annotations");
    if let Some(hints) = annotations.get(TOPOLOGY_HINTS) {
        let warning = format!(
            "annotation {TOPOLOGY_HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead"
        );
        let metadata = Path::root("metadata");
        let field = metadata.child("annotations");
        report.warn(
            &SERVICE_TRAFFIC,
            &field.key(TOPOLOGY_HINTS),
            warning,
            hints.span(),
        );
    }
    if filled.cluster_ip != NONE {
        let field = path.child("clusterIPs");
        let span = addresses_place(spec);
        for (index, address) in filled.cluster_ips.iter().enumerate() {
            warn_of_address(report, &SERVICE_ADDRESSES, &field.index(index), address, span);
        }
    }
    if headless && report.at_least(34) {
        warn_of_headless(report, spec);
    }
    let field = path.child("externalIPs");
    for (index, item) in items(spec, "externalIPs").enumerate() {
        let address = item.as_str().unwrap_or_default();
        let rule = &SERVICE_EXTERNAL_ADDRESS;
        warn_of_address(report, rule, &field.index(index), address, item.span());
    }
    let has_external = has_items(spec, "externalIPs");
    if has_external && !headless && !external && report.at_least(36) {
        let warning = "spec.externalIPs is deprecated and may no longer be implemented in some clusters";
        report.warn(
            &SERVICE_EXTERNAL_ADDRESS,
            &field,
            warning,
            place(spec, "externalIPs"),
        );
    }
    let balancer = text(spec, "loadBalancerIP");
    if !balancer.is_empty() {
        let field = path.child("loadBalancerIP");
        warn_of_address(
            report,
            &SERVICE_ADDRESSES,
            &field,
            balancer,
            place(spec, "loadBalancerIP"),
        );
    }
    warn_of_ranges(report, spec);
    if external && has_external && report.at_least(28) {
        let warning = "spec.externalIPs is ignored when spec.type is \"ExternalName\"";
        report.warn(
            &SERVICE_FIELD_IGNORED,
            &field,
            warning,
            place(spec, "externalIPs"),
        );
    }
    if !external && !text(spec, "externalName").is_empty() && report.at_least(28) {
        let warning = "spec.externalName is ignored when spec.type is not \"ExternalName\"";
        let span = place(spec, "externalName");
        report.warn(&SERVICE_FIELD_IGNORED, &path.child("externalName"), warning, span);
    }
    let key = "trafficDistribution";
    if text(spec, key) == "PreferClose" && report.at_least(35) {
        let warning = "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"";
        report.warn(&SERVICE_TRAFFIC, &path.child(key), warning, place(spec, key));
    }
}

fn warn_of_ranges(report: &mut Report<'_>, spec: Node<'_>) {
    let path = Path::root("spec");
    let ranges = path.child("loadBalancerSourceRanges");
    for (index, item) in items(spec, "loadBalancerSourceRanges").enumerate() {
        let range = item.as_str().unwrap_or_default();
        let warnings = if report.at_least(33) {
            cidr::warnings(range, report.options)
        } else {
            before_1_33::range_warning(range).into_iter().collect()
        };
        let field = ranges.index(index);
        for warning in warnings {
            report.warn(
                &SERVICE_SOURCE_RANGE,
                &field,
                format!("{field}: {warning}"),
                item.span(),
            );
        }
    }
}

fn warn_of_headless(report: &mut Report<'_>, spec: Node<'_>) {
    let path = Path::root("spec");
    for (key, name) in [
        ("loadBalancerIP", "loadBalancerIP"),
        ("externalIPs", "externalIPs"),
        ("sessionAffinity", "SessionAffinity"),
    ] {
        let set = match key {
            "externalIPs" => has_items(spec, key),
            "sessionAffinity" => !matches!(text(spec, key), "" | "None"),
            _ => !text(spec, key).is_empty(),
        };
        if set {
            let warning = format!("spec.{name} is ignored for headless services");
            let span = place(spec, key);
            report.warn(&SERVICE_FIELD_IGNORED, &path.child(key), warning, span);
        }
    }
}

fn warn_of_address(
    report: &mut Report<'_>,
    rule: &'static Rule,
    field: &Path<'_>,
    address: &str,
    span: Span,
) {
    let warning = if report.at_least(33) {
        ip::warning(address, report.options)
    } else {
        before_1_33::address_warning(address)
    };
    if let Some(warning) = warning {
        report.warn(rule, field, format!("{field}: {warning}"), span);
    }
}
