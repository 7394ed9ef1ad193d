//! The fields of a service that the cluster fills in: what becomes of them when it is created and when it is changed
//! (`pkg/registry/core/service/storage` and `strategy.go`).

mod node_ports;

use std::collections::{HashMap, HashSet};

use porthole_manifest::Node;

use super::addresses::{self, SERVICE_ADDRESSES};
use crate::ip;
use crate::path::Path;
use crate::report::{Report, Shown, has_items, int, items, place, some_text, text, texts};

pub(super) const CLUSTER_IP: &str = "ClusterIP";
pub(super) const EXTERNAL_NAME: &str = "ExternalName";
pub(super) const LOAD_BALANCER: &str = "LoadBalancer";
pub(super) const NODE_PORT: &str = "NodePort";
pub(super) const PREFER: &str = "PreferDualStack";
pub(super) const REQUIRE: &str = "RequireDualStack";
pub(super) const SINGLE: &str = "SingleStack";

/// The address of a service without one.
pub(super) const NONE: &str = "None";
/// Stands for the addresses that the cluster gives, which nobody knows before.
const GIVEN: [(&str, &str); 2] = [("IPv4", "0.0.0.0"), ("IPv6", "::")];

/// Stands for the port of a health check that the cluster gives; the numbers after it for ports of nodes.
pub(super) const GIVEN_PORT: i64 = i64::MIN;

/// A service's spec as the API server has it, as far as it fills it in.
#[derive(Clone, Debug)]
pub(super) struct Spec<'n> {
    pub(super) kind: &'n str,
    pub(super) cluster_ip: &'n str,
    pub(super) cluster_ips: Vec<&'n str>,
    pub(super) families: Vec<&'n str>,
    pub(super) policy: Option<&'n str>,
    pub(super) ports: Vec<Port<'n>>,
    pub(super) health_port: i64,
    /// `externalTrafficPolicy`.
    pub(super) external: &'n str,
    /// `internalTrafficPolicy`.
    pub(super) internal: Option<&'n str>,
    /// `allocateLoadBalancerNodePorts`.
    pub(super) allocates: Option<bool>,
    /// `loadBalancerClass`.
    pub(super) class: Option<&'n str>,
    selects: bool,
    has_external_addresses: bool,
}

/// A port of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port<'n> {
    name: &'n str,
    pub(super) protocol: &'n str,
    pub(super) number: i64,
    /// `nodePort`: 0 where there is none.
    pub(super) on_node: i64,
}

impl<'n> Spec<'n> {
    /// What a manifest says.
    fn of(spec: Node<'n>) -> Self {
        let ports = items(spec, "ports").map(|port| Port {
            name: text(port, "name"),
            protocol: match text(port, "protocol") {
                "" => "TCP",
                protocol => protocol,
            },
            number: int(port, "port").unwrap_or_default(),
            on_node: int(port, "nodePort").unwrap_or_default(),
        });
        Self {
            kind: text(spec, "type"),
            cluster_ip: text(spec, "clusterIP"),
            cluster_ips: texts(spec, "clusterIPs"),
            families: texts(spec, "ipFamilies"),
            policy: some_text(spec, "ipFamilyPolicy"),
            ports: ports.collect(),
            health_port: int(spec, "healthCheckNodePort").unwrap_or_default(),
            external: text(spec, "externalTrafficPolicy"),
            internal: some_text(spec, "internalTrafficPolicy"),
            allocates: spec
                .field("allocateLoadBalancerNodePorts")
                .and_then(Node::as_bool),
            class: some_text(spec, "loadBalancerClass"),
            selects: spec
                .field("selector")
                .is_some_and(|selector| selector.entries().next().is_some()),
            has_external_addresses: has_items(spec, "externalIPs"),
        }
    }

    /// The spec of a new service. What the cluster does not give it is reported.
    pub(super) fn created(report: &mut Report<'_>, object: Node<'n>) -> Self {
        Self::made(report, object, true)
    }

