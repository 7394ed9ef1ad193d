//! What of a pod the runtime reads, with the places where it is written.
//!
//! Every field of a pod is in one of three lists (see the tables in the modules below): read; noted, because it means
//! nothing on one machine; or refused by name, because it asks for something that porthole does not do. A field in no list
//! is refused as unknown. So nothing that a manifest asks for is silently left out.

mod annotation;
mod container;
mod env;
mod handler;
mod holder;
mod job;
mod job_policy;
mod meant;
mod name;
mod node;
mod pod;
mod probe;
mod quantity;
mod reader;
mod volume;
mod workload;

use std::time::Duration;

use porthole_manifest::Span;
use serde::Serialize;

use crate::Signal;
use crate::conduct::{Hooks, Probes, RestartPolicy};
use crate::job::Rules;
use crate::plan::Streams;

pub use annotation::RuntimeLimits;
#[cfg(any(windows, test))]
pub(crate) use annotation::{MOST_CPU_WEIGHT, cpu_weight};
pub use env::{Env, EnvFrom, EnvValue, KeyRef, ObjectKind};
pub(crate) use name::{label_fault, subdomain_fault};
pub use pod::{RUNS_ONCE, read};
pub use quantity::{Quantity, QuantityError};
pub use volume::{
    DownwardFile, FilesSource, FilesSpec, Item, SubPath, VolumeMount, VolumeSource, VolumeSpec,
};
pub(crate) use volume::{PIPE_HELP, sub_path_fault};

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Written<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// Something that a pod asks for and porthole does not do, or that cannot be done as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The field, such as `spec.containers[0].livenessProbe`.
    pub field: String,
    /// Where it is written.
    pub span: Span,
    /// Why, as a lower-case fragment.
    pub reason: String,
    /// What to try.
    pub help: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.field, self.reason)
    }
}

/// A field that has no effect here, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The field.
    pub field: String,
    /// Where it is written.
    pub span: Span,
    /// Why, as a lower-case fragment.
    pub reason: &'static str,
    /// When it is worth saying.
    pub weight: Weight,
}

/// When a note is worth saying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// When everything is asked for: it is about a default, which nobody wrote.
    Default,
    /// When details are asked for.
    Detail,
    /// Unasked.
    Unasked,
}

/// What the runtime reads of a pod.
#[derive(Clone, Debug)]
pub struct PodSpec {
    /// The path of the spec in its object: `spec`, `spec.template.spec`, ….
    pub prefix: &'static str,
    /// The place of the spec.
    pub span: Span,
    /// `metadata.labels` of the pod.
    pub labels: Vec<(String, String)>,
    /// `metadata.annotations` of the pod.
    pub annotations: Vec<(String, String)>,
    /// Init containers, in order.
    pub init_containers: Vec<ContainerSpec>,
    /// Containers, in order.
    pub containers: Vec<ContainerSpec>,
    /// Volumes, in order.
    pub volumes: Vec<VolumeSpec>,
    /// `terminationGracePeriodSeconds`, 30 s where it is not set.
    pub grace: Duration,
    /// `restartPolicy`, `Always` where it is not set.
    pub restart_policy: RestartPolicy,
    /// `activeDeadlineSeconds`.
    pub active_deadline: Option<Duration>,
    /// The Job that makes the pod, where one does.
    pub job: Option<Rules>,
    /// Limits that the pod's annotations ask of the runtime, for each of its containers.
    pub runtime_limits: RuntimeLimits,
    /// `serviceAccountName`, `default` where it is not set.
    pub service_account: String,
    /// What has no effect.
    pub notes: Vec<Note>,
}

/// What the runtime reads of a container.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    /// The path: `spec.containers[0]`.
    pub path: String,
    /// The place of the container.
    pub span: Span,
    /// `name`.
    pub name: String,
    /// `image`.
    pub image: Option<Written<String>>,
    /// `command`, when it is not empty.
    pub command: Vec<Written<String>>,
    /// `args`, when they are not empty.
    pub args: Vec<Written<String>>,
    /// `workingDir`.
    pub working_directory: Option<Written<String>>,
    /// `envFrom`, in order.
    pub env_from: Vec<EnvFrom>,
    /// `env`, in order.
    pub env: Vec<Env>,
    /// `resources.limits`.
    pub limits: Resources,
    /// `resources.requests`: only for the downward API.
    pub requests: Resources,
    /// `volumeMounts`, in order.
    pub mounts: Vec<VolumeMount>,
    /// An init container with `restartPolicy: Always`.
    pub sidecar: bool,
    /// `livenessProbe`, `readinessProbe`, `startupProbe`.
    pub probes: Probes,
    /// `lifecycle.postStart` and `preStop`.
    pub hooks: Hooks,
    /// `lifecycle.stopSignal`.
    pub stop_signal: Option<Signal>,
    /// `stdin` and `tty`.
    pub streams: Streams,
    /// `terminationMessagePath`, where it is written.
    pub termination_path: Option<Written<String>>,
    /// `terminationMessagePolicy: FallbackToLogsOnError`.
    pub message_from_log: bool,
}

/// Amounts of what a machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Thousandths of a processor, rounded up.
    pub cpu_milli: Option<u64>,
    /// Bytes, rounded up.
    pub memory: Option<u64>,
}

#[cfg(test)]
mod tests;
