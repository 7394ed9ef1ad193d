//! The host's namespaces and ports.

use std::collections::BTreeSet;

use crate::container::ContainerKind;
use crate::pod_security::offenders::{Offenders, plural, span_or};
use crate::pod_security::subject::Subject;
use crate::pod_security::violation::Violation;
use crate::report::{int, items};
use crate::rule::rules;

rules! { PodSecurity:
    /// At the level `baseline` pods share neither network nor processes nor inter-process communication with the host.
    /// HostProcess pods must be on the host's network: their namespace needs the level `privileged`, or an exemption.
    HOST_NAMESPACES = "pod-security-host-namespaces";
    /// At the level `baseline` containers take no ports of the host. On the host's network (`hostNetwork: true`) every port
    /// that a container of a Pod declares is one of the host, written as `hostPort` or not.
    HOST_PORTS = "pod-security-host-ports";
}

pub(in crate::pod_security) fn check_namespaces(subject: &Subject<'_>) -> Option<Violation> {
    let shared = |key: &&str| subject.is_true(key);
    let keys = ["hostNetwork", "hostPID", "hostIPC"];
    if !keys.iter().any(shared) {
        return None;
    }
    let mut offenders = Offenders::default();
    let mut details = Vec::new();
    for key in keys.into_iter().filter(|key| shared(key)) {
        let spec = subject.spec?;
        offenders.place(subject, key, span_or(spec.field(key), spec));
        details.push(format!("{key}=true"));
    }
    let reason = "host namespaces";
    Some(offenders.violation(&HOST_NAMESPACES, "hostNamespaces", reason, details.join(", ")))
}

pub(in crate::pod_security) fn check_ports(subject: &Subject<'_>) -> Option<Violation> {
    let defaults = subject.defaults_host_ports();
    let mut offenders = Offenders::default();
    // Sorted as texts: 10 comes before 9.
    let mut taken = BTreeSet::new();
    for container in subject.containers() {
        for (index, port) in items(container.node, "ports").enumerate() {
            let written = int(port, "hostPort").unwrap_or_default();
            let (key, number) = if written == 0 && defaults && container.kind != ContainerKind::Ephemeral {
                ("containerPort", int(port, "containerPort").unwrap_or_default())
            } else {
                ("hostPort", written)
            };
            if number == 0 {
                continue;
            }
            let span = span_or(port.field(key), port);
            offenders.container(subject, &container, format_args!("ports[{index}].hostPort"), span);
            taken.insert(number.to_string());
        }
    }
    if offenders.is_empty() {
        return None;
    }
    let verb = plural("uses", "use", offenders.count());
    let noun = plural("hostPort", "hostPorts", taken.len());
    let ports = taken.into_iter().collect::<Vec<_>>().join(", ");
    let detail = format!("{} {verb} {noun} {ports}", offenders.containers_text());
    Some(offenders.violation(&HOST_PORTS, "hostPorts", "hostPort", detail))
}
