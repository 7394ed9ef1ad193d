//! What the API server warns of in containers, beside its answer (`pkg/api/pod/warnings.go`).

use std::collections::{HashMap, HashSet};

use porthole_manifest::Node;

use super::{ephemeral, resources, security_context};
use crate::container::{ContainerKind, containers};
use crate::path::Path;
use crate::render::go_quote;
use crate::report::{int, items, text};
use crate::rule::rules;
use crate::rules::annotations as pod_annotations;
use crate::rules::host_ports;
use crate::validate::Pass;

rules! { ApiServer:
    /// The annotation `container.seccomp.security.alpha.kubernetes.io/NAME` is of old and does nothing since Kubernetes 1.27:
    /// set `securityContext.seccompProfile`.
    SECCOMP_ANNOTATION = "seccomp-annotation";
    /// The annotation `container.apparmor.security.beta.kubernetes.io/NAME` is of old: set
    /// `securityContext.appArmorProfile`.
    APP_ARMOR_ANNOTATION = "app-armor-annotation";
    /// Memory and ephemeral storage are counted in whole bytes: `128m` is a fraction of a byte, and `128M` or `128Mi` is
    /// meant.
    FRACTIONAL_BYTES = "fractional-bytes";
    /// A variable that is set twice in one container has the later value, and the earlier entry may get lost when the object
    /// is applied. A later value that is made of the earlier one (`$(NAME)`) is meant so.
    ENV_HIDDEN = "env-hidden";
    /// A `hostIP` without a `hostPort` has no effect.
    HOST_IP_WITHOUT_PORT = "host-ip-without-port";
    /// Two ports of a pod that are the same port of its one address: one of them gets the traffic.
    PORT_OVERLAPS = "port-overlaps";
    /// Two ports of a pod have one name: what looks for the name finds the first.
    PORT_NAME_AMBIGUOUS = "port-name-ambiguous";
}

/// A container on the way through the warnings.
struct Visited<'a> {
    kind: ContainerKind,
    index: usize,
    node: Node<'a>,
}

/// The warnings of containers, in the API server's order. They come between those of the pod's annotations and that of a
/// negative grace period.
pub(crate) fn check(pass: &mut Pass<'_>) {
    let knows_ephemeral = ephemeral::are_known(pass);
    let all: Vec<_> = containers(&pass.template)
        .filter(|container| container.kind != ContainerKind::Ephemeral || knows_ephemeral)
        .map(|container| Visited {
            kind: container.kind,
            index: container.index,
            node: container.node,
        })
        .collect();
    let spec = pass.spec_path();
    for container in &all {
        let list = spec.child(container.kind.field());
        let at = list.index(container.index);
        annotations(pass, container.node);
        fractions(pass, &at, container);
        environment(pass, &at.child("env"), container.node);
    }
    if pass.at_least(28) {
        ports(pass, &all);
    }
    if pass.at_least(33) {
        port_names(pass, &all);
    }
}

fn annotations(pass: &mut Pass<'_>, container: Node<'_>) {
    let metadata = pass.template.metadata;
    let Some(annotations) = metadata.and_then(|metadata| metadata.field("annotations")) else {
        return;
    };
    let prefix = pass.template.prefix.strip_suffix("spec").unwrap_or_default();
    let path = format!("{prefix}metadata.annotations");
    let path = Path::root(&path);
    let context = container.child("securityContext");
    let name = text(container, "name");
    let key = format!("{}{name}", pod_annotations::SECCOMP_CONTAINER);
    if context.field("seccompProfile").is_none()
        && pod_annotations::seccomp_field(pass, Some(name)).is_none()
        && let Some(annotation) = annotations.get(&key)
    {
        let age = match pass.options.kubernetes_version.minor() {
            0..23 => "deprecated since v1.19",
            23..25 => "deprecated since v1.19, non-functional in v1.25+",
            25..27 => "deprecated since v1.19, non-functional in a future release",
            _ => "non-functional in v1.27+",
        };
        let field = path.key(&key);
        let warning = format!("{field}: {age}; use the \"seccompProfile\" field instead");
        pass.warn(&SECCOMP_ANNOTATION, &field, warning, annotation.span());
    }
    // The annotations of a Pod are warned of elsewhere, where they are made into fields.
    let has_profile = context.field("appArmorProfile").is_some();
    if pass.is_pod() || has_profile || !security_context::knows_app_armor(pass) {
        return;
    }
    let key = format!("{}{name}", pod_annotations::APP_ARMOR);
    if let Some(annotation) = annotations.get(&key)
        && !is_pods_profile(pass, annotation)
    {
        let field = path.key(&key);
        let warning = format!("{field}: deprecated since v1.30; use the \"appArmorProfile\" field instead");
        pass.warn(&APP_ARMOR_ANNOTATION, &field, warning, annotation.span());
    }
}

/// Whether the pod's own `AppArmor` profile makes up for the annotation: up to 1.33 any, since then one that says the same.
fn is_pods_profile(pass: &Pass<'_>, annotation: Node<'_>) -> bool {
    let Some(profile) = pass.spec.child("securityContext").field("appArmorProfile") else {
        return false;
    };
    if !pass.at_least(34) {
        return true;
    }
    let written = annotation.as_str().unwrap_or_default();
    let (kind, name) = match (written, written.strip_prefix("localhost/")) {
        ("unconfined", _) => ("Unconfined", None),
        ("runtime/default", _) => ("RuntimeDefault", None),
        (_, Some(name)) if !name.is_empty() => ("Localhost", Some(name)),
        _ => return false,
    };
    text(profile, "type") == kind && profile.field("localhostProfile").and_then(Node::as_str) == name
}

