//! porthole's own advice: what works, or is taken, and is most likely not what was meant.
//!
//! It speaks only of pods that are meant for Windows, and never against the API server: what is proposed, the API server of
//! the same version takes.

mod accounts;
mod hooks;
mod images;
mod ports;
mod repair;
mod secrets;
mod system;
mod typography;

use crate::finding::Finding;
use crate::options::Options;
use crate::rule::Rule;
use crate::windows_pod::WindowsPod;

pub use repair::repair;

/// The advice on a pod.
#[must_use]
pub fn check(pod: &WindowsPod<'_>, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    system::check(pod, options, &mut findings);
    accounts::check(pod, &mut findings);
    ports::check(pod, &mut findings);
    for container in &pod.containers {
        typography::check(container, &mut findings);
        images::check(container, &mut findings);
        secrets::check(container, &mut findings);
        hooks::check(pod, container, &mut findings);
    }
    findings
}

/// The rules of advice.
pub(crate) fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [
        system::RULES,
        accounts::RULES,
        ports::RULES,
        typography::RULES,
        images::RULES,
        secrets::RULES,
        hooks::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
}