    /// `dry` is whether it is asked about only: the server gives ports then beyond those that there are.
    fn made(report: &mut Report<'_>, object: Node<'n>, dry: bool) -> Self {
        let node = object.child("spec");
        let mut spec = Self::of(node);
        spec.fill_in(report);
        if !spec.cluster_ip.is_empty() && spec.cluster_ips.is_empty() {
            spec.cluster_ips.push(spec.cluster_ip);
        }
        spec.settle_families(report, None, node);
        if report.count() > 0 {
            return spec;
        }
        spec.take_addresses();
        spec.take_node_ports(report, node, dry);
        if spec.needs_health_check() && spec.health_port == 0 {
            spec.health_port = GIVEN_PORT;
        }
        spec
    }

    /// What is stored of a service that was taken. `like` is anything of the same server.
    pub(super) fn stored(like: &Report<'_>, object: Node<'n>) -> Self {
        let mut spec = Self::made(&mut Report::new(like.options), object, false);
        // That of a service without a place in the cluster is not read.
        if spec.kind == EXTERNAL_NAME {
            spec.internal = None;
        }
        spec
    }

    /// The spec that takes the place of `before`, that of `old`, when `new` is applied. What the cluster does not give it is
    /// reported.
    pub(super) fn changed(report: &mut Report<'_>, before: &Self, old: Node<'_>, new: Node<'n>) -> Self {
        let node = new.child("spec");
        let mut spec = before.patched(old, new);
        spec.fill_in(report);
        spec.keep_allocated(report, before);
        spec.match_addresses(before);
        spec.settle_families(report, Some(before), node);
        if report.count() > 0 {
            return spec;
        }
        spec.change_addresses(before);
        spec.change_node_ports(report, before, node);
        if spec.needs_health_check() && spec.health_port == 0 {
            spec.health_port = GIVEN_PORT;
        }
        spec.drop_of_type(report, before);
        spec
    }

    /// This with what a manifest changes of it.
    fn patched(&self, old: Node<'_>, new: Node<'n>) -> Self {
        let (old, node) = (old.child("spec"), new.child("spec"));
        let said = Self::of(node);
        if old.is_written() && !node.is_written() {
            return said;
        }
        let same = |key: &str| old.get(key).map(Node::to_json) == node.get(key).map(Node::to_json);
        macro_rules! stays {
            ($($field:ident: $key:literal),* $(,)?) => {
                Self {
                    $($field: if same($key) { self.$field.clone() } else { said.$field },)*
                    selects: said.selects,
                    has_external_addresses: said.has_external_addresses,
                }
            };
        }
        stays! {
            kind: "type",
            cluster_ip: "clusterIP",
            cluster_ips: "clusterIPs",
            families: "ipFamilies",
            policy: "ipFamilyPolicy",
            ports: "ports",
            health_port: "healthCheckNodePort",
            external: "externalTrafficPolicy",
            internal: "internalTrafficPolicy",
            allocates: "allocateLoadBalancerNodePorts",
            class: "loadBalancerClass",
        }
    }

    /// `SetDefaults_Service`.
    fn fill_in(&mut self, report: &Report<'_>) {
        if self.kind.is_empty() {
            self.kind = CLUSTER_IP;
        }
        if self.is_external(report) && self.external.is_empty() {
            self.external = "Cluster";
        }
        let has_traffic = [CLUSTER_IP, NODE_PORT, LOAD_BALANCER].contains(&self.kind);
        if has_traffic && self.internal.is_none() {
            self.internal = Some("Cluster");
        }
        if self.kind == LOAD_BALANCER {
            self.allocates.get_or_insert(true);
        }
    }

    /// Whether it is without an address of its own (`isHeadlessService`).
    pub(super) fn is_headless(&self) -> bool {
        self.cluster_ips == [NONE]
    }

    /// Whether it can be reached from outside of the cluster (`ExternallyAccessible`).
    pub(super) fn is_external(&self, report: &Report<'_>) -> bool {
        self.has_node_ports() || self.kind == CLUSTER_IP && self.has_external_addresses && report.at_least(29)
    }

