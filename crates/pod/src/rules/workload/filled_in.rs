//! What the API server fills into Jobs, and what of that stays when they are changed.

use porthole_manifest::{Node, WorkloadKind};

use super::job::{REPLACEMENT_POLICY, is_kept};
use crate::report::{int, is_removed, is_true};
use crate::validate::Pass;

/// How many pods of a Job have to succeed, as it is stored. The API server does not fill that in for the Jobs of a `CronJob`.
pub(super) fn completions(pass: &Pass<'_>, spec: Node<'_>) -> Option<i64> {
    if pass.template.kind != WorkloadKind::Job {
        return int(spec, "completions");
    }
    if !spec.is_mapping() {
        return Some(1);
    }
    completions_of(pass.old_workload_spec(), spec)
}

/// How many pods of a Job have to succeed: 1 is filled in where nothing is said of it, and nothing of how many there are at a
/// time. Where `old` is changed, what was filled in for it stays, and it is filled in anew where how many there are at a time
/// is taken away.
pub(crate) fn completions_of(old: Option<Node<'_>>, spec: Node<'_>) -> Option<i64> {
    let says = |spec: Node<'_>, key| spec.field(key).is_some();
    let fills_in = match old {
        // Where the whole spec is taken away, what was filled in goes with it.
        Some(_) if !spec.is_mapping() => true,
        None => !says(spec, "parallelism"),
        Some(old) if says(old, "parallelism") => !says(spec, "parallelism"),
        Some(old) => !says(old, "completions"),
    };
    int(spec, "completions").or(fills_in.then_some(1))
}

/// When a pod is replaced, where that is said, or was filled in when the Job was made: that stays.
pub(super) fn replacement_policy<'a>(pass: &Pass<'a>, spec: Node<'a>) -> Option<&'a str> {
    const KEY: &str = "podReplacementPolicy";
    if !is_kept(pass, REPLACEMENT_POLICY) {
        return None;
    }
    if let Some(node) = spec.field(KEY) {
        return Some(node.as_str().unwrap_or_default());
    }
    let is_job = pass.template.kind == WorkloadKind::Job;
    let old = pass.old.filter(|_| is_job)?.field("spec")?;
    if !spec.is_mapping() || old.field(KEY).is_some() {
        return None;
    }
    Some(match old.field("podFailurePolicy") {
        Some(_) => "Failed",
        None => "TerminatingOrFailed",
    })
}

/// Of what the API server has generated for a Job, what it has.
pub(crate) struct Generated {
    /// The label of its uid in its selector.
    pub(crate) selector: bool,
    /// The labels of its template.
    pub(crate) labels: bool,
}

/// What is generated for the Job of this spec; of one that takes the place of `old`, what is still there: what the old manifest
/// has around it and the new one has not is taken away, and it with that.
pub(crate) fn generated(old: Option<Node<'_>>, spec: Node<'_>) -> Generated {
    let Some(old) = old else {
        let manual = is_true(spec, "manualSelector");
        return Generated {
            selector: !manual,
            labels: !manual,
        };
    };
    let manual = is_true(old, "manualSelector");
    let mut around = (old, spec);
    let has_labels = ["template", "metadata", "labels"].iter().all(|key| {
        let keeps = !is_removed(around.0, around.1, key);
        around = (around.0.child(key), around.1.child(key));
        keeps
    });
    let [old_selector, selector] = [old, spec].map(|spec| spec.child("selector"));
    let has_selector = spec.is_mapping()
        && !is_removed(old, spec, "selector")
        && !is_removed(old_selector, selector, "matchLabels");
    Generated {
        selector: !manual && has_selector,
        labels: !manual && has_labels,
    }
}
