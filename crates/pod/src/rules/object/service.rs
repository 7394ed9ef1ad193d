//! Services: their ports, types, selectors, addresses and traffic (`ValidateService`). What the cluster has to give is not
//! known: which addresses and ports are free, and of which families it has some.

mod addresses;
mod changed;
mod spec;
mod traffic;
mod warnings;

use std::collections::HashSet;

use porthole_manifest::Node;

use self::addresses::addresses_place;
use self::spec::{CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT, Spec};
pub(crate) use self::warnings::warn;

use crate::names;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, has_items, int, items, place, some_text, text};
use crate::rule::{Rule, rules};
use crate::rules::labels;
use crate::rules::metadata::{self, Demands};
use crate::syntax;

rules! { ApiServer:
    /// A service has ports, numbers from 1 to 65535, each once for a protocol; several have names of their own.
    SERVICE_PORTS = "service-ports";
    /// The type of a service is `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`, and only what fits the type is
    /// set: ports of nodes are not those of a `ClusterIP`, and an `ExternalName` has a DNS name.
    SERVICE_TYPE = "service-type";
    /// A service sends a client always to the same pod (`ClientIP`, for a time of up to a day) or to any (`None`).
    SESSION_AFFINITY = "session-affinity";
    /// A field of a service means something for some types of services: `externalName` for an `ExternalName`, addresses and
    /// affinity for one that has an address of its own. Elsewhere it is ignored.
    SERVICE_FIELD_IGNORED = "service-field-ignored";
}

/// The rules of services.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [RULES, addresses::RULES, traffic::RULES]
        .into_iter()
        .flatten()
        .copied()
}

/// All that is asked of a new service. What the cluster does not give it is told alone.
pub(crate) fn check(report: &mut Report<'_>, object: Node<'_>, demands: Demands) {
    let spec = Spec::created(report, object);
    if report.count() > 0 {
        return;
    }
    metadata::check(report, object, demands, None);
    check_spec(report, object, &spec, None);
}

/// All that is asked of a service that takes the place of `old`. What the cluster does not give it is told alone.
pub(crate) fn check_changed<'n>(report: &mut Report<'_>, old: Node<'n>, new: Node<'n>, demands: Demands) {
    let before = Spec::stored(report, old);
    let after = Spec::changed(report, &before, old, new);
    if report.count() > 0 {
        return;
    }
    metadata::check_common(report, old, new, demands, None);
    metadata::check_changed(report, old, new, demands, None);
    changed::check(report, &before, &after, new.child("spec"));
    // Its metadata is not asked as that of a new one any more.
    if !report.at_least(34) {
        metadata::check(report, new, demands, None);
    }
    check_spec(report, new, &after, Some((&before, old)));
}

/// `ValidateService`, without the metadata.
fn check_spec(
    report: &mut Report<'_>,
    object: Node<'_>,
    filled: &Spec<'_>,
    old: Option<(&Spec<'_>, Node<'_>)>,
) {
    check_topology(report, object);
    let spec = object.child("spec");
    let path = Path::root("spec");
    let kind = filled.kind;
    if !has_items(spec, "ports") && !filled.is_headless() && kind != EXTERNAL_NAME {
        let span = if spec.is_written() {
            place(spec, "ports")
        } else {
            object.span()
        };
        report.required(&SERVICE_PORTS, &path.child("ports"), "", span);
    }
    check_type(report, spec, &path, filled);
    check_ports(report, spec, &path.child("ports"));
    if let Some(selector) = spec.field("selector") {
        labels::check(report, selector, &path.child("selector"));
    }
    let affinity = text(spec, "sessionAffinity");
    if !matches!(affinity, "" | "ClientIP" | "None") {
        let known = ["ClientIP", "None"];
        let span = place(spec, "sessionAffinity");
        report.not_supported(
            &SESSION_AFFINITY,
            &path.child("sessionAffinity"),
            Shown::Named(affinity),
            &known,
            span,
        );
    }
    if affinity == "ClientIP" {
        check_affinity_time(report, spec, &path);
    }
    // What is wrong with them keeps the cluster from giving some, unless it gives none.
    addresses::check(report, filled, old.map(|(before, _)| before), spec);
    addresses::check_external(report, spec, old.map(|(_, old)| old.child("spec")));
    let known = [CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT];
    if !known.contains(&kind) {
        let span = place(spec, "type");
        report.not_supported(
            &SERVICE_TYPE,
            &path.child("type"),
            Shown::Named(kind),
            &known,
            span,
        );
    }
    check_numbers(report, spec, &path.child("ports"), filled);
    traffic::check(report, object, filled, old.map(|(_, old)| old));
}