    pub(super) fn needs_health_check(&self) -> bool {
        self.kind == LOAD_BALANCER && self.external == "Local"
    }

    fn has_addresses(&self) -> bool {
        self.kind != EXTERNAL_NAME
    }

    fn has_node_ports(&self) -> bool {
        matches!(self.kind, NODE_PORT | LOAD_BALANCER)
    }

    /// Whether the cluster gives ports of nodes (`shouldAllocateNodePorts`).
    fn allocates_node_ports(&self) -> bool {
        self.kind == NODE_PORT || self.kind == LOAD_BALANCER && self.allocates != Some(false)
    }

    /// `patchAllocatedValues`.
    fn keep_allocated(&mut self, report: &Report<'_>, before: &Self) {
        if before.has_addresses() && self.has_addresses() {
            if self.cluster_ip.is_empty() {
                self.cluster_ip = before.cluster_ip;
            }
            if self.cluster_ips.is_empty() {
                self.cluster_ips.clone_from(&before.cluster_ips);
            }
        }
        // Since 1.30 a load balancer without ports of nodes does not get back those that it had.
        let needs = |spec: &Self| {
            if report.at_least(30) {
                spec.allocates_node_ports()
            } else {
                spec.has_node_ports()
            }
        };
        if needs(before) && needs(self) {
            let used = self.used_node_ports();
            // Of those of one name the last counts.
            let named: HashMap<&str, i64> = before.ports.iter().map(|old| (old.name, old.on_node)).collect();
            for port in self.ports.iter_mut().filter(|port| port.on_node == 0) {
                let was = named.get(port.name).copied().unwrap_or_default();
                if !used.contains(&was) {
                    port.on_node = was;
                }
            }
        }
        if before.needs_health_check() && self.needs_health_check() && self.health_port == 0 {
            self.health_port = before.health_port;
        }
    }

    /// The address alone and the list of them say the same (`normalizeClusterIPs`).
    fn match_addresses(&mut self, before: &Self) {
        if self.cluster_ips.is_empty() && self.cluster_ip == before.cluster_ip {
            self.cluster_ips.clone_from(&before.cluster_ips);
        }
        if self.cluster_ip == before.cluster_ip || self.cluster_ips != before.cluster_ips {
            return;
        }
        self.cluster_ips.clear();
        if before.cluster_ip.is_empty() || !self.cluster_ip.is_empty() {
            self.cluster_ips.push(self.cluster_ip);
        }
    }

    /// The families of its addresses (`initIPFamilyFields`). Which of them the cluster has is not known.
    fn settle_families(&mut self, report: &mut Report<'_>, before: Option<&Self>, node: Node<'_>) {
        if !self.has_addresses() || before.is_some_and(|before| self.prefers_the_same(before)) {
            return;
        }
        let unselected = self.cluster_ip == NONE && !self.selects;
        if self.policy.is_none() {
            let was = before.and_then(|before| before.policy);
            self.policy = was.or(Some(if unselected { REQUIRE } else { SINGLE }));
        }
        addresses::check(report, self, before, node);
        if report.count() > 0 {
            return;
        }
        let path = Path::root("spec");
        let field = path.child("ipFamilyPolicy");
        let span = place(node, "ipFamilyPolicy");
        let policy = self.policy.unwrap_or_default();
        let mut refuse = |detail: &str| {
            report.invalid(&SERVICE_ADDRESSES, &field, Shown::Named(policy), detail, span);
        };
        let single = policy == SINGLE;
        if let Some(before) = before {
            if single {
                if self.cluster_ips == before.cluster_ips {
                    self.cluster_ips.truncate(1);
                }
                if self.families == before.families {
                    self.families.truncate(1);
                }
            } else {
                let fewer = |now: &[&str], was: &[&str]| !now.is_empty() && now.len() < was.len();
                if fewer(&self.cluster_ips, &before.cluster_ips) {
                    refuse("must be 'SingleStack' to release the secondary cluster IP");
                }
                if fewer(&self.families, &before.families) {
                    refuse("must be 'SingleStack' to release the secondary IP family");
                }
            }
        }
        if single {
            if self.cluster_ips.len() == 2 {
                refuse(
                    "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified",
                );
            }
            if self.families.len() == 2 {
                refuse(
                    "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
                );
            }
        }
        if report.count() > 0 {
            return;
        }
        for address in self.cluster_ips.iter().skip(self.families.len()) {
            if *address == NONE {
                break;
            }
            self.families.push(ip::family(address));
        }
        if self.families.is_empty() {
            self.families.push("IPv4");
        }
        // Where both are preferred the cluster may have one only.
        if self.families.len() == 1 && (policy == REQUIRE || unselected && !single) {
            self.families.push(other_family(self.families[0]));
        }
    }

