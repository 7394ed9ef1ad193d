//! The ports of nodes that the cluster gives to a service.

use porthole_manifest::Node;

use super::super::SERVICE_PORTS;
use super::{GIVEN_PORT, Spec, shown_port};
use crate::finding::ErrorKind;
use crate::path::Path;
use crate::report::{Report, Shown, items, place};

impl Spec<'_> {
    /// Ports of nodes for a new service (`initNodePorts`).
    pub(super) fn take_node_ports(&mut self, report: &mut Report<'_>, node: Node<'_>, dry: bool) {
        if !self.has_node_ports() {
            return;
        }
        let allocates = self.allocates_node_ports();
        let mut taken: Vec<i64> = Vec::new();
        let mut of_port: Vec<(i64, i64)> = Vec::new();
        for at in 0..self.ports.len() {
            let port = self.ports[at];
            if port.on_node == 0 && !allocates {
                continue;
            }
            let has = of_port
                .iter()
                .find(|(number, node_port)| *number == port.number && *node_port != 0);
            let wanted = match has {
                Some((_, has)) if port.on_node == 0 => {
                    self.ports[at].on_node = *has;
                    continue;
                }
                Some((_, has)) if *has == port.on_node => continue,
                Some(_) => port.on_node,
                None => {
                    let mut later = self.ports.iter();
                    let asked = later.find(|other| other.number == port.number && other.on_node != 0);
                    asked.map_or_else(|| given_port(at, &taken, dry), |other| other.on_node)
                }
            };
            if taken.contains(&wanted) {
                let path = Path::root("spec");
                let (ports, number) = (path.child("ports"), Shown::Int(wanted));
                let span = items(node, "ports")
                    .nth(at)
                    .map_or_else(|| node.span(), |port| place(port, "nodePort"));
                let detail = "provided port is already allocated";
                report.invalid(
                    &SERVICE_PORTS,
                    &ports.index(at).child("nodePort"),
                    number,
                    detail,
                    span,
                );
                return;
            }
            taken.push(wanted);
            if has.is_none() {
                of_port.push((port.number, wanted));
                self.ports[at].on_node = wanted;
            }
        }
    }

    /// `updateNodePorts`.
    pub(super) fn change_node_ports(&mut self, report: &mut Report<'_>, before: &Self, node: Node<'_>) {
        if !self.has_node_ports() {
            return;
        }
        let allocates = self.allocates_node_ports();
        let mut taken = Vec::new();
        let mut seen = Vec::new();
        for (at, port) in self.ports.iter_mut().enumerate() {
            match port.on_node {
                0 if !allocates => continue,
                0 => {
                    port.on_node = given_port(at, &taken, true);
                    taken.push(port.on_node);
                }
                new if !before.uses(new) && !taken.contains(&new) => taken.push(new),
                _ => {}
            }
            let pair = (port.protocol, port.on_node);
            if seen.contains(&pair) {
                let number = shown_port(port.on_node);
                let detail = format!("duplicate nodePort: {{{} {number}}}", port.protocol);
                let path = Path::root("spec");
                let ports = path.child("ports");
                let span = items(node, "ports")
                    .nth(at)
                    .map_or_else(|| node.span(), |port| place(port, "nodePort"));
                let field = ports.index(at);
                let field = field.child("nodePort");
                report.report(&SERVICE_PORTS, ErrorKind::Failed, &field, None, detail, span);
                return;
            }
            seen.push(pair);
        }
    }
}

/// Stands for the port of a node that the cluster gives to the port in that place; a server that is only asked about it gives
/// one after those that are taken.
fn given_port(at: usize, taken: &[i64], dry: bool) -> i64 {
    const LAST: i64 = 32768;
    if dry {
        return taken.iter().max().map_or(LAST, |last| *last.max(&0)) + 1;
    }
    GIVEN_PORT + 1 + i64::try_from(at).unwrap_or_default()
}
