//! Services: their ports, types and selectors (`ValidateService`). Their addresses are the cluster's matter.

use std::collections::HashSet;

use porthole_manifest::Node;

use crate::names;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, has_items, int, items, place, some_text, text};
use crate::rule::rules;
use crate::rules::labels;
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

/// What the API server warns of in a service that it takes.
pub(crate) fn warn(report: &mut Report<'_>, object: Node<'_>) {
    let spec = object.child("spec");
    let path = Path::root("spec");
    let external = text(spec, "type") == "ExternalName";
    let headless = matches!(text(spec, "type"), "" | "ClusterIP") && text(spec, "clusterIP") == "None";
    if headless && report.at_least(34) {
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
                report.warn(
                    &SERVICE_FIELD_IGNORED,
                    &path.child(key),
                    warning,
                    place(spec, key),
                );
            }
        }
    }
    if external && has_items(spec, "externalIPs") && report.at_least(28) {
        let warning = "spec.externalIPs is ignored when spec.type is \"ExternalName\"";
        let span = place(spec, "externalIPs");
        report.warn(&SERVICE_FIELD_IGNORED, &path.child("externalIPs"), warning, span);
    }
    if !external && !text(spec, "externalName").is_empty() && report.at_least(28) {
        let warning = "spec.externalName is ignored when spec.type is not \"ExternalName\"";
        let span = place(spec, "externalName");
        report.warn(&SERVICE_FIELD_IGNORED, &path.child("externalName"), warning, span);
    }
}

pub(crate) fn check(report: &mut Report<'_>, object: Node<'_>) {
    let spec = object.child("spec");
    let path = Path::root("spec");
    let kind = text(spec, "type");
    let kind = if kind.is_empty() { "ClusterIP" } else { kind };
    let headless = text(spec, "clusterIP") == "None";
    if !has_items(spec, "ports") && !headless && kind != "ExternalName" {
        let span = if spec.is_written() {
            place(spec, "ports")
        } else {
            object.span()
        };
        report.required(&SERVICE_PORTS, &path.child("ports"), "", span);
    }
    check_type(report, spec, &path, kind, headless);
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
    let known = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
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
    check_numbers(report, spec, &path.child("ports"), kind);
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

fn check_type(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>, kind: &str, headless: bool) {
    let addresses = path.child("clusterIPs");
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let detail = format!("may not be set to 'None' for {kind} services");
            let span = place(spec, "clusterIP");
            report.invalid(
                &SERVICE_TYPE,
                &addresses.index(0),
                Shown::Str("None"),
                detail,
                span,
            );
        }
        "ExternalName" => {
            if !text(spec, "clusterIP").is_empty() || has_items(spec, "clusterIPs") {
                let detail = "may not be set for ExternalName services";
                report.forbidden(&SERVICE_TYPE, &addresses, detail, place(spec, "clusterIP"));
            }
            for key in ["ipFamilies", "ipFamilyPolicy"] {
                if has_items(spec, key) || key == "ipFamilyPolicy" && spec.field(key).is_some() {
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
fn check_numbers(report: &mut Report<'_>, spec: Node<'_>, path: &Path<'_>, kind: &str) {
    let ports = || items(spec, "ports").enumerate();
    let protocol = |port| match text(port, "protocol") {
        "" => "TCP",
        protocol => protocol,
    };
    let node_port = |port| int(port, "nodePort").filter(|number| *number != 0);
    for (index, port) in ports().filter(|(_, port)| kind == "ClusterIP" && node_port(*port).is_some()) {
        let path = path.index(index);
        let detail = "may not be used when `type` is 'ClusterIP'";
        report.forbidden(
            &SERVICE_TYPE,
            &path.child("nodePort"),
            detail,
            place(port, "nodePort"),
        );
    }
    let mut seen = HashSet::new();
    for (index, port) in ports() {
        let Some(number) = node_port(port) else { continue };
        if !seen.insert((protocol(port), number)) {
            let path = path.index(index);
            let span = place(port, "nodePort");
            report.duplicate(&SERVICE_PORTS, &path.child("nodePort"), Shown::Int(number), span);
        }
    }
    let mut seen = HashSet::new();
    for (index, port) in ports() {
        let number = int(port, "port").unwrap_or_default();
        if !seen.insert((protocol(port), number)) {
            let value = shown_port(report, protocol(port), number);
            report.duplicate(&SERVICE_PORTS, &path.index(index), Shown::Raw(value), port.span());
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
