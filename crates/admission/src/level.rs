//! The levels of a pod at which a credential spec can be named: the pod itself, and each of its containers.

use std::fmt::Write as _;

use porthole_manifest::{Node, PodTemplate};
use porthole_pod::{ContainerKind, ContainerRef, containers_of};

/// The name of a credential spec.
pub(crate) const NAME: &str = "gmsaCredentialSpecName";
/// Its contents.
pub(crate) const CONTENTS: &str = "gmsaCredentialSpec";

/// The lists of containers, in the order of the webhook.
pub(crate) const LISTS: [ContainerKind; 3] =
    [ContainerKind::Main, ContainerKind::Init, ContainerKind::Ephemeral];

/// A level, whether it names a credential spec or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level<'a> {
    /// The container, or nothing where this is the pod.
    pub(crate) container: Option<ContainerRef<'a>>,
    /// The name by which messages call it. That of a pod is empty until one is generated.
    pub(crate) name: &'a str,
    /// Its `windowsOptions`, where it has some.
    pub(crate) options: Option<Node<'a>>,
    prefix: &'static str,
}

impl<'a> Level<'a> {
    pub(crate) fn of_pod(template: &PodTemplate<'a>, options: Option<Node<'a>>) -> Self {
        Self {
            container: None,
            name: template.name.unwrap_or_default(),
            options,
            prefix: template.prefix,
        }
    }

    pub(crate) fn of_container(container: ContainerRef<'a>, options: Option<Node<'a>>) -> Self {
        Self {
            container: Some(container),
            name: container.name.unwrap_or_default(),
            options,
            prefix: container.prefix,
        }
    }

    /// What the webhook's messages call it.
    pub(crate) fn word(&self) -> &'static str {
        match self.kind() {
            None => "pod",
            Some(ContainerKind::Main) => "container",
            Some(ContainerKind::Init) => "initContainer",
            Some(ContainerKind::Ephemeral) => "ephemeralContainer",
        }
    }

    /// The list that the container stands in, or nothing where this is the pod.
    pub(crate) fn kind(&self) -> Option<ContainerKind> {
        self.container.map(|container| container.kind)
    }

    /// Whether it is an ephemeral container.
    pub(crate) fn is_ephemeral(&self) -> bool {
        self.kind() == Some(ContainerKind::Ephemeral)
    }

    /// The name of its credential spec, where it has one.
    pub(crate) fn named(&self) -> Option<Node<'a>> {
        self.options?.field(NAME)
    }

    /// The contents of its credential spec, where it has them.
    pub(crate) fn held(&self) -> Option<Node<'a>> {
        self.options?.field(CONTENTS)
    }

    /// The path of one of its `windowsOptions`.
    pub(crate) fn field(&self, key: &str) -> String {
        let owner = self
            .container
            .map_or_else(|| self.prefix.to_owned(), |container| container.path());
        format!("{owner}.securityContext.windowsOptions.{key}")
    }

    /// The same as a JSON pointer into a Pod.
    pub(crate) fn pointer(&self, key: &str) -> String {
        // Written piece by piece: every patch has one.
        let mut pointer = String::with_capacity(96);
        pointer.push_str("/spec");
        if let Some(container) = &self.container {
            pointer.push('/');
            pointer.push_str(container.kind.field());
            pointer.push('/');
            // Writing to a string cannot fail.
            let _ = write!(pointer, "{}", container.index);
        }
        pointer.push_str("/securityContext/windowsOptions/");
        pointer.push_str(key);
        pointer
    }

    /// What tells it from the other levels of its pod, and is the same in the pod as it was.
    pub(crate) fn key(&self) -> (Option<ContainerKind>, &'a str) {
        match self.container {
            None => (None, ""),
            Some(container) => (Some(container.kind), self.name),
        }
    }
}

fn options_of(node: Node<'_>) -> Option<Node<'_>> {
    node.field("securityContext")?.field("windowsOptions")
}

/// Every level, in the order of the webhook: the pod, `containers`, `initContainers`, `ephemeralContainers`.
pub(crate) fn levels<'a>(template: &PodTemplate<'a>) -> Vec<Level<'a>> {
    let containers = LISTS
        .into_iter()
        .flat_map(|kind| containers_of(template, kind))
        .map(|container| Level::of_container(container, options_of(container.node)));
    let pod = Level::of_pod(template, template.spec.and_then(options_of));
    std::iter::once(pod).chain(containers).collect()
}
