//! The pods that workloads make.

use crate::node::Node;
use crate::object::Object;

/// A kind of object that is, or holds, a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkloadKind {
    /// `v1 Pod`.
    Pod,
    /// `apps/v1 Deployment`.
    Deployment,
    /// `apps/v1 DaemonSet`.
    DaemonSet,
    /// `apps/v1 StatefulSet`.
    StatefulSet,
    /// `apps/v1 ReplicaSet`.
    ReplicaSet,
    /// `v1 ReplicationController`.
    ReplicationController,
    /// `batch/v1 Job`.
    Job,
    /// `batch/v1 CronJob`.
    CronJob,
    /// `v1 PodTemplate`.
    PodTemplate,
}

impl WorkloadKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Pod,
        Self::Deployment,
        Self::DaemonSet,
        Self::StatefulSet,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::Job,
        Self::CronJob,
        Self::PodTemplate,
    ];

    /// The kind as manifests spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::PodTemplate => "PodTemplate",
        }
    }

    /// The API group; nothing for the core.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::Pod | Self::ReplicationController | Self::PodTemplate => "",
            Self::Deployment | Self::DaemonSet | Self::StatefulSet | Self::ReplicaSet => "apps",
            Self::Job | Self::CronJob => "batch",
        }
    }

    /// The kind with its group, as the API server's messages name it: `Deployment.apps`, `Pod`.
    #[must_use]
    pub fn qualified(self) -> String {
        match self.group() {
            "" => self.name().to_owned(),
            group => format!("{}.{group}", self.name()),
        }
    }

    /// The path of what stands for a pod: nothing for a Pod itself.
    #[must_use]
    pub const fn template_path(self) -> &'static str {
        match self {
            Self::Pod => "",
            Self::CronJob => "spec.jobTemplate.spec.template",
            Self::PodTemplate => "template",
            _ => "spec.template",
        }
    }

    /// The path of the pod spec: `spec`, `spec.template.spec`, ….
    #[must_use]
    pub const fn spec_path(self) -> &'static str {
        match self {
            Self::Pod => "spec",
            Self::CronJob => "spec.jobTemplate.spec.template.spec",
            Self::PodTemplate => "template.spec",
            _ => "spec.template.spec",
        }
    }

    /// The path of how many pods are wanted, for the kinds that have one.
    const fn count_path(self) -> Option<&'static str> {
        match self {
            Self::Deployment | Self::StatefulSet | Self::ReplicaSet | Self::ReplicationController => {
                Some("spec.replicas")
            }
            Self::Job => Some("spec.parallelism"),
            Self::CronJob => Some("spec.jobTemplate.spec.parallelism"),
            Self::Pod | Self::DaemonSet | Self::PodTemplate => None,
        }
    }
}

/// A pod, or what a workload makes its pods of.
#[derive(Clone, Copy, Debug)]
pub struct PodTemplate<'a> {
    /// What holds it.
    pub kind: WorkloadKind,
    /// The holder's `apiVersion`.
    pub api_version: &'a str,
    /// The holder's name.
    pub name: Option<&'a str>,
    /// The holder's namespace.
    pub namespace: Option<&'a str>,
    /// The path of the pod spec, with which every field path begins: `spec`, `spec.template.spec`, ….
    pub prefix: &'static str,
    /// The metadata of the pod, not of its holder.
    pub metadata: Option<Node<'a>>,
    /// The pod spec.
    pub spec: Option<Node<'a>>,
    /// The holder.
    pub object: Node<'a>,
}

impl<'a> PodTemplate<'a> {
    /// The pod spec; where none is written, a null that has no fields and stands where it would be.
    #[must_use]
    pub fn spec_or_unset(&self) -> Node<'a> {
        self.prefix.split('.').fold(self.object, Node::child)
    }

    /// How many pods the holder wants at a time: `replicas` or `parallelism`, else one. A DaemonSet wants one a node.
    #[must_use]
    pub fn replicas(&self) -> u64 {
        let count = self
            .kind
            .count_path()
            .and_then(|path| self.object.at(path))
            .and_then(Node::as_i64);
        count.map_or(1, |count| u64::try_from(count).unwrap_or(0))
    }
}

/// The pod of an object, where the object is a workload of Kubernetes' own. Another API's kind of the same name is not.
#[must_use]
pub fn pod_template<'a>(object: &Object<'a>) -> Option<PodTemplate<'a>> {
    let api_version = object.api_version?;
    let kind = WorkloadKind::ALL
        .into_iter()
        .find(|kind| Some(kind.name()) == object.kind)?;
    if object.group() != kind.group() {
        return None;
    }
    let template = object.node.at(kind.template_path());
    let part = |key| template.and_then(|template| template.field(key));
    Some(PodTemplate {
        kind,
        api_version,
        name: object.name,
        namespace: object.namespace,
        prefix: kind.spec_path(),
        metadata: part("metadata"),
        spec: part("spec"),
        object: object.node,
    })
}
