//! The containers of a pod.

use porthole_manifest::{Node, PodTemplate};

/// Which of a pod's lists a container stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerKind {
    /// `initContainers`.
    Init,
    /// `containers`.
    Main,
    /// `ephemeralContainers`.
    Ephemeral,
}

impl ContainerKind {
    /// The name of the list.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Main => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

/// A container of a pod.
#[derive(Clone, Copy, Debug)]
pub struct ContainerRef<'a> {
    /// The list it stands in.
    pub kind: ContainerKind,
    /// Its place in that list, from 0.
    pub index: usize,
    /// Its name, where it has one.
    pub name: Option<&'a str>,
    /// The container.
    pub node: Node<'a>,
    /// The path of the pod spec.
    pub prefix: &'static str,
}

impl<'a> ContainerRef<'a> {
    /// The field path, such as `spec.containers[0]`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}[{}]", self.prefix, self.kind.field(), self.index)
    }

    /// The container's `securityContext`.
    #[must_use]
    pub fn security_context(&self) -> Option<Node<'a>> {
        self.node.field("securityContext")
    }
}

/// Every container of the pod, in the order in which most rules visit them: init, main, ephemeral.
pub fn containers<'a>(template: &PodTemplate<'a>) -> impl Iterator<Item = ContainerRef<'a>> + use<'a> {
    let template = *template;
    [ContainerKind::Init, ContainerKind::Main, ContainerKind::Ephemeral]
        .into_iter()
        .flat_map(move |kind| containers_of(&template, kind))
}

/// The containers of one of the pod's lists.
pub fn containers_of<'a>(
    template: &PodTemplate<'a>,
    kind: ContainerKind,
) -> impl Iterator<Item = ContainerRef<'a>> + use<'a> {
    let prefix = template.prefix;
    let list = template.spec.and_then(|spec| spec.field(kind.field()));
    list.into_iter()
        .flat_map(Node::items)
        .enumerate()
        .map(move |(index, node)| ContainerRef {
            kind,
            index,
            name: node.field("name").and_then(Node::as_str),
            node,
            prefix,
        })
}
