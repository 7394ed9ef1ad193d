//! What a pod asks of its node: only the operating system decides anything on one machine.

use porthole_manifest::{Node, PodTemplate, Span};
use porthole_pod::{OS_LABELS, required_os};

use super::Written;
use super::reader::{Reader, Table, Treatment};
use Treatment::{Note, Read};

const ONE_MACHINE: &str = "there is one machine, and nothing to schedule";

const AFFINITY: &Table = &[
    ("nodeAffinity", Read),
    ("podAffinity", Note(ONE_MACHINE)),
    ("podAntiAffinity", Note(ONE_MACHINE)),
];

const NODE_AFFINITY: &Table = &[
    (
        "preferredDuringSchedulingIgnoredDuringExecution",
        Note(ONE_MACHINE),
    ),
    (
        "requiredDuringSchedulingIgnoredDuringExecution",
        Note("only what it demands of the operating system counts"),
    ),
];

/// A demand on the node's operating system, and the node's words where it is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeWish {
    /// The field that demands it.
    pub field: String,
    /// Where it is written.
    pub span: Span,
    /// The system, as Kubernetes names it.
    pub system: String,
    /// The kubelet's reason.
    pub reason: &'static str,
    /// The kubelet's message.
    pub message: &'static str,
}

pub(super) fn read(
    reader: &mut Reader,
    template: &PodTemplate<'_>,
    spec: Node<'_>,
    labels: &[(String, Written<String>)],
) -> Vec<NodeWish> {
    let prefix = template.prefix;
    let mut wishes = Vec::new();
    if let Some((name, value)) = labels.iter().find(|(name, _)| name == OS_LABELS[0]) {
        wishes.push(NodeWish {
            field: format!(
                "{}metadata.labels[{name}]",
                prefix.strip_suffix("spec").unwrap_or_default()
            ),
            span: value.span,
            system: value.value.clone(),
            reason: "PodOSSelectorNodeLabelDoesNotMatch",
            message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        });
    }
    for (system, origin) in required_os(template) {
        let (reason, message) = if origin.field.ends_with(".os.name") {
            (
                "PodOSNotSupported",
                "Failed to admit pod as the OS field doesn't match node OS",
            )
        } else {
            (
                "NodeAffinity",
                "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
            )
        };
        wishes.push(NodeWish {
            field: origin.field,
            span: origin.span,
            system,
            reason,
            message,
        });
    }
    note_the_rest(reader, spec, prefix);
    wishes
}

fn note_the_rest(reader: &mut Reader, spec: Node<'_>, prefix: &str) {
    if let Some(os) = spec.field("os") {
        reader.fields(os, &format!("{prefix}.os"), &[("name", Read)]);
    }
    for (name, value) in reader.pairs(spec, prefix, "nodeSelector") {
        if !OS_LABELS.contains(&name.as_str()) {
            reader.note(format!("{prefix}.nodeSelector[{name}]"), value.span, ONE_MACHINE);
        }
    }
    if let Some(affinity) = spec.field("affinity") {
        let path = format!("{prefix}.affinity");
        reader.fields(affinity, &path, AFFINITY);
        if let Some(affinity) = affinity.field("nodeAffinity") {
            reader.fields(affinity, &format!("{path}.nodeAffinity"), NODE_AFFINITY);
        }
    }
}
