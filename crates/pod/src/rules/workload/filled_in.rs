//! What the API server fills into Jobs, and what of that stays when they are changed.

use porthole_manifest::{Node, WorkloadKind};

use super::job::REPLACEMENT_POLICY;
use crate::report::int;
use crate::validate::Pass;

/// How many pods of a Job have to succeed: 1 where nothing is said of it, and nothing of how many there are at a time; what was
/// filled in when the Job was made stays. The API server does not fill that in for the Jobs of a `CronJob`.
pub(super) fn completions(pass: &Pass<'_>, spec: Node<'_>) -> Option<i64> {
    let says_nothing = |spec: Node<'_>| {
        let keys = ["completions", "parallelism"];
        keys.iter().all(|key| spec.field(key).is_none())
    };
    let stays = pass.old.is_some_and(|old| says_nothing(old.child("spec"))) && spec.is_mapping();
    let fills_in = pass.template.kind == WorkloadKind::Job && (stays || says_nothing(spec));
    int(spec, "completions").or(fills_in.then_some(1))
}

/// When a pod is replaced, where that is said, or was filled in when the Job was made: that stays.
pub(super) fn replacement_policy<'a>(pass: &Pass<'a>, spec: Node<'a>) -> Option<&'a str> {
    const KEY: &str = "podReplacementPolicy";
    let (gate, always) = REPLACEMENT_POLICY;
    if !pass.feature(gate, always) {
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