/// Two annotations that say the same say it alike.
fn check_topology(report: &mut Report<'_>, object: Node<'_>) {
    const MODE: &str = "service.kubernetes.io/topology-mode";
    let annotations = object.child("metadata").child("annotations");
    let both = annotations
        .get(MODE)
        .zip(annotations.get(warnings::TOPOLOGY_HINTS));
    let Some((mode, hints)) = both.filter(|_| report.at_least(27)) else {
        return;
    };
    let [given, hints] = [mode, hints].map(|node| node.as_str().unwrap_or_default());
    if given != hints {
        let metadata = Path::root("metadata");
        let path = metadata.child("annotations");
        let detail = format!(
            "must match annotations[{}] when both are specified",
            warnings::TOPOLOGY_HINTS
        );
        let (field, value) = (path.key(MODE), Shown::Str(given));
        report.invalid(&SERVICE_TYPE, &field, value, detail, mode.span());
    }
}

/// How long a client is sent to the same pod; three hours, where nothing is said.
fn check_affinity_time(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>) {
    const LONGEST: i64 = 86_400;
    let config = path.child("sessionAffinityConfig");
    let client = config.child("clientIP");
    let times = spec.child("sessionAffinityConfig").child("clientIP");
    if let Some(seconds) = int(times, "timeoutSeconds").filter(|seconds| !(1..=LONGEST).contains(seconds)) {
        let detail = format!("must be greater than 0 and less than {LONGEST}");
        let span = place(times, "timeoutSeconds");
        let field = client.child("timeoutSeconds");
        report.invalid(&SESSION_AFFINITY, &field, Shown::Int(seconds), detail, span);
    }
}

fn check_type(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>, filled: &Spec<'_>) {
    const KUBELET: i64 = 10250;
    let addresses = path.child("clusterIPs");
    let kind = filled.kind;
    if kind == LOAD_BALANCER && !report.at_least(33) {
        for (index, port) in items(spec, "ports").enumerate() {
            if int(port, "port") == Some(KUBELET) {
                let detail = format!("may not expose port {KUBELET} externally since it is used by kubelet");
                let ports = path.child("ports");
                let (field, value) = (ports.index(index), Shown::Int(KUBELET));
                report.invalid(&SERVICE_PORTS, &field, value, detail, place(port, "port"));
            }
        }
    }
    match kind {
        LOAD_BALANCER | NODE_PORT if filled.is_headless() => {
            let detail = format!("may not be set to 'None' for {kind} services");
            let span = addresses_place(spec);
            report.invalid(
                &SERVICE_TYPE,
                &addresses.index(0),
                Shown::Str("None"),
                detail,
                span,
            );
        }
        EXTERNAL_NAME => {
            if !filled.cluster_ips.is_empty() {
                let detail = "may not be set for ExternalName services";
                report.forbidden(&SERVICE_TYPE, &addresses, detail, addresses_place(spec));
            }
            for (key, set) in [
                ("ipFamilies", !filled.families.is_empty()),
                ("ipFamilyPolicy", filled.policy.is_some()),
            ] {
                if set {
                    let detail = "may not be set for ExternalName services";
                    report.forbidden(&SERVICE_TYPE, &path.child(key), detail, place(spec, key));
                }
            }
            let name = text(spec, "externalName");
            let name = name.strip_suffix('.').unwrap_or(name);
            let field = path.child("externalName");
            let span = place(spec, "externalName");
            if name.is_empty() {
                report.required(&SERVICE_TYPE, &field, "", span);
            } else {
                report.faults(&SERVICE_TYPE, &field, name, names::dns1123_subdomain(name), span);
            }
        }
        _ => {}
    }
}

