//! Where the traffic of a service comes from and goes to: load balancers, their sources, and the policies of traffic.

use std::collections::HashSet;

use porthole_manifest::Node;

use super::spec::{GIVEN_PORT, LOAD_BALANCER, Spec};
use crate::ip::cidr;
use crate::names;
use crate::path::Path;
use crate::report::{Report, Shown, has_items, items, place, some_text, texts};
use crate::rule::rules;
use crate::syntax;

rules! { ApiServer:
    /// Ranges of sources, classes, ports of nodes and health checks are a `LoadBalancer`'s, and its class stays as it is;
    /// traffic from outside is for services that can be reached from there.
    SERVICE_TRAFFIC = "service-traffic";
    /// A range of addresses is an address, a slash and how many of its bits count: `10.240.0.0/24`.
    SERVICE_SOURCE_RANGE = "service-source-range";
}

/// Says the same as `spec.loadBalancerSourceRanges`, from before there was that.
pub(super) const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

const OF_LOAD_BALANCERS: &str = "may only be used when `type` is 'LoadBalancer'";

/// All of it, in the place of what the object `old` has.
pub(super) fn check(report: &mut Report<'_>, object: Node<'_>, spec: &Spec<'_>, old: Option<Node<'_>>) {
    let node = object.child("spec");
    let path = Path::root("spec");
    check_ranges(report, object, spec, old);
    if spec.allocates.is_some() && spec.kind != LOAD_BALANCER {
        let key = "allocateLoadBalancerNodePorts";
        let span = place(node, key);
        report.forbidden(&SERVICE_TRAFFIC, &path.child(key), OF_LOAD_BALANCERS, span);
    }
    check_class(report, spec, node);
    check_external(report, spec, node);
    let internal = spec
        .internal
        .filter(|_| report.feature("ServiceInternalTrafficPolicy", 26));
    if let Some(policy) = internal.filter(|policy| !matches!(*policy, "Cluster" | "Local")) {
        let (field, span) = (
            path.child("internalTrafficPolicy"),
            place(node, "internalTrafficPolicy"),
        );
        let known = ["Cluster", "Local"];
        report.not_supported(&SERVICE_TRAFFIC, &field, Shown::Named(policy), &known, span);
    }
    check_distribution(report, node);
}

/// The class of its load balancer (`validateLoadBalancerClassField`).
pub(super) fn check_class(report: &mut Report<'_>, spec: &Spec<'_>, node: Node<'_>) {
    let Some(class) = spec.class else { return };
    let path = Path::root("spec");
    let (field, span) = (path.child("loadBalancerClass"), place(node, "loadBalancerClass"));
    if spec.kind == LOAD_BALANCER {
        let faults = names::qualified_name(class, report.options.kubernetes_version);
        report.faults(&SERVICE_TRAFFIC, &field, class, faults, span);
    } else {
        report.forbidden(&SERVICE_TRAFFIC, &field, OF_LOAD_BALANCERS, span);
    }
}

/// `validateServiceExternalTrafficPolicy`; up to 1.22 `validateServiceExternalTrafficFieldsValue`.
fn check_external(report: &mut Report<'_>, spec: &Spec<'_>, node: Node<'_>) {
    let path = Path::root("spec");
    let (field, span) = (
        path.child("externalTrafficPolicy"),
        place(node, "externalTrafficPolicy"),
    );
    let known = ["Cluster", "Local"];
    if !spec.is_external(report) {
        if !spec.external.is_empty() {
            let detail = if report.at_least(29) {
                "may only be set for externally-accessible services"
            } else {
                "may only be set when `type` is 'NodePort' or 'LoadBalancer'"
            };
            let value = Shown::Named(spec.external);
            report.invalid(&SERVICE_TRAFFIC, &field, value, detail, span);
        }
    } else if !known.contains(&spec.external) {
        let value = Shown::Named(spec.external);
        report.not_supported(&SERVICE_TRAFFIC, &field, value, &known, span);
    }
    let (field, span) = (
        path.child("healthCheckNodePort"),
        place(node, "healthCheckNodePort"),
    );
    let port = spec.health_port;
    if !spec.needs_health_check() {
        if port != 0 {
            let detail =
                "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            report.invalid(&SERVICE_TRAFFIC, &field, Shown::Int(port), detail, span);
        }
    } else if let Some(fault) = syntax::port_number(port).filter(|_| port != GIVEN_PORT) {
        report.invalid(&SERVICE_TRAFFIC, &field, Shown::Int(port), fault, span);
    }
}

