//! Ports of pods on the host's network.

use crate::finding::{Finding, Severity};
use crate::rule::rules;
use crate::windows_pod::WindowsPod;

rules! { Advice:
    /// A HostProcess pod is on the host's network, where each `containerPort` becomes a `hostPort` of the node. Two pods with one
    /// of them do not run on the same node: of several replicas some may stay pending. Pod Security `baseline` counts them as
    /// host ports too.
    HOST_PROCESS_PORTS = "host-process-ports";
}

pub(super) fn check(pod: &WindowsPod<'_>, findings: &mut Vec<Finding>) {
    let replicas = pod.template.replicas();
    if !pod.is_host_process() || replicas < 2 {
        return;
    }
    for container in &pod.containers {
        let Some(port) = container.node().child("ports").items().next() else {
            continue;
        };
        let Some(number) = port.field("containerPort") else {
            continue;
        };
        let text = format!(
            "port {} is a port of the node: {replicas} replicas need as many nodes",
            number.text().unwrap_or_default()
        );
        let field = format!("{}.ports[0].containerPort", container.path());
        findings.push(
            Finding::remark(&HOST_PROCESS_PORTS, Severity::Advice, field, text, number.span())
                .with_help("a DaemonSet runs one pod on each node"),
        );
        return;
    }
}
