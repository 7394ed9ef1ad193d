//! What the node does with a pod that the API server took.

mod accounts;
mod admission;
mod check;
mod commands;
mod host_process;
mod mounts;
mod setup;
mod without_effect;

use std::fmt;

use porthole_manifest::{Node, PodTemplate};

use crate::container::{ContainerRef, containers};
use crate::effective::{Origin, resolve};
use crate::os;
use crate::rule::{Rule, rules};

pub(crate) use check::all_rules;
pub use check::check;
pub use setup::{Containerd, ContainerdError, NodeSetup};

rules! { Node:
    /// The label `kubernetes.io/os` of a pod, where it has one, is the node's: the kubelet fails the pod otherwise.
    POD_LABEL_OF_OTHER_OS = "pod-label-of-other-os";
    /// `spec.os.name` is the node's system: the kubelet fails the pod otherwise. The field does not steer scheduling; a
    /// nodeSelector `kubernetes.io/os` does.
    POD_OF_OTHER_OS = "pod-of-other-os";
    /// The nodeSelector and the required node affinity of a pod take the node.
    NODE_SELECTOR_OF_OTHER_OS = "node-selector-of-other-os";
    /// The kubelet makes no sandbox for a pod that is HostProcess in part, that is not on the host's network, or that says
    /// it is not HostProcess and has such containers.
    SANDBOX_REFUSED = "sandbox-refused";
    /// Under `runAsNonRoot: true` a Windows container does not run as `ContainerAdministrator`. The kubelet looks at that
    /// name only: `NT AUTHORITY\SYSTEM` passes.
    RUN_AS_NON_ROOT_ADMINISTRATOR = "run-as-non-root-administrator";
}

/// Why the node does not run a pod or a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRefusal {
    /// The rule.
    pub rule: &'static Rule,
    /// The reason in the pod's status.
    pub reason: &'static str,
    /// The message in the pod's status or events.
    pub message: String,
    /// The field that decided, where there is one.
    pub origin: Option<Origin>,
}

impl fmt::Display for NodeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

/// Whether a pod's containers are HostProcess containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostProcess {
    /// All are.
    All,
    /// None is.
    None,
    /// Some are, which neither the API server nor the kubelet takes.
    Mixed,
}

/// Whether the pod as a whole is a HostProcess pod. One without containers is what the pod's own field says.
#[must_use]
pub fn host_process(template: &PodTemplate<'_>) -> HostProcess {
    let mut all = containers(template).map(|container| resolve(template, Some(container)).is_host_process());
    let first = all
        .next()
        .unwrap_or_else(|| resolve(template, None).is_host_process());
    if !all.all(|other| other == first) {
        return HostProcess::Mixed;
    }
    if first {
        HostProcess::All
    } else {
        HostProcess::None
    }
}

/// Why a node of `os` (`linux` or `windows`, as Go names systems) does not admit the pod, as far as its system goes.
#[must_use]
pub fn admit(template: &PodTemplate<'_>, os: &str) -> Option<NodeRefusal> {
    admit_requiring(template, &os::required_os(template), os)
}

/// The same of a pod of which it is known what systems it requires.
fn admit_requiring(
    template: &PodTemplate<'_>,
    required: &[(String, Origin)],
    os: &str,
) -> Option<NodeRefusal> {
    let label = template
        .metadata
        .and_then(|metadata| metadata.field("labels")?.field("kubernetes.io/os"));
    if let Some(label) = label.filter(|label| label.as_str().is_some_and(|label| label != os)) {
        let path = template.prefix.strip_suffix("spec").unwrap_or_default();
        let field = format!("{path}metadata.labels[kubernetes.io/os]");
        return Some(NodeRefusal {
            rule: &POD_LABEL_OF_OTHER_OS,
            reason: "PodOSSelectorNodeLabelDoesNotMatch",
            message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
                .to_owned(),
            origin: Some(Origin {
                field,
                span: label.span(),
            }),
        });
    }
    let (_, origin) = required.iter().find(|(required, _)| required != os)?;
    let by_spec = origin.field == format!("{}.os.name", template.prefix);
    Some(NodeRefusal {
        rule: if by_spec {
            &POD_OF_OTHER_OS
        } else {
            &NODE_SELECTOR_OF_OTHER_OS
        },
        reason: if by_spec {
            "PodOSNotSupported"
        } else {
            "NodeAffinity"
        },
        message: if by_spec {
            "Failed to admit pod as the OS field doesn't match node OS".to_owned()
        } else {
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector".to_owned()
        },
        origin: Some(origin.clone()),
    })
}

/// Why the kubelet makes no sandbox for the pod.
#[must_use]
pub fn sandbox(template: &PodTemplate<'_>) -> Option<NodeRefusal> {
    let kind = host_process(template);
    if kind == HostProcess::None {
        return None;
    }
    let spec = template.spec?;
    let pod = resolve(template, None).host_process;
    let (message, origin) = if kind == HostProcess::Mixed {
        (
            "pod must not contain both HostProcess and non-HostProcess containers",
            None,
        )
    } else if spec.field("hostNetwork").and_then(Node::as_bool) != Some(true) {
        let field = format!("{}.hostNetwork", template.prefix);
        let origin = spec.field("hostNetwork").map(|node| Origin {
            field,
            span: node.span(),
        });
        (
            "hostNetwork is required if Pod contains HostProcess containers",
            origin,
        )
    } else if pod.is_some_and(|setting| !setting.value) {
        let message = "pod must not contain any HostProcess containers if Pod's WindowsOptions.HostProcess is set to false";
        (message, pod.map(|setting| setting.origin()))
    } else {
        return None;
    };
    let message = message.to_owned();
    Some(NodeRefusal {
        rule: &SANDBOX_REFUSED,
        reason: "FailedCreatePodSandBox",
        message,
        origin,
    })
}

/// The names of a pod, as the kubelet's messages have them.
#[derive(Clone, Copy, Debug)]
pub struct PodName<'a> {
    /// The pod's name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its UID.
    pub uid: &'a str,
}

impl fmt::Display for PodName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}({})", self.name, self.namespace, self.uid)
    }
}

/// Why a Windows node does not create the container under `runAsNonRoot`. `image_user` is the user of its image, which
/// counts only where `runAsUserName` is not set.
#[must_use]
pub fn verify_run_as_non_root(
    template: &PodTemplate<'_>,
    container: ContainerRef<'_>,
    image_user: Option<&str>,
    pod: PodName<'_>,
) -> Option<NodeRefusal> {
    let effective = resolve(template, Some(container));
    if !effective.run_as_non_root.is_some_and(|setting| setting.value) {
        return None;
    }
    let (what, user, origin) = match effective.run_as_user_name {
        Some(setting) => ("runAsUserName", setting.value, Some(setting.origin())),
        None => ("runAsUser", image_user.filter(|user| !user.is_empty())?, None),
    };
    if !equal_fold(user, "ContainerAdministrator") {
        return None;
    }
    let name = container.name.unwrap_or_default();
    let message = format!(
        "container's {what} ({user}) which will be regarded as root identity and will break non-root policy \
         (pod: \"{pod}\", container: {name})"
    );
    Some(NodeRefusal {
        rule: &RUN_AS_NON_ROOT_ADMINISTRATOR,
        reason: "CreateContainerConfigError",
        message,
        origin,
    })
}

/// Go's `strings.EqualFold`, for which the long s is an s.
fn equal_fold(one: &str, other: &str) -> bool {
    let fold = |text: &str| {
        text.chars()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    one.chars().count() == other.chars().count() && fold(one) == fold(other)
}