    /// `isMatchingPreferDualStackClusterIPFields`.
    fn prefers_the_same(&self, before: &Self) -> bool {
        self.policy == Some(PREFER)
            && before.policy.is_none_or(|policy| policy == PREFER)
            && self.kind == before.kind
            && (self.has_node_ports() || self.kind == CLUSTER_IP)
            && self.cluster_ips == before.cluster_ips
            && self.families == before.families
    }

    /// An address for each family that has none (`allocClusterIPs`).
    fn take_addresses(&mut self) {
        if !self.has_addresses() || self.cluster_ips.first() == Some(&NONE) {
            return;
        }
        for family in self.families.iter().skip(self.cluster_ips.len()) {
            self.cluster_ips.push(given(family));
        }
        if let Some(first) = self.cluster_ips.first() {
            self.cluster_ip = first;
        }
    }

    /// `updateClusterIPs`.
    fn change_addresses(&mut self, before: &Self) {
        if self.prefers_the_same(before) {
            return;
        }
        if !before.has_addresses() && self.has_addresses() {
            self.take_addresses();
            return;
        }
        let upgrades = before.families.len() == 1 && self.families.len() == 2;
        if before.cluster_ips.first() != Some(&NONE)
            && self.has_addresses()
            && upgrades
            && self.cluster_ips.len() < 2
        {
            self.cluster_ips.push(given(self.families[1]));
        }
    }

    /// What the new type has no use for goes, where it is as it was (`dropTypeDependentFields`).
    fn drop_of_type(&mut self, report: &Report<'_>, before: &Self) {
        if before.has_addresses() && !self.has_addresses() {
            if self.cluster_ip == before.cluster_ip && self.cluster_ips == before.cluster_ips {
                self.cluster_ip = "";
                self.cluster_ips.clear();
            }
            if self.families == before.families {
                self.families.clear();
            }
            if self.policy == before.policy {
                self.policy = None;
            }
        }
        if before.has_node_ports()
            && !self.has_node_ports()
            && self.used_node_ports().is_subset(&before.used_node_ports())
        {
            for port in &mut self.ports {
                port.on_node = 0;
            }
        }
        if before.needs_health_check() && !self.needs_health_check() && self.health_port == before.health_port
        {
            self.health_port = 0;
        }
        if before.kind == LOAD_BALANCER && self.kind != LOAD_BALANCER {
            if self.allocates == before.allocates {
                self.allocates = None;
            }
            if self.class == before.class {
                self.class = None;
            }
        }
        if before.is_external(report) && !self.is_external(report) && self.external == before.external {
            self.external = "";
        }
    }

    fn used_node_ports(&self) -> HashSet<i64> {
        let ports = self.ports.iter().map(|port| port.on_node);
        ports.filter(|port| *port != 0).collect()
    }
}

fn other_family(family: &str) -> &'static str {
    if family == "IPv4" { "IPv6" } else { "IPv4" }
}

/// Stands for the address of that family that the cluster gives.
fn given(family: &str) -> &'static str {
    let [four, six] = GIVEN;
    if family == six.0 { six.1 } else { four.1 }
}

/// The number of a port of a node, which is 0 where it is not known.
pub(super) fn shown_port(node_port: i64) -> i64 {
    i32::try_from(node_port).unwrap_or_default().into()
}
