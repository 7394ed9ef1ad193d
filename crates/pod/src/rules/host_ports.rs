//! Host ports, and what the host's network makes of them.
//!
//! Before validation a Pod on the host's network gets `hostPort` from `containerPort` for each port of its containers and
//! init containers that has none. So does a template up to 1.27, and up to 1.30 where a gate asks for it.

use porthole_manifest::Node;

use crate::container::ContainerKind;
use crate::path::Path;
use crate::report::{Shown, int, items, text};
use crate::rule::rules;
use crate::seen::Seen;
use crate::validate::Pass;

rules! { ApiServer:
    /// With `hostNetwork: true` a container's port is the host's port: `hostPort`, where it is set, is `containerPort`.
    HOST_PORT_DIFFERS = "host-port-differs";
    /// One host port of one address and protocol is taken once a pod. With `hostNetwork: true` every port of a Pod is a
    /// host port, so that two HostProcess containers cannot both declare port 80.
    HOST_PORT_DUPLICATE = "host-port-duplicate";
}

/// Whether a host port that is not set is taken from the container port.
fn is_defaulted(pass: &Pass<'_>, kind: ContainerKind) -> bool {
    let in_templates = !pass.at_least(28)
        || (!pass.at_least(31) && pass.enabled("DefaultHostNetworkHostPortsInPodTemplates"));
    kind != ContainerKind::Ephemeral && (pass.is_pod() || in_templates) && pass.host_network()
}

/// The host port of a port after defaulting; 0 is none.
pub(crate) fn host_port(pass: &Pass<'_>, kind: ContainerKind, port: Node<'_>) -> i64 {
    match int(port, "hostPort").unwrap_or_default() {
        0 if is_defaulted(pass, kind) => int(port, "containerPort").unwrap_or_default(),
        host => host,
    }
}

/// The place of the host port, or of what it comes from.
pub(crate) fn place(port: Node<'_>) -> Node<'_> {
    let written = port.field("hostPort").or_else(|| port.field("containerPort"));
    written.unwrap_or(port)
}

/// What may be there once: protocol, address and port.
fn key(port: Node<'_>, host: i64) -> (&str, &str, i64) {
    // An unset protocol is defaulted to TCP, an empty one as well.
    let protocol = Some(text(port, "protocol")).filter(|protocol| !protocol.is_empty());
    (protocol.unwrap_or("TCP"), text(port, "hostIP"), host)
}

/// Reports host ports that several of `containers`, which stand at `list`, take.
pub(crate) fn check_duplicates(
    pass: &mut Pass<'_>,
    list: &Path<'_>,
    kind: ContainerKind,
    containers: &[Node<'_>],
) {
    let mut taken = Seen::new();
    for (place_in_list, container) in containers.iter().enumerate() {
        for (index, port) in items(*container, "ports").enumerate() {
            let host = host_port(pass, kind, port);
            if host == 0 {
                continue;
            }
            let key = key(port, host);
            if !taken.insert(key) {
                let (protocol, address, host) = key;
                let shown = format!("{protocol}/{address}/{host}");
                let at = list.index(place_in_list);
                let ports = at.child("ports");
                let port_path = ports.index(index);
                let field = port_path.child("hostPort");
                let span = place(port).span();
                pass.duplicate(&HOST_PORT_DUPLICATE, &field, Shown::Str(&shown), span);
            }
        }
    }
}

/// Reports host ports of containers that are not the container's, on the host's network (`validatePodHostNetworkDeps`,
/// since 1.28).
pub(crate) fn check_host_network(pass: &mut Pass<'_>) {
    if pass.at_least(28) {
        check_network(
            pass,
            "hostPort",
            "must match `containerPort` when `hostNetwork` is true",
        );
    }
}

/// The same as it was up to 1.27: at the beginning of the pod's security context, and of the container's port
/// (`validateHostNetwork`).
pub(crate) fn check_host_network_before_1_28(pass: &mut Pass<'_>) {
    if !pass.at_least(28) {
        check_network(
            pass,
            "containerPort",
            "must match `hostPort` when `hostNetwork` is true",
        );
    }
}

fn check_network(pass: &mut Pass<'_>, key: &str, detail: &str) {
    if !pass.host_network() {
        return;
    }
    let spec = pass.spec_path();
    let list = spec.child(ContainerKind::Main.field());
    for (index, container) in items(pass.spec, ContainerKind::Main.field()).enumerate() {
        let at = list.index(index);
        let ports = at.child("ports");
        for (index, port) in items(container, "ports").enumerate() {
            let own = int(port, "containerPort").unwrap_or_default();
            let host = host_port(pass, ContainerKind::Main, port);
            // A template's port that is not defaulted stays zero, and is taken.
            if host == own || (host == 0 && !pass.is_pod() && pass.at_least(28)) {
                continue;
            }
            let port_path = ports.index(index);
            let shown = Shown::Int(if key == "hostPort" { host } else { own });
            pass.invalid(
                &HOST_PORT_DIFFERS,
                &port_path.child(key),
                shown,
                detail,
                place(port).span(),
            );
        }
    }
}
