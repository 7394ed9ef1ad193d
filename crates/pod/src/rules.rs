//! The rules: one idea a module, each rule a constant beside the code that asks it.

pub(crate) mod annotations;
pub(crate) mod container;
pub(crate) mod decoding;
pub(crate) mod dns;
pub(crate) mod ephemeral;
pub(crate) mod host_ports;
pub(crate) mod host_process;
pub(crate) mod host_users;
pub(crate) mod labels;
pub(crate) mod metadata;
pub(crate) mod object;
pub(crate) mod os;
pub(crate) mod pod;
pub(crate) mod pod_context;
pub(crate) mod pod_resources;
pub(crate) mod resource_claims;
pub(crate) mod scheduling;
pub(crate) mod volumes;
pub(crate) mod warnings;
pub(crate) mod windows_options;
pub(crate) mod workload;

use crate::advice;
use crate::node;
use crate::pod_security;
use crate::rule::Rule;

/// Every rule, grouped by what it is about.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [
        decoding::RULES,
        windows_options::RULES,
        host_process::RULES,
        host_ports::RULES,
        host_users::RULES,
        os::RULES,
        ephemeral::RULES,
        labels::RULES,
        annotations::RULES,
        resource_claims::RULES,
        pod::RULES,
        pod_context::RULES,
        pod_resources::RULES,
        dns::RULES,
    ]
    .into_iter()
    .chain(container::ALL.iter().copied())
    .chain(pod_security::RULES.iter().copied())
    .flatten()
    .copied()
    .chain(crate::update::RULES.iter().copied())
    .chain(metadata::all_rules())
    .chain(object::all_rules())
    .chain(workload::all_rules())
    .chain(volumes::all_rules())
    .chain(scheduling::all_rules())
    .chain(warnings::all_rules())
    .chain(node::all_rules())
    .chain(advice::all_rules())
}

/// The rule of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.name == name)
}
