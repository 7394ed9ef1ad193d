//! Ports of nodes that a Service asks for and that a cluster does not give: a dry run does not ask for them, so that they are
//! findings and none of the answer (`portallocator.Allocate`).

use porthole_manifest::{Node, Object};
use porthole_pod::{ErrorKind, Finding, Severity};

porthole_pod::rules! { ApiServer:
    /// A Service's ports of nodes, and that of its health check, are of the cluster's range, which is 30000 to 32767 unless the
    /// API server is told otherwise (`--service-node-port-range`). A dry run does not tell. Leave the port out, and the cluster
    /// gives one.
    NODE_PORT_RANGE = "node-port-range";
}

/// The rules of this module.
pub(crate) fn rules() -> &'static [&'static porthole_pod::Rule] {
    RULES
}

/// The range of clusters that are told no other.
const RANGE: std::ops::RangeInclusive<i64> = 30000..=32767;

/// What is out of range of a Service that is created, or made of an `old` one, whose ports it has.
pub(crate) fn ask(object: &Object<'_>, old: Option<&Object<'_>>) -> Vec<Finding> {
    if (object.group(), object.kind) != ("", Some("Service")) {
        return Vec::new();
    }
    let spec = object.node.child("spec");
    let is_balanced = spec.child("type").as_str() == Some("LoadBalancer");
    if !is_balanced && spec.child("type").as_str() != Some("NodePort") {
        return Vec::new();
    }
    let held: Vec<i64> = old.map_or_else(Vec::new, |old| {
        let spec = old.node.child("spec");
        let ports = spec.child("ports");
        let of_ports = ports.items().filter_map(|port| port.child("nodePort").as_i64());
        of_ports
            .chain(spec.child("healthCheckNodePort").as_i64())
            .collect()
    });
    let is_out = |node: Node<'_>| {
        node.as_i64()
            .filter(|port| *port != 0 && !RANGE.contains(port) && !held.contains(port))
    };
    let outside = "provided port is not in the valid range. The range of valid ports is 30000-32767";
    let mut findings = Vec::new();
    let mut tell = |field: String, kind, port: i64, text: String, node: Node<'_>| {
        let mut finding = Finding::remark(&NODE_PORT_RANGE, Severity::Warning, field, text, node.span());
        finding.kind = kind;
        finding.value = (kind == ErrorKind::Invalid).then(|| port.to_string());
        findings.push(finding.with_help(
            "leave it out, unless the cluster's `--service-node-port-range` has it; a dry run does not tell",
        ));
    };
    for (index, port) in spec.child("ports").items().enumerate() {
        let node = port.child("nodePort");
        if let Some(port) = is_out(node) {
            tell(
                format!("spec.ports[{index}].nodePort"),
                ErrorKind::Invalid,
                port,
                outside.to_owned(),
                node,
            );
        }
    }
    let health = spec.child("healthCheckNodePort");
    let is_checked = is_balanced && spec.child("externalTrafficPolicy").as_str() == Some("Local");
    if let Some(port) = is_out(health).filter(|port| is_checked && (1..=65535).contains(port)) {
        let text = format!(
            "Internal error occurred: failed to allocate requested HealthCheck NodePort {port}: {outside}"
        );
        tell(
            "spec.healthCheckNodePort".to_owned(),
            ErrorKind::Failed,
            port,
            text,
            health,
        );
    }
    findings
}
