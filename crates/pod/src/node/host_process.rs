//! What a node needs for HostProcess containers, and what they cannot have.

use porthole_manifest::Node;

use super::setup::NodeSetup;
use crate::finding::{Finding, Severity};
use crate::rule::rules;
use crate::windows_pod::WindowsPod;

rules! { Node:
    /// A kubelet starts HostProcess containers where its feature gate `WindowsHostProcessContainers` is on: from 1.23 on by
    /// default. An API server may be newer than the kubelets of its nodes.
    KUBELET_WITHOUT_HOST_PROCESS = "kubelet-without-host-process";
    /// containerd starts HostProcess containers from 1.6 on; an older one takes no notice of the field and starts an ordinary
    /// container.
    CONTAINERD_WITHOUT_HOST_PROCESS = "containerd-without-host-process";
    /// A HostProcess container has no Hyper-V isolation: it is a process of the host. Leave out the RuntimeClass or the
    /// annotation that asks for it.
    HOST_PROCESS_WITH_HYPER_V = "host-process-with-hyper-v";
    /// A HostProcess container has no group-managed service account: the runtime takes no notice of its credential spec. Give
    /// the account to the host, or run the program in an ordinary container.
    HOST_PROCESS_WITH_GMSA = "host-process-with-gmsa";
}

/// Annotations that ask for Hyper-V isolation: the one of Kubernetes up to 1.20, and the runtime's own.
const ISOLATION: &str = "experimental.windows.kubernetes.io/isolation-type";

pub(super) fn check(
    pod: &WindowsPod<'_>,
    setup: &NodeSetup,
    handler: Option<&str>,
    findings: &mut Vec<Finding>,
) {
    let Some(setting) = pod.host_process() else {
        return;
    };
    let kubelet = &setup.kubelet;
    if !kubelet.at_least(26) && !kubelet.enabled("WindowsHostProcessContainers") {
        let text =
            "pod contains HostProcess containers but feature 'WindowsHostProcessContainers' is not enabled";
        let help = format!(
            "the kubelet is {}; its gate is on by default from 1.23 on",
            kubelet.kubernetes_version
        );
        findings.push(
            Finding::remark(
                &KUBELET_WITHOUT_HOST_PROCESS,
                Severity::Error,
                setting.field(),
                text,
                setting.span(),
            )
            .with_help(help),
        );
    }
    if !setup.containerd.has_host_process() {
        let text = format!(
            "containerd {} does not know HostProcess containers: it starts an ordinary one",
            setup.containerd
        );
        findings.push(
            Finding::remark(
                &CONTAINERD_WITHOUT_HOST_PROCESS,
                Severity::Error,
                setting.field(),
                text,
                setting.span(),
            )
            .with_help("update containerd to 1.7 or newer"),
        );
    }
    hyper_v(pod, handler, findings);
    credential_specs(pod, findings);
}

fn hyper_v(pod: &WindowsPod<'_>, handler: Option<&str>, findings: &mut Vec<Finding>) {
    let class = pod.spec.field("runtimeClassName");
    let by_class = class.and_then(|class| {
        let name = handler.or(class.as_str())?;
        is_hyper_v(name).then(|| (pod.path("runtimeClassName"), class, name.to_owned()))
    });
    let by_annotation = pod.annotation(ISOLATION).and_then(|node| {
        let value = node
            .as_str()
            .filter(|value| value.eq_ignore_ascii_case("hyperv"))?;
        let path = pod.template.prefix.strip_suffix("spec").unwrap_or_default();
        Some((
            format!("{path}metadata.annotations[{ISOLATION}]"),
            node,
            value.to_owned(),
        ))
    });
    for (field, node, name) in by_class.into_iter().chain(by_annotation) {
        let text =
            format!("a HostProcess container cannot have the Hyper-V isolation that `{name}` asks for");
        findings.push(
            Finding::remark(
                &HOST_PROCESS_WITH_HYPER_V,
                Severity::Error,
                field,
                text,
                node.span(),
            )
            .with_help("leave it out"),
        );
    }
}

/// Whether a handler or a RuntimeClass is, by its name, one of Hyper-V isolation (containerd's is `runhcs-wcow-hypervisor`).
fn is_hyper_v(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["hypervisor", "hyperv", "hyper-v"]
        .iter()
        .any(|word| name.contains(word))
}

fn credential_specs(pod: &WindowsPod<'_>, findings: &mut Vec<Finding>) {
    let mut seen = Vec::new();
    for container in pod
        .containers
        .iter()
        .filter(|container| container.options.is_host_process())
    {
        let options = &container.options;
        let Some(setting) = options.gmsa_credential_spec_name.or(options.gmsa_credential_spec) else {
            continue;
        };
        if seen.contains(&setting.span()) || setting.node.as_str().is_none_or(str::is_empty) {
            continue;
        }
        seen.push(setting.span());
        findings.push(
            Finding::remark(
                &HOST_PROCESS_WITH_GMSA,
                Severity::Warning,
                setting.field(),
                "a HostProcess container does not get the account of its credential spec",
                setting.span(),
            )
            .with_help("run the program in an ordinary container, or as an account of the host"),
        );
    }
}

/// Whether a path names a pipe of the host.
pub(super) fn is_pipe(path: Node<'_>) -> bool {
    path.as_str().is_some_and(|path| {
        path.replace('/', "\\")
            .to_ascii_lowercase()
            .starts_with(r"\\.\pipe\")
    })
}
