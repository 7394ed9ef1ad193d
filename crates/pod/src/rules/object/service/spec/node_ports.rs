//! The ports of nodes that the cluster gives to a service.

use std::collections::{HashMap, HashSet};

use porthole_manifest::Node;

use super::super::SERVICE_PORTS;
use super::{GIVEN_PORT, Spec, shown_port};
use crate::finding::ErrorKind;
use crate::path::Path;
use crate::report::{Report, Shown, items, place};
use crate::seen::Seen;

impl Spec<'_> {
    /// Ports of nodes for a new service (`initNodePorts`).
    pub(super) fn take_node_ports(&mut self, report: &mut Report<'_>, node: Node<'_>, dry: bool) {
        if !self.has_node_ports() {
            return;
        }
        let allocates = self.allocates_node_ports();
        // Of those for one port the first counts.
        let mut asked: HashMap<i64, i64> = HashMap::new();
        for port in self.ports.iter().filter(|port| port.on_node != 0) {
            asked.entry(port.number).or_insert(port.on_node);
        }
        let mut taken = Taken::default();
        let mut of_port: HashMap<i64, i64> = HashMap::new();
        for at in 0..self.ports.len() {
            let port = self.ports[at];
            if port.on_node == 0 && !allocates {
                continue;
            }
            let has = of_port.get(&port.number).copied();
            let wanted = match has {
                Some(has) if port.on_node == 0 => {
                    self.ports[at].on_node = has;
                    continue;
                }
                Some(has) if has == port.on_node => continue,
                Some(_) => port.on_node,
                None => {
                    let asked = asked.get(&port.number).copied();
                    asked.unwrap_or_else(|| given_port(at, &taken, dry))
                }
            };
            if !taken.insert(wanted) {
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
            if has.is_none() {
                of_port.insert(port.number, wanted);
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
        let had = before.used_node_ports();
        let mut taken = Taken::default();
        let mut seen = Seen::new();
        for (at, port) in self.ports.iter_mut().enumerate() {
            match port.on_node {
                0 if !allocates => continue,
                0 => {
                    port.on_node = given_port(at, &taken, true);
                    taken.insert(port.on_node);
                }
                new if !had.contains(&new) => {
                    taken.insert(new);
                }
                _ => {}
            }
            if !seen.insert((port.protocol, port.on_node)) {
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
        }
    }
}

/// Ports of nodes that are taken.
#[derive(Default)]
struct Taken {
    ports: HashSet<i64>,
    highest: Option<i64>,
}

impl Taken {
    /// Takes a port; whether it was free.
    fn insert(&mut self, port: i64) -> bool {
        self.highest = self.highest.max(Some(port));
        self.ports.insert(port)
    }
}

/// Stands for the port of a node that the cluster gives to the port in that place; a server that is only asked about it gives
/// one after those that are taken.
fn given_port(at: usize, taken: &Taken, dry: bool) -> i64 {
    const LAST: i64 = 32768;
    if dry {
        return taken.highest.map_or(LAST, |last| last.max(0)) + 1;
    }
    GIVEN_PORT + 1 + i64::try_from(at).unwrap_or_default()
}
