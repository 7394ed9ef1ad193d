//! Hosts in probes and lifecycle hooks.

use porthole_manifest::Node;

use crate::pod_security::offenders::{Offenders, plural};
use crate::pod_security::subject::{Container, Subject};
use crate::pod_security::violation::Violation;
use crate::report::text;
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `baseline`, since version 1.34 of the standards, probes and lifecycle hooks name no `host`: the kubelet
    /// would call any address for the pod, its node's own included. Leave `host` out, and the pod itself is called. A
    /// HostProcess container's address is its node's, so that it needs none either.
    PROBE_HOSTS = "pod-security-probe-hosts";
}

pub(in crate::pod_security) fn check(subject: &Subject<'_>) -> Option<Violation> {
    let mut offenders = Offenders::default();
    for container in subject.containers() {
        for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
            if let Some(probe) = container.node.field(name) {
                check_handler(subject, &container, ("", name), probe, &mut offenders);
            }
        }
        if let Some(lifecycle) = container.node.field("lifecycle") {
            for name in ["postStart", "preStop"] {
                if let Some(hook) = lifecycle.field(name) {
                    check_handler(subject, &container, ("lifecycle.", name), hook, &mut offenders);
                }
            }
        }
    }
    if offenders.is_empty() {
        return None;
    }
    offenders.sort_containers();
    let verb = plural("uses", "use", offenders.count());
    let noun = plural(
        "probe or lifecycle host",
        "probe or lifecycle hosts",
        offenders.value_count(),
    );
    let containers = offenders.containers_text();
    let detail = format!("{containers} {verb} {noun} {}", offenders.values_text());
    let reason = "probe or lifecycle host";
    Some(offenders.violation(&PROBE_HOSTS, "hostProbesAndHostLifecycle", reason, detail))
}

fn check_handler<'a>(
    subject: &Subject<'a>,
    container: &Container<'a>,
    (before, name): (&str, &str),
    handler: Node<'a>,
    offenders: &mut Offenders<'a>,
) {
    for action in ["httpGet", "tcpSocket"] {
        let Some(action_node) = handler.field(action) else {
            continue;
        };
        let host = text(action_node, "host");
        if !host.is_empty() {
            let field = format_args!("{before}{name}.{action}.host");
            let span = action_node.field("host").unwrap_or(action_node).span();
            offenders.container(subject, container, field, span);
            offenders.value(host);
        }
    }
}
