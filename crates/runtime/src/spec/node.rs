//! What a pod asks of its node: only the operating system decides anything on one machine.

use porthole_manifest::Node;
use porthole_pod::OS_LABELS;

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

/// Notes what has no effect; what does is the `pod` crate's to read.
pub(super) fn read(reader: &mut Reader, spec: Node<'_>, prefix: &str) {
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
