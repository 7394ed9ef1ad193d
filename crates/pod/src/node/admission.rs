//! What the kubelet of a Windows node refuses: pods of another system, pod-level resources, the administrator under
//! `runAsNonRoot`.

use super::setup::NodeSetup;
use super::{PodName, admit_requiring, verify_run_as_non_root};
use crate::finding::{Finding, Severity};
use crate::os::OS_LABELS;
use crate::rule::rules;
use crate::windows_pod::WindowsPod;

rules! { Node:
    /// A Windows kubelet takes no pod with `spec.resources`: the pod fails with `pod-level resources are not supported on
    /// Windows`. The API server refuses the field where `spec.os.name` says windows, so that this is met only where a
    /// nodeSelector alone does. Set the limits of the containers.
    POD_RESOURCES_ON_WINDOWS = "pod-resources-at-node";
    /// Every system that a pod asks for is the same: `spec.os.name`, the nodeSelector and the required node affinity. Else no
    /// node takes it and it stays pending.
    OS_CONTRADICTORY = "os-contradictory";
}

pub(super) fn check(pod: &WindowsPod<'_>, setup: &NodeSetup, findings: &mut Vec<Finding>) {
    of_other_os(pod, findings);
    let resources = pod.spec.field("resources");
    let written = resources.filter(|node| node.entries().any(|entry| !entry.value.is_null()));
    if let Some(resources) = written
        && !pod.says_windows()
        && setup.kubelet.at_least(34)
        && setup.kubelet.enabled("PodLevelResources")
    {
        findings.push(
            Finding::remark(
                &POD_RESOURCES_ON_WINDOWS,
                Severity::Error,
                pod.path("resources"),
                "pod-level resources are not supported on Windows",
                resources.span(),
            )
            .with_help("set the limits of the containers")
            .with_related(pod.meant.span, "this says that the pod is meant for Windows"),
        );
    }
    run_as_non_root(pod, setup, findings);
}

/// The node that the pod comes to is of the system that selects it, else of the one that `spec.os.name` says.
fn of_other_os(pod: &WindowsPod<'_>, findings: &mut Vec<Finding>) {
    let by_spec = pod.path("os.name");
    let selecting: Vec<_> = pod
        .required
        .iter()
        .filter(|(_, origin)| origin.field != by_spec)
        .collect();
    if let Some((first, other)) = selecting
        .split_first()
        .and_then(|(first, rest)| Some((first, rest.iter().find(|(os, _)| *os != first.0)?)))
    {
        let text = format!(
            "no node takes the pod: {} asks for {} and {} for {}",
            first.1.field, first.0, other.1.field, other.0
        );
        findings.push(
            Finding::remark(
                &OS_CONTRADICTORY,
                Severity::Error,
                &other.1.field,
                text,
                other.1.span,
            )
            .with_related(first.1.span, format!("this asks for {}", first.0)),
        );
        return;
    }
    let os = selecting.first().map_or(
        "windows",
        |(os, _)| if os == "linux" { "linux" } else { os.as_str() },
    );
    let Some(refusal) = admit_requiring(&pod.template, &pod.required, os) else {
        return;
    };
    let Some(origin) = refusal.origin else { return };
    let mut finding = Finding::remark(
        refusal.rule,
        Severity::Error,
        origin.field,
        format!("{}: {}", refusal.reason, refusal.message),
        origin.span,
    );
    if let Some((os, selector)) = selecting.first() {
        finding = finding.with_related(selector.span, format!("this brings the pod to a {os} node"));
    } else {
        finding.help = Some(format!(
            "a Windows node has the label `{}: windows`",
            OS_LABELS[0]
        ));
    }
    findings.push(finding);
}

/// `runAsNonRoot` against the name of the container administrator.
fn run_as_non_root(pod: &WindowsPod<'_>, setup: &NodeSetup, findings: &mut Vec<Finding>) {
    // The UID is the API server's to give, and a workload's pods have names of their own.
    let name = PodName {
        name: pod.template.name.unwrap_or_default(),
        namespace: pod.template.namespace.unwrap_or("default"),
        uid: "<uid>",
    };
    for container in &pod.containers {
        let Some(refusal) = verify_run_as_non_root(&pod.template, container.container, None, name) else {
            continue;
        };
        let Some(user) = container.options.run_as_user_name else {
            continue;
        };
        let exact = user.value == "ContainerAdministrator";
        // CVE-2021-25749: up to 1.22.13, 1.23.10 and 1.24.4 another case passed.
        let patched = exact || setup.kubelet.at_least(25);
        let severity = if patched {
            Severity::Error
        } else {
            Severity::Warning
        };
        let mut finding = Finding::remark(
            refusal.rule,
            severity,
            user.field(),
            format!("{}: {}", refusal.reason, refusal.message),
            user.span(),
        )
        .with_help("name another account, such as ContainerUser");
        if !patched {
            finding.help = Some(
                "kubelets before 1.22.14, 1.23.11 and 1.24.5 let another case of the name pass (CVE-2021-25749)"
                    .to_owned(),
            );
        }
        if let Some(setting) = container.options.run_as_non_root {
            finding = finding.with_related(setting.node.span(), "runAsNonRoot is asked for here");
        }
        findings.push(finding);
    }
}
