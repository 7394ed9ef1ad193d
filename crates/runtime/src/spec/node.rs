//! What a pod asks of its node: only the operating system and the architecture decide anything on one machine.

use porthole_manifest::{Node, Span};

use super::Written;
use super::reader::{Reader, Table, Treatment};
use Treatment::{Note, Read};

const ONE_MACHINE: &str = "there is one machine, and nothing to schedule";

const AFFINITY: &Table =
    &[("nodeAffinity", Read), ("podAffinity", Note(ONE_MACHINE)), ("podAntiAffinity", Note(ONE_MACHINE))];

const NODE_AFFINITY: &Table = &[
    ("preferredDuringSchedulingIgnoredDuringExecution", Note(ONE_MACHINE)),
    ("requiredDuringSchedulingIgnoredDuringExecution", Read),
];

/// The label of a node, and of a pod, that names the operating system.
const OS_LABELS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];

/// A demand on the node's operating system, and the node's words for one it does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeWish {
    /// The field that demands it.
    pub field: String,
    /// Where it is written.
    pub span: Span,
    /// The systems (as Kubernetes names them) that would do; empty: none does.
    pub systems: Vec<String>,
    /// Whether `systems` are those that would not do instead.
    pub inverted: bool,
    /// The kubelet's reason.
    pub reason: &'static str,
    /// The kubelet's message.
    pub message: &'static str,
}

impl NodeWish {
    /// Whether a node of that system will do.
    #[must_use]
    pub fn is_met_by(&self, system: &str) -> bool {
        self.systems.iter().any(|name| name == system) != self.inverted
    }
}

const AFFINITY_WORDS: (&str, &str) =
    ("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");

pub(super) fn read(
    reader: &mut Reader,
    spec: Node<'_>,
    prefix: &str,
    labels: &[(String, Written<String>)],
) -> Vec<NodeWish> {
    let mut wishes = Vec::new();
    let mut wish = |field: String, span, systems, inverted, (reason, message): (&'static str, &'static str)| {
        wishes.push(NodeWish { field, span, systems, inverted, reason, message });
    };
    let metadata = format!("{}metadata", prefix.strip_suffix("spec").unwrap_or_default());
    if let Some((name, value)) = labels.iter().find(|(name, _)| name == OS_LABELS[0]) {
        let words = (
            "PodOSSelectorNodeLabelDoesNotMatch",
            "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        );
        wish(format!("{metadata}.labels[{name}]"), value.span, vec![value.value.clone()], false, words);
    }
    if let Some(os) = spec.field("os") {
        let path = format!("{prefix}.os");
        reader.fields(os, &path, &[("name", Read)]);
        if let Some(name) = reader.string(os, &path, "name") {
            let words = ("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS");
            wish(format!("{path}.name"), name.span, vec![name.value], false, words);
        }
    }
    for (name, value) in reader.pairs(spec, prefix, "nodeSelector") {
        let field = format!("{prefix}.nodeSelector[{name}]");
        if OS_LABELS.contains(&name.as_str()) {
            wish(field, value.span, vec![value.value], false, AFFINITY_WORDS);
        } else {
            reader.note(field, value.span, ONE_MACHINE);
        }
    }
    if let Some(affinity) = spec.field("affinity") {
        let path = format!("{prefix}.affinity");
        reader.fields(affinity, &path, AFFINITY);
        if let Some(affinity) = affinity.field("nodeAffinity") {
            let path = format!("{path}.nodeAffinity");
            reader.fields(affinity, &path, NODE_AFFINITY);
            required_affinity(reader, affinity, &path, &mut wish);
        }
    }
    wishes
}

/// Required terms are alternatives: they demand a system only where each of them does. The rest is not for one machine.
fn required_affinity(
    reader: &mut Reader,
    affinity: Node<'_>,
    path: &str,
    wish: &mut dyn FnMut(String, Span, Vec<String>, bool, (&'static str, &'static str)),
) {
    const KEY: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let Some(required) = affinity.field(KEY) else { return };
    let path = format!("{path}.{KEY}");
    reader.note(path.clone(), required.span(), "only its demands on kubernetes.io/os count on one machine");
    let mut systems = Vec::new();
    let mut place = None;
    for (term, path) in reader.items(required, &path, "nodeSelectorTerms") {
        let demand = reader
            .items(term, &path, "matchExpressions")
            .into_iter()
            .find(|(item, _)| item.field("key").and_then(Node::as_str).is_some_and(|key| OS_LABELS.contains(&key)));
        // A term that takes any system makes the whole take any.
        let Some((expression, path)) = demand else { return };
        let values = reader.strings(expression, &path, "values").into_iter().map(|value| value.value);
        match expression.field("operator").and_then(Node::as_str) {
            Some("In") => systems.extend(values),
            Some("NotIn") => {
                let not: Vec<String> = values.collect();
                systems.extend(["linux", "windows"].map(str::to_owned).into_iter().filter(|name| !not.contains(name)));
            }
            Some("Exists") => return,
            _ => {}
        }
        place.get_or_insert((path, expression.span()));
    }
    if let Some((field, span)) = place {
        wish(field, span, systems, false, AFFINITY_WORDS);
    }
}
