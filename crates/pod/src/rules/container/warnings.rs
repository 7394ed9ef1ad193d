//! What the API server warns of in containers, beside its answer (`pkg/api/pod/warnings.go`).

use std::collections::HashMap;

use porthole_manifest::Node;

use super::{ephemeral, resources, security_context};
use crate::container::{ContainerKind, containers};
use crate::path::Path;
use crate::render::go_quote;
use crate::report::{int, items, text};
use crate::rule::{Rule, rules};
use crate::rules::annotations as pod_annotations;
use crate::rules::host_ports;
use crate::seen::Seen;
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
    let path = || format!("{prefix}metadata.annotations");
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
        let path = path();
        let path = Path::root(&path);
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
        let path = path();
        let path = Path::root(&path);
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
    let is_filled = container.kind != ContainerKind::Ephemeral;
    let (limits, requests) = resources::of_container(pass, container.node, is_filled);
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
    let mut seen = Seen::new();
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

/// A port of a container, and where it stands.
#[derive(Clone, Copy)]
struct Port<'a> {
    kind: ContainerKind,
    container: usize,
    index: usize,
    node: Node<'a>,
}

impl Port<'_> {
    /// Its path below that of the pod spec: written only where there is something to say.
    fn field(&self, spec: &str) -> String {
        let list = self.kind.field();
        format!("{spec}.{list}[{}].ports[{}]", self.container, self.index)
    }

    fn warn(&self, pass: &mut Pass<'_>, rule: &'static Rule, what: &str) {
        let field = self.field(pass.template.prefix);
        let warning = format!("{field}: {what}");
        pass.warn(rule, &Path::root(&field), warning, self.node.span());
    }
}

/// The ports of the containers, in their order.
fn ports_of<'a>(containers: &[Visited<'a>]) -> impl Iterator<Item = Port<'a>> {
    containers.iter().flat_map(|container| {
        let ports = items(container.node, "ports").enumerate();
        ports.map(|(index, node)| Port {
            kind: container.kind,
            container: container.index,
            index,
            node,
        })
    })
}

/// A port that has been seen, with what it comes to.
struct Known<'a> {
    port: Port<'a>,
    host: i64,
    host_ip: &'a str,
}

/// Ports that are one port.
fn ports(pass: &mut Pass<'_>, containers: &[Visited<'_>]) {
    let mut seen: HashMap<(i64, &str), Vec<Known<'_>>> = HashMap::new();
    for port in ports_of(containers) {
        let container = int(port.node, "containerPort").unwrap_or_default();
        let protocol = Some(text(port.node, "protocol")).filter(|protocol| !protocol.is_empty());
        let protocol = protocol.unwrap_or("TCP");
        let host_ip = text(port.node, "hostIP");
        let host = host_ports::host_port(pass, port.kind, port.node);
        if !host_ip.is_empty() && host == 0 {
            let what = format!(
                "hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{container} Protocol:{protocol} \
                 HostIP:{host_ip}}}",
                text(port.node, "name")
            );
            port.warn(pass, &HOST_IP_WITHOUT_PORT, &what);
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
            let other = other.port.field(pass.template.prefix);
            port.warn(
                pass,
                &PORT_OVERLAPS,
                &format!("{what} port definition with {other}"),
            );
        }
        others.push(Known { port, host, host_ip });
    }
}

/// Names of ports that are there twice.
fn port_names(pass: &mut Pass<'_>, containers: &[Visited<'_>]) {
    let mut seen: HashMap<&str, Port<'_>> = HashMap::new();
    for port in ports_of(containers) {
        let name = text(port.node, "name");
        if name.is_empty() {
            continue;
        }
        let Some(other) = seen.get(name) else {
            seen.insert(name, port);
            continue;
        };
        let other = other.field(pass.template.prefix);
        let what = format!(
            "duplicate port name {} with {other}, services and probes that select ports by name will use {other}",
            go_quote(name)
        );
        port.warn(pass, &PORT_NAME_AMBIGUOUS, &what);
    }
}