fn check_distribution(report: &mut Report<'_>, node: Node<'_>) {
    let key = "trafficDistribution";
    let Some(given) = some_text(node, key).filter(|_| report.at_least(30)) else {
        return;
    };
    if !report.feature("ServiceTrafficDistribution", 33) {
        return;
    }
    let all = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    let known = if report.feature("PreferSameTrafficDistribution", 35) {
        &all[..]
    } else {
        &all[..1]
    };
    if !known.contains(&given) {
        let path = Path::root("spec");
        let span = place(node, key);
        report.not_supported(&SERVICE_TRAFFIC, &path.child(key), Shown::Str(given), known, span);
    }
}

fn annotations(object: Node<'_>) -> Node<'_> {
    object.child("metadata").child("annotations")
}

/// The ranges from which a load balancer takes traffic, by the field or by the annotation.
fn check_ranges(report: &mut Report<'_>, object: Node<'_>, spec: &Spec<'_>, old: Option<Node<'_>>) {
    let node = object.child("spec");
    let root = Path::root("spec");
    let metadata = Path::root("metadata");
    let of_annotations = metadata.child("annotations");
    let by_field = has_items(node, "loadBalancerSourceRanges");
    let annotation = annotations(object).get(SOURCE_RANGES);
    let (field, span) = match annotation {
        _ if by_field => (
            root.child("LoadBalancerSourceRanges"),
            place(node, "loadBalancerSourceRanges"),
        ),
        Some(annotation) => (of_annotations.key(SOURCE_RANGES), annotation.span()),
        None => return,
    };
    if spec.kind != LOAD_BALANCER {
        report.forbidden(&SERVICE_TRAFFIC, &field, OF_LOAD_BALANCERS, span);
    }
    let ranges: Vec<&str> = texts(node, "loadBalancerSourceRanges");
    let text = annotation.and_then(Node::as_str).unwrap_or_default();
    let listed: Vec<&str> = if by_field {
        ranges.iter().map(|range| range.trim()).collect()
    } else if text.trim().is_empty() {
        Vec::new()
    } else {
        text.trim().split(',').map(str::trim).collect()
    };
    if !report.at_least(30) {
        if listed.iter().any(|range| cidr::parse(range).is_none()) {
            let value = if by_field {
                format!("[{}]", ranges.join(" "))
            } else {
                text.to_owned()
            };
            let detail = "must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24 ";
            report.invalid(&SERVICE_SOURCE_RANGE, &field, Shown::Str(&value), detail, span);
        }
        return;
    }
    // What was there before is good since 1.33.
    let old = old.filter(|_| report.at_least(33));
    if !by_field {
        let was = old.and_then(|old| annotations(old).get(SOURCE_RANGES));
        if was.is_some_and(|was| was.as_str().unwrap_or_default() == text) {
            return;
        }
    }
    let existing: HashSet<&str> = old
        .filter(|_| by_field)
        .into_iter()
        .flat_map(|old| texts(old.child("spec"), "loadBalancerSourceRanges"))
        .map(str::trim)
        .collect();
    let mut spans = items(node, "loadBalancerSourceRanges").map(Node::span);
    for (index, range) in listed.into_iter().enumerate() {
        let at = if by_field { field.index(index) } else { field };
        let span = spans.next().filter(|_| by_field).unwrap_or(span);
        if !existing.contains(range) {
            let faults = cidr::faults(range, report.options);
            report.faults(&SERVICE_SOURCE_RANGE, &at, range, faults, span);
        }
    }
}