/// Memory and ephemeral storage in parts of bytes.
fn fractions(pass: &mut Pass<'_>, at: &Path<'_>, container: &Visited<'_>) {
    let Some(resources) = container.node.field("resources") else {
        return;
    };
    let defaults = pass.is_pod() && container.kind != ContainerKind::Ephemeral;
    let (limits, requests) = resources::limits_and_requests(resources, defaults);
    let at = at.child("resources");
    for resource in ["memory", "ephemeral-storage"] {
        for (key, entries) in [("limits", &limits), ("requests", &requests)] {
            let entry = entries.iter().find(|entry| entry.name == resource);
            let Some(entry) = entry.filter(|entry| !entry.quantity.is_whole()) else {
                continue;
            };
            let list = at.child(key);
            let field = list.key(resource);
            let value = go_quote(&entry.quantity.to_string());
            let warning = format!("{field}: fractional byte value {value} is invalid, must be an integer");
            pass.warn(&FRACTIONAL_BYTES, &field, warning, entry.span);
        }
    }
}

/// Variables that are set twice.
fn environment(pass: &mut Pass<'_>, list: &Path<'_>, container: Node<'_>) {
    let mut seen = HashSet::new();
    for (index, variable) in items(container, "env").enumerate() {
        let name = text(variable, "name");
        if seen.insert(name) {
            continue;
        }
        let at = list.index(index);
        let shown = go_quote(name);
        if !pass.at_least(28) {
            let field = at.child("name");
            let warning = format!("{field}: duplicate name {shown}");
            pass.warn(&ENV_HIDDEN, &field, warning, variable.span());
            continue;
        }
        let value = text(variable, "value");
        let reference = format!("$({name})");
        let extends = value.contains(&reference) && value != reference;
        if extends && variable.field("valueFrom").is_none() {
            continue;
        }
        let hint = if pass.at_least(30) {
            ", which may be dropped when using apply"
        } else {
            ""
        };
        let warning = format!("{at}: hides previous definition of {shown}{hint}");
        pass.warn(&ENV_HIDDEN, &at, warning, variable.span());
    }
}

/// A port that has been seen, and where.
struct Port<'a> {
    field: String,
    host: i64,
    host_ip: &'a str,
}

/// Ports that are one port.
fn ports(pass: &mut Pass<'_>, containers: &[Visited<'_>]) {
    let mut seen: HashMap<(i64, &str), Vec<Port<'_>>> = HashMap::new();
    for_each_port(pass, containers, |pass, at, kind, port| {
        let container = int(port, "containerPort").unwrap_or_default();
        let protocol = Some(text(port, "protocol")).filter(|protocol| !protocol.is_empty());
        let protocol = protocol.unwrap_or("TCP");
        let host_ip = text(port, "hostIP");
        let host = host_ports::host_port(pass, kind, port);
        if !host_ip.is_empty() && host == 0 {
            let warning = format!(
                "{at}: hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{container} \
                 Protocol:{protocol} HostIP:{host_ip}}}",
                text(port, "name")
            );
            pass.warn(&HOST_IP_WITHOUT_PORT, at, warning, port.span());
        }
        let others = seen.entry((container, protocol)).or_default();
        for other in &*others {
            let what = if host_ip == other.host_ip && host == other.host {
                "duplicate"
            } else if host == 0 || other.host == 0 {
                "overlapping"
            } else if host == other.host && host_ip.is_empty() != other.host_ip.is_empty() {
                "dangerously ambiguous"
            } else {
                continue;
            };
            let warning = format!("{at}: {what} port definition with {}", other.field);
            pass.warn(&PORT_OVERLAPS, at, warning, port.span());
        }
        let field = at.to_string();
        others.push(Port { field, host, host_ip });
    });
}

/// Names of ports that are there twice.
fn port_names(pass: &mut Pass<'_>, containers: &[Visited<'_>]) {
    let mut seen: HashMap<&str, String> = HashMap::new();
    for_each_port(pass, containers, |pass, at, _, port| {
        let name = text(port, "name");
        if name.is_empty() {
            return;
        }
        let Some(other) = seen.get(name) else {
            seen.insert(name, at.to_string());
            return;
        };
        let warning = format!(
            "{at}: duplicate port name {} with {other}, services and probes that select ports by name will use {other}",
            go_quote(name)
        );
        pass.warn(&PORT_NAME_AMBIGUOUS, at, warning, port.span());
    });
}

/// Calls `visit` with every port: where it is, where its container's ports are, and itself.
fn for_each_port<'a>(
    pass: &mut Pass<'_>,
    containers: &[Visited<'a>],
    mut visit: impl FnMut(&mut Pass<'_>, &Path<'_>, ContainerKind, Node<'a>),
) {
    let spec = pass.spec_path();
    for container in containers {
        let list = spec.child(container.kind.field());
        let at = list.index(container.index);
        let ports = at.child("ports");
        for (index, port) in items(container.node, "ports").enumerate() {
            visit(pass, &ports.index(index), container.kind, port);
        }
    }
}
