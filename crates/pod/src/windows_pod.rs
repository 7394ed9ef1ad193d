//! A pod that is meant for Windows, as the node and advice look at it.

use porthole_manifest::{Node, PodTemplate};

use crate::container::{ContainerRef, containers};
use crate::effective::{EffectiveOptions, Origin, Setting, resolve};
use crate::intent;
use crate::os::required_os;

/// A container with what its windows options come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowsContainer<'a> {
    pub(crate) container: ContainerRef<'a>,
    pub(crate) options: EffectiveOptions<'a>,
}

impl<'a> WindowsContainer<'a> {
    pub(crate) fn node(&self) -> Node<'a> {
        self.container.node
    }

    pub(crate) fn path(&self) -> String {
        self.container.path()
    }
}

/// A pod that is meant for Windows: what [`node::check`](crate::node::check) and [`advice::check`](crate::advice::check) are
/// asked of. They say nothing of other pods.
#[derive(Clone, Debug)]
pub struct WindowsPod<'a> {
    pub(crate) template: PodTemplate<'a>,
    pub(crate) spec: Node<'a>,
    /// The systems that it requires, and what does.
    pub(crate) required: Vec<(String, Origin)>,
    /// What says that it is meant for Windows.
    pub(crate) meant: Origin,
    pub(crate) containers: Vec<WindowsContainer<'a>>,
}

impl<'a> WindowsPod<'a> {
    /// The pod, where something says that it is meant for Windows.
    #[must_use]
    pub fn of(template: &PodTemplate<'a>) -> Option<Self> {
        let spec = template.spec?;
        let required = required_os(template);
        let meant = intent::windows(template, &required)?;
        let containers = containers(template)
            .map(|container| WindowsContainer {
                container,
                options: resolve(template, Some(container)),
            })
            .collect();
        Some(Self {
            template: *template,
            spec,
            required,
            meant,
            containers,
        })
    }

    /// The path of a field of the pod spec.
    pub(crate) fn path(&self, field: &str) -> String {
        format!("{}.{field}", self.template.prefix)
    }

    /// Whether any container is a HostProcess container: then all are, else the API server refuses the pod.
    pub(crate) fn is_host_process(&self) -> bool {
        self.containers
            .iter()
            .any(|container| container.options.is_host_process())
    }

    /// What makes it a HostProcess pod.
    pub(crate) fn host_process(&self) -> Option<Setting<'a, bool>> {
        self.containers
            .iter()
            .find_map(|container| container.options.host_process.filter(|setting| setting.value))
    }

    /// Whether it is meant for Windows beyond doubt: options for Windows may stand beside those for Linux in a pod that is made
    /// for both.
    pub(crate) fn is_firm(&self) -> bool {
        !["runAsUserName", "gmsaCredentialSpecName", "gmsaCredentialSpec"]
            .iter()
            .any(|option| self.meant.field.ends_with(option))
    }

    /// Whether `spec.os.name` says Windows.
    pub(crate) fn says_windows(&self) -> bool {
        intent::says_windows(&self.template)
    }

    /// An annotation of the pod.
    pub(crate) fn annotation(&self, key: &str) -> Option<Node<'a>> {
        self.template.metadata?.field("annotations")?.field(key)
    }

    /// Whether the pod's HostProcess containers are asked to run as containerd itself does, whatever account is named.
    pub(crate) fn inherits_user(&self) -> bool {
        self.annotation("microsoft.com/hostprocess-inherit-user")
            .and_then(Node::as_str)
            == Some("true")
    }

    /// The volume of that name.
    pub(crate) fn volume(&self, name: &str) -> Option<Node<'a>> {
        let volumes = self.spec.field("volumes")?;
        volumes
            .items()
            .find(|volume| volume.field("name").and_then(Node::as_str) == Some(name))
    }
}
