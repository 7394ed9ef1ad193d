//! Where a pod may run: node selector, affinity, gates, topology spread, tolerations.

mod affinity;
mod match_labels;
pub(crate) mod tolerations;
mod topology_spread;

use crate::names;
use crate::report::{Shown, items, place, text};
use crate::rule::rules;
use crate::rules::labels;
use crate::seen::Seen;
use crate::validate::Pass;

pub(crate) use affinity::check as check_affinity;
pub(crate) use topology_spread::check as check_topology_spread;

/// The rules of all that is about scheduling.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static crate::rule::Rule> {
    [
        RULES,
        affinity::RULES,
        match_labels::RULES,
        topology_spread::RULES,
        tolerations::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

rules! { ApiServer:
    /// A readiness gate names a condition of the pod, in the form of a label's key: `example.com/ready`.
    READINESS_GATE = "readiness-gate";
    /// A scheduling gate has a name in the form of a label's key, once in the pod. A pod with gates waits until controllers
    /// have taken them away, so that it names no node.
    SCHEDULING_GATE = "scheduling-gate";
}

/// `spec.nodeSelector`.
pub(crate) fn check_node_selector(pass: &mut Pass<'_>) {
    if let Some(selector) = pass.spec.field("nodeSelector") {
        let spec = pass.spec_path();
        labels::check(pass, selector, &spec.child("nodeSelector"));
    }
}

/// `spec.readinessGates` and `spec.schedulingGates`.
pub(crate) fn check_gates(pass: &mut Pass<'_>) {
    let node = pass.spec;
    let spec = pass.spec_path();
    let list = spec.child("readinessGates");
    let version = pass.options.kubernetes_version;
    for (index, gate) in items(node, "readinessGates").enumerate() {
        let condition = text(gate, "conditionType");
        let path = list.index(index);
        let faults = names::qualified_name(condition, version);
        let span = place(gate, "conditionType");
        pass.faults(
            &READINESS_GATE,
            &path.child("conditionType"),
            condition,
            faults,
            span,
        );
    }
    if !has_scheduling_gates(pass) {
        return;
    }
    let list = spec.child("schedulingGates");
    let mut seen = Seen::new();
    for (index, gate) in items(node, "schedulingGates").enumerate() {
        let name = text(gate, "name");
        let path = list.index(index);
        let span = place(gate, "name");
        if pass.at_least(27) {
            let faults = names::qualified_name(name, version);
            pass.faults(&SCHEDULING_GATE, &path, name, faults, span);
        } else if name.is_empty() {
            pass.required(&SCHEDULING_GATE, &path, "must not be empty", span);
        }
        if !seen.insert(name) {
            pass.duplicate(&SCHEDULING_GATE, &path, Shown::Str(name), span);
        }
    }
}

/// Whether there are scheduling gates that the API server keeps.
pub(crate) fn has_scheduling_gates(pass: &Pass<'_>) -> bool {
    pass.at_least(26)
        && pass.feature("PodSchedulingReadiness", 30)
        && items(pass.spec, "schedulingGates").next().is_some()
}

/// A Pod that waits for its gates names no node yet.
pub(crate) fn check_create(pass: &mut Pass<'_>) {
    if has_scheduling_gates(pass) && !text(pass.spec, "nodeName").is_empty() {
        let spec = pass.spec_path();
        let detail = "cannot be set until all schedulingGates have been cleared";
        let span = place(pass.spec, "nodeName");
        pass.forbidden(&SCHEDULING_GATE, &spec.child("nodeName"), detail, span);
    }
}
