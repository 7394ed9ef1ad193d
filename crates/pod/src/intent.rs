//! Whether a pod is meant for Windows, and what says so.

use porthole_manifest::{Node, PodTemplate};

use crate::container::containers;
use crate::effective::{Origin, resolve};
use crate::os::OS_LABELS;

/// Labels of nodes that only Windows nodes have.
const WINDOWS_LABELS: [&str; 2] = [
    "node.kubernetes.io/windows-build",
    "cloud.google.com/gke-windows-os-version",
];

/// What says that the pod is meant for Windows: the systems that it requires
/// ([`required_os`](crate::os::required_os)), else a label that only Windows nodes have,
/// else that it is a HostProcess pod, else windows options with contents. Nothing where something says Linux, or where
/// nothing says anything: a pod without a word about its system is not taken for a Windows pod.
pub(crate) fn windows(template: &PodTemplate<'_>, required: &[(String, Origin)]) -> Option<Origin> {
    let spec = template.spec?;
    if let Some((_, origin)) = required.iter().find(|(os, _)| os == "windows") {
        return Some(origin.clone());
    }
    if !required.is_empty() {
        return None;
    }
    let selector = spec.child("nodeSelector");
    let by_label = WINDOWS_LABELS
        .iter()
        .find_map(|label| Some((label, selector.field(label)?)));
    if let Some((label, value)) = by_label {
        return Some(Origin {
            field: format!("{}.nodeSelector[{label}]", template.prefix),
            span: value.span(),
        });
    }
    let all = std::iter::once(None).chain(containers(template).map(Some));
    let effective = all.map(|container| resolve(template, container));
    let mut options = None;
    for effective in effective {
        if let Some(setting) = effective.host_process.filter(|setting| setting.value) {
            return Some(setting.origin());
        }
        options = options
            .or_else(|| effective.run_as_user_name.map(|setting| setting.origin()))
            .or_else(|| {
                effective
                    .gmsa_credential_spec_name
                    .map(|setting| setting.origin())
            })
            .or_else(|| effective.gmsa_credential_spec.map(|setting| setting.origin()));
    }
    options
}

/// Whether the pod says itself, by `spec.os.name`, that it is a Windows pod: then the API server refuses what only Linux
/// has, and nothing more need be said of that.
#[must_use]
pub fn says_windows(template: &PodTemplate<'_>) -> bool {
    let name = template.spec.and_then(|spec| spec.at("os.name"));
    name.and_then(Node::as_str) == Some("windows")
}

/// Whether anything at all steers the pod to certain nodes: a nodeSelector, required node affinity, a node's name, or a
/// RuntimeClass, which may bring a selector of its own.
#[must_use]
pub fn is_steered(template: &PodTemplate<'_>) -> bool {
    let Some(spec) = template.spec else { return false };
    let affinity = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";
    spec.field("nodeName").is_some()
        || spec.field("runtimeClassName").is_some()
        || spec.at(affinity).is_some_and(|affinity| !affinity.is_null())
        || spec
            .child("nodeSelector")
            .entries()
            .any(|entry| !entry.value.is_null())
}

/// Whether the pod asks for a system by a label of nodes, and which label that is.
#[must_use]
pub fn os_selector(template: &PodTemplate<'_>) -> Option<&'static str> {
    let selector = template.spec?.field("nodeSelector")?;
    OS_LABELS
        .into_iter()
        .find(|label| selector.field(label).is_some())
}
