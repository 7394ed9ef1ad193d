//! Aggregated cluster roles, as the cluster's controller fills them.

use std::collections::HashMap;

use crate::role::{Role, RoleKey, Rule};

/// The rules of a role. Those of an aggregated one are the rules of all cluster roles that its selectors match, which may
/// be aggregated in turn; a circle ends where it closes.
pub(crate) fn rules_of<'a>(role: &'a Role, roles: &'a HashMap<RoleKey, Role>) -> Vec<&'a Rule> {
    let mut found = Vec::new();
    let mut seen: Vec<*const Role> = Vec::new();
    collect(role, roles, &mut seen, &mut found);
    found
}

fn collect<'a>(
    role: &'a Role,
    roles: &'a HashMap<RoleKey, Role>,
    seen: &mut Vec<*const Role>,
    found: &mut Vec<&'a Rule>,
) {
    if seen.contains(&std::ptr::from_ref(role)) {
        return;
    }
    seen.push(std::ptr::from_ref(role));
    let Some(selectors) = &role.aggregates else {
        found.extend(&role.rules);
        return;
    };
    let mut matching: Vec<_> = roles
        .iter()
        .filter(|(key, other)| {
            key.namespace.is_none() && selectors.iter().any(|selector| selector.matches(&other.labels))
        })
        .collect();
    matching.sort_unstable_by_key(|(key, _)| *key);
    for (_, other) in matching {
        collect(other, roles, seen, found);
    }
}
