//! The pod as the checks see it: defaulted, without the fields of gates that are off, its deprecated annotations carried
//! over into fields as the API server does before admission.

use porthole_manifest::{Node, PodTemplate, WorkloadKind};

use crate::container::ContainerKind;
use crate::options::Options;
use crate::report::{is_true, text};

/// A pod on its way through the checks.
pub(super) struct Subject<'a> {
    pub(super) template: PodTemplate<'a>,
    /// Whose checks they are.
    pub(super) options: &'a Options,
    /// The version of the standards, at most that of the server: the N of 1.N.
    pub(super) policy: u64,
    /// The pod spec, where there is one.
    pub(super) spec: Option<Node<'a>>,
    /// The pod's securityContext.
    pub(super) context: Option<Node<'a>>,
    /// The pod's annotations.
    pub(super) annotations: Option<Node<'a>>,
    lists: [(ContainerKind, Option<Node<'a>>); 3],
}

/// A container of the pod.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    pub(super) kind: ContainerKind,
    pub(super) index: usize,
    pub(super) node: Node<'a>,
}

impl<'a> Container<'a> {
    /// The name, which may be empty.
    pub(super) fn name(&self) -> &'a str {
        text(self.node, "name")
    }

    pub(super) fn security_context(&self) -> Option<Node<'a>> {
        self.node.field("securityContext")
    }

    /// A field of the container's securityContext, where it is set.
    pub(super) fn setting(&self, key: &str) -> Option<Node<'a>> {
        self.security_context().and_then(|context| context.field(key))
    }
}

impl<'a> Subject<'a> {
    pub(super) fn new(template: &PodTemplate<'a>, options: &'a Options, policy: u64) -> Self {
        let spec = template.spec;
        let list = |kind: ContainerKind| (kind, spec.and_then(|spec| spec.field(kind.field())));
        Self {
            template: *template,
            options,
            policy,
            spec,
            context: spec.and_then(|spec| spec.field("securityContext")),
            annotations: template
                .metadata
                .and_then(|metadata| metadata.field("annotations")),
            lists: [
                list(ContainerKind::Init),
                list(ContainerKind::Main),
                list(ContainerKind::Ephemeral),
            ],
        }
    }

    /// The containers in the order in which every check visits them: init, main, ephemeral.
    pub(super) fn containers(&self) -> impl Iterator<Item = Container<'a>> + use<'a> {
        self.lists.into_iter().flat_map(|(kind, list)| {
            list.into_iter()
                .flat_map(Node::items)
                .enumerate()
                .map(move |(index, node)| Container { kind, index, node })
        })
    }

    /// A field of the pod's securityContext, where it is set.
    pub(super) fn setting(&self, key: &str) -> Option<Node<'a>> {
        self.context.and_then(|context| context.field(key))
    }

    /// Whether this is a Pod itself.
    pub(super) fn is_pod(&self) -> bool {
        self.template.kind == WorkloadKind::Pod
    }

    /// Whether the pod says that it is for Windows (`spec.os`).
    pub(super) fn is_windows(&self) -> bool {
        self.spec
            .and_then(|spec| spec.field("os"))
            .is_some_and(|os| text(os, "name") == "windows")
    }

    /// Whether the plain boolean `key` of the pod spec is true.
    pub(super) fn is_true(&self, key: &str) -> bool {
        self.spec.is_some_and(|spec| is_true(spec, key))
    }

    /// The path of the pod's annotations.
    pub(super) fn annotations_path(&self) -> String {
        let path = self.template.kind.template_path();
        let dot = if path.is_empty() { "" } else { "." };
        format!("{path}{dot}metadata.annotations")
    }

    /// Whether the pod has users of its own, and this check is relaxed for such pods: from policy 1.35 on; in servers of
    /// 1.29 to 1.34 from server `gated_since` on under a gate, whatever the policy.
    pub(super) fn is_relaxed_for_own_users(&self, gated_since: u16) -> bool {
        let options = self.options;
        let relaxed = if options.at_least(35) {
            self.policy >= 35
        } else {
            options.at_least(gated_since) && options.enabled("UserNamespacesPodSecurityStandards")
        };
        let host_users = || self.spec?.field("hostUsers")?.as_bool();
        // With the gate off the field is dropped before admission.
        relaxed && host_users() == Some(false) && options.enabled("UserNamespacesSupport")
    }

    /// Whether unset host ports become those of the container, as on the host's network they do: in Pods, and up to 1.27
    /// in templates.
    pub(super) fn defaults_host_ports(&self) -> bool {
        let everywhere =
            !self.options.at_least(28) || self.options.enabled("DefaultHostNetworkHostPortsInPodTemplates");
        (everywhere || self.is_pod()) && self.is_true("hostNetwork")
    }
}
