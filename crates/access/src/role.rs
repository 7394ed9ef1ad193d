//! Roles and their rules.

use std::collections::BTreeMap;

use porthole_manifest::{Node, Object};

use crate::authorize::Request;
use crate::selector::Selector;

/// What finds a role: its namespace, nothing for a cluster role, and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleKey {
    /// The namespace of a Role; nothing for a ClusterRole.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

/// A Role or a ClusterRole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// What it allows; of an aggregated role what it was written with, which the cluster replaces.
    pub rules: Vec<Rule>,
    /// Its labels, by which others aggregate it.
    pub labels: BTreeMap<String, String>,
    /// Whose rules it takes over (`aggregationRule.clusterRoleSelectors`); nothing where it has rules of its own.
    pub aggregates: Option<Vec<Selector>>,
}

/// One rule of a role (`PolicyRule`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Verbs; `*` is all.
    pub verbs: Vec<String>,
    /// API groups, the core's is empty; `*` is all.
    pub api_groups: Vec<String>,
    /// Resources, `pods/log` and `*/scale` for subresources; `*` is all.
    pub resources: Vec<String>,
    /// Names of objects; none is all.
    pub resource_names: Vec<String>,
}

impl Role {
    /// Reads a Role or ClusterRole.
    pub(crate) fn read(object: &Object<'_>) -> Self {
        let labels = object.node.child("metadata").child("labels").entries();
        let aggregation = object.node.field("aggregationRule");
        Self {
            rules: object.node.child("rules").items().map(Rule::read).collect(),
            labels: labels
                .filter_map(|entry| {
                    Some((
                        entry.key.key_text().into_owned(),
                        entry.value.as_str()?.to_owned(),
                    ))
                })
                .collect(),
            aggregates: aggregation.map(|rule| {
                let selectors = rule.child("clusterRoleSelectors").items();
                selectors.map(Selector::read).collect()
            }),
        }
    }
}

impl Rule {
    fn read(node: Node<'_>) -> Self {
        let list = |key| strings(node.child(key));
        Self {
            verbs: list("verbs"),
            api_groups: list("apiGroups"),
            resources: list("resources"),
            resource_names: list("resourceNames"),
        }
    }

    /// Whether the rule allows the request.
    #[must_use]
    pub fn allows(&self, request: &Request<'_>) -> bool {
        let any = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
        any(&self.verbs, request.verb)
            && any(&self.api_groups, request.group)
            && self.has_resource(request)
            && (self.resource_names.is_empty() || self.resource_names.iter().any(|name| name == request.name))
    }

    fn has_resource(&self, request: &Request<'_>) -> bool {
        self.resources.iter().any(|own| {
            if own == "*" {
                return true;
            }
            match (own.split_once('/'), request.subresource) {
                (None, "") => own == request.resource,
                (Some((resource, subresource)), wanted) if !wanted.is_empty() => {
                    (resource == "*" || resource == request.resource) && subresource == wanted
                }
                _ => false,
            }
        })
    }
}

/// The strings of a list.
pub(crate) fn strings(list: Node<'_>) -> Vec<String> {
    list.items().filter_map(Node::as_str).map(str::to_owned).collect()
}
