//! What a node makes of a pod that the API server took, as findings.

use super::setup::NodeSetup;
use super::{accounts, admission, commands, host_process, mounts, without_effect};
use crate::finding::Finding;
use crate::rule::Rule;
use crate::windows_pod::WindowsPod;

/// What the node says. `handler` is the handler of the pod's RuntimeClass, where that is known.
#[must_use]
pub fn check(pod: &WindowsPod<'_>, setup: &NodeSetup, handler: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    admission::check(pod, setup, &mut findings);
    if pod.is_host_process() {
        host_process::check(pod, setup, handler, &mut findings);
        accounts::check(pod, setup, &mut findings);
        mounts::check(pod, setup, &mut findings);
    }
    for container in &pod.containers {
        commands::check(pod, container, &mut findings);
    }
    without_effect::check(pod, &mut findings);
    findings
}

/// The rules of the node.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [
        super::RULES,
        admission::RULES,
        host_process::RULES,
        accounts::RULES,
        mounts::RULES,
        commands::RULES,
        without_effect::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
}