fn check_ports(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>) {
    let several = items(spec, "ports").count() > 1;
    let mut taken = HashSet::new();
    for (index, port) in items(spec, "ports").enumerate() {
        let path = path.index(index);
        let name = text(port, "name");
        let (field, span) = (path.child("name"), place(port, "name"));
        if name.is_empty() {
            if several {
                report.required(&SERVICE_PORTS, &field, "", span);
            }
        } else {
            let faults = names::dns1123_label(name, report.options.kubernetes_version);
            report.faults(&SERVICE_PORTS, &field, name, faults, span);
            if !taken.insert(name) {
                report.duplicate(&SERVICE_PORTS, &field, Shown::Str(name), span);
            }
        }
        let number = int(port, "port").unwrap_or_default();
        if let Some(fault) = syntax::port_number(number) {
            let span = place(port, "port");
            report.invalid(
                &SERVICE_PORTS,
                &path.child("port"),
                Shown::Int(number),
                fault,
                span,
            );
        }
        let protocol = text(port, "protocol");
        if !matches!(protocol, "" | "SCTP" | "TCP" | "UDP") {
            let known = ["SCTP", "TCP", "UDP"];
            let span = place(port, "protocol");
            report.not_supported(
                &SERVICE_PORTS,
                &path.child("protocol"),
                Shown::Named(protocol),
                &known,
                span,
            );
        }
        check_target(report, port, &path.child("targetPort"), number);
        if let Some(protocol) = some_text(port, "appProtocol") {
            let faults = names::qualified_name(protocol, report.options.kubernetes_version);
            let span = place(port, "appProtocol");
            report.faults(&SERVICE_PORTS, &path.child("appProtocol"), protocol, faults, span);
        }
    }
}

/// The port of the pods: a number or a name; that of the service, where nothing is said.
fn check_target(report: &mut Report<'_>, port: Node<'_>, field: &Path<'_>, number: i64) {
    let target = port.child("targetPort");
    let span = place(port, "targetPort");
    if let Some(name) = target.as_str().filter(|name| !name.is_empty()) {
        let faults = syntax::port_name(report.options, name);
        report.faults(&SERVICE_PORTS, field, name, faults, span);
        return;
    }
    let target = target.as_i64().filter(|target| *target != 0).unwrap_or(number);
    if let Some(fault) = syntax::port_number(target) {
        report.invalid(&SERVICE_PORTS, field, Shown::Int(target), fault, span);
    }
}

/// Ports of nodes, and ports that are there twice.
fn check_numbers(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>, filled: &Spec<'_>) {
    let ports = || items(spec, "ports").zip(&filled.ports).enumerate();
    let with_nodes = || ports().filter(|(_, (_, port))| port.on_node != 0);
    for (index, (node, _)) in with_nodes().filter(|_| filled.kind == CLUSTER_IP) {
        let path = path.index(index);
        let detail = "may not be used when `type` is 'ClusterIP'";
        report.forbidden(
            &SERVICE_TYPE,
            &path.child("nodePort"),
            detail,
            place(node, "nodePort"),
        );
    }
    let mut seen = HashSet::new();
    for (index, (node, port)) in with_nodes() {
        if !seen.insert((port.protocol, port.on_node)) {
            let path = path.index(index);
            let span = place(node, "nodePort");
            let number = spec::shown_port(port.on_node);
            report.duplicate(&SERVICE_PORTS, &path.child("nodePort"), Shown::Int(number), span);
        }
    }
    let mut seen = HashSet::new();
    for (index, (node, port)) in ports() {
        if !seen.insert((port.protocol, port.number)) {
            let value = shown_port(report, port.protocol, port.number);
            report.duplicate(&SERVICE_PORTS, &path.index(index), Shown::Raw(value), node.span());
        }
    }
}

/// A port of which only the protocol and the number count, as the API server shows it.
fn shown_port(report: &Report<'_>, protocol: &str, number: i64) -> String {
    if report.at_least(34) {
        return format!(
            "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}",
            go_json(protocol)
        );
    }
    format!(
        "core.ServicePort{{Name:\"\", Protocol:{}, AppProtocol:(*string)(nil), Port:{number}, \
         TargetPort:intstr.IntOrString{{Type:0, IntVal:0, StrVal:\"\"}}, NodePort:0}}",
        go_quote(protocol)
    )
}
