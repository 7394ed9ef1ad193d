//! Fields that the API server takes for a Windows pod, and that do nothing there.

use porthole_manifest::Node;

use crate::finding::{Finding, Severity};
use crate::rule::rules;
use crate::windows_pod::WindowsPod;

rules! { Node:
    /// The field does nothing on a Windows node: what it asks for is a thing of Linux, or Kubernetes has not brought it to
    /// Windows. The pod starts all the same, without it.
    NO_EFFECT_ON_WINDOWS = "no-effect-on-windows";
    /// `emptyDir.medium: Memory` is an ordinary directory on the disk of a Windows node: what is written there stays on the
    /// disk, and takes none of the memory.
    MEMORY_VOLUME_ON_DISK = "memory-volume-on-disk";
}

pub(super) fn check(pod: &WindowsPod<'_>, findings: &mut Vec<Finding>) {
    let mut say = |severity, field: String, node: Node<'_>, text: &str| {
        findings.push(Finding::remark(
            &NO_EFFECT_ON_WINDOWS,
            severity,
            field,
            text,
            node.span(),
        ));
    };
    let policy = pod.spec.field("dnsPolicy");
    if let Some(node) = policy.filter(|node| node.as_str() == Some("ClusterFirstWithHostNet")) {
        let text =
            "dnsPolicy ClusterFirstWithHostNet is not supported on Windows: the pod has the node's resolver";
        say(Severity::Advice, pod.path("dnsPolicy"), node, text);
    }
    let network = pod.spec.field("hostNetwork");
    if let Some(node) = network.filter(|node| node.as_bool() == Some(true) && !pod.is_host_process()) {
        let text = "on Windows only HostProcess pods are on the host's network";
        say(Severity::Advice, pod.path("hostNetwork"), node, text);
    }
    for container in &pod.containers {
        let node = container.node();
        for (index, mount) in node.child("volumeMounts").items().enumerate() {
            let mode = mount.field("mountPropagation");
            if let Some(mode) = mode.filter(|mode| mode.as_str() != Some("None")) {
                let field = format!("{}.volumeMounts[{index}].mountPropagation", container.path());
                say(
                    Severity::Advice,
                    field,
                    mode,
                    "mounts do not propagate on Windows",
                );
            }
        }
        if let Some(devices) = node
            .field("volumeDevices")
            .filter(|node| node.items().next().is_some())
        {
            let field = format!("{}.volumeDevices", container.path());
            say(
                Severity::Warning,
                field,
                devices,
                "Windows nodes have no raw block volumes",
            );
        }
        for kind in ["limits", "requests"] {
            for entry in node.child("resources").child(kind).entries() {
                let name = entry.key.key_text();
                if name.starts_with("hugepages-") {
                    let field = format!("{}.resources.{kind}[{name}]", container.path());
                    say(
                        Severity::Advice,
                        field,
                        entry.value,
                        "Windows nodes have no huge pages",
                    );
                }
            }
        }
    }
    for (index, volume) in pod.spec.child("volumes").items().enumerate() {
        let Some(medium) = volume.child("emptyDir").field("medium") else {
            continue;
        };
        if medium.as_str() == Some("Memory") {
            findings.push(
                Finding::remark(
                    &MEMORY_VOLUME_ON_DISK,
                    Severity::Warning,
                    format!("{}[{index}].emptyDir.medium", pod.path("volumes")),
                    "on a Windows node this volume is on the disk",
                    medium.span(),
                )
                .with_help("keep no secrets in it that must not reach the disk"),
            );
        }
    }
}
