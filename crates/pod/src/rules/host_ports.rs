//! Host ports, and what the host's network makes of them.
//!
//! Before validation a Pod on the host's network gets `hostPort` from `containerPort` for each port of its containers and
//! init containers that has none. A template of another workload gets none since 1.28.

use std::collections::HashSet;

use porthole_manifest::{Node, WorkloadKind};

use crate::container::{ContainerKind, ContainerRef, containers_of};
use crate::finding::ErrorKind;
use crate::path::Path;
use crate::render::go_quote;
use crate::report::Shown;
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// With `hostNetwork: true` a container's port is the host's port: `hostPort`, where it is set, is `containerPort`.
    HOST_PORT_DIFFERS = "host-port-differs";
    /// One host port of one address and protocol is taken once a pod. With `hostNetwork: true` every port of a Pod is a
    /// host port, so that two HostProcess containers cannot both declare port 80.
    HOST_PORT_DUPLICATE = "host-port-duplicate";
}

/// A port of a container, defaults filled in.
struct Port<'a> {
    node: Node<'a>,
    host: i64,
    container: i64,
}

impl<'a> Port<'a> {
    fn read(pass: &Pass<'_>, kind: ContainerKind, node: Node<'a>) -> Self {
        let number = |key| node.field(key).and_then(Node::as_i64).unwrap_or_default();
        let container = number("containerPort");
        let defaulted = pass.template.kind == WorkloadKind::Pod
            && kind != ContainerKind::Ephemeral
            && pass.host_network();
        let host = match number("hostPort") {
            0 if defaulted => container,
            host => host,
        };
        Self {
            node,
            host,
            container,
        }
    }

    /// The place of the host port, or of what it comes from.
    fn place(&self) -> Node<'a> {
        self.node
            .field("hostPort")
            .or_else(|| self.node.field("containerPort"))
            .unwrap_or(self.node)
    }

    /// What may be there once.
    fn key(&self) -> String {
        let text = |key| self.node.field(key).and_then(Node::as_str);
        // An unset protocol is defaulted to TCP, an empty one as well.
        let protocol = text("protocol")
            .filter(|protocol| !protocol.is_empty())
            .unwrap_or("TCP");
        format!("{protocol}/{}/{}", text("hostIP").unwrap_or_default(), self.host)
    }
}

fn ports<'a>(container: &ContainerRef<'a>) -> impl Iterator<Item = (usize, Node<'a>)> + use<'a> {
    container
        .node
        .field("ports")
        .into_iter()
        .flat_map(Node::items)
        .enumerate()
}

/// Reports host ports that several of `containers` take. Init containers run one by one and are asked one by one; the API
/// server then numbers each as the first.
pub(crate) fn check_duplicates(pass: &mut Pass<'_>, kind: ContainerKind, containers: &[ContainerRef<'_>]) {
    let mut taken = HashSet::new();
    let spec = Path::root(pass.template.prefix);
    let list = spec.child(kind.field());
    for (place, container) in containers.iter().enumerate() {
        for (index, node) in ports(container) {
            let port = Port::read(pass, kind, node);
            if port.host == 0 {
                continue;
            }
            let key = port.key();
            if taken.contains(&key) {
                let at = list.index(place);
                let ports = at.child("ports");
                let port_path = ports.index(index);
                let value = Some(go_quote(&key));
                let field = port_path.child("hostPort");
                pass.report(
                    &HOST_PORT_DUPLICATE,
                    ErrorKind::Duplicate,
                    &field,
                    value,
                    "",
                    port.place().span(),
                );
            } else {
                taken.insert(key);
            }
        }
    }
}

/// Reports host ports of `containers` that are not the container's, on the host's network.
pub(crate) fn check_host_network(pass: &mut Pass<'_>) {
    if !pass.host_network() {
        return;
    }
    let template = pass.template;
    let spec = Path::root(template.prefix);
    let list = spec.child(ContainerKind::Main.field());
    for container in containers_of(&template, ContainerKind::Main) {
        for (index, node) in ports(&container) {
            let port = Port::read(pass, ContainerKind::Main, node);
            // A template's unset port stays zero, and is taken.
            if port.host == port.container || (port.host == 0 && template.kind != WorkloadKind::Pod) {
                continue;
            }
            let at = list.index(container.index);
            let ports = at.child("ports");
            let port_path = ports.index(index);
            let detail = "must match `containerPort` when `hostNetwork` is true";
            let field = port_path.child("hostPort");
            pass.invalid(
                &HOST_PORT_DIFFERS,
                &field,
                Shown::Int(port.host),
                detail,
                port.place().span(),
            );
        }
    }
}
