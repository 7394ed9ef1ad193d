//! Roles that every cluster has.
//!
//! Of the many, those count here that can allow what a manifest's own API groups ask for: `cluster-admin`, and the three
//! that aggregate what others label for them. What they allow of Kubernetes' own groups is left out.

use crate::role::{Role, RoleKey, Rule};
use crate::selector::Selector;

/// The cluster roles by their names.
pub(crate) fn cluster_roles() -> impl Iterator<Item = (RoleKey, Role)> {
    let everything = Rule {
        verbs: vec!["*".to_owned()],
        api_groups: vec!["*".to_owned()],
        resources: vec!["*".to_owned()],
        resource_names: Vec::new(),
    };
    let admin = Role {
        rules: vec![everything],
        ..Role::default()
    };
    // `admin` takes over `edit`, and `edit` takes over `view`.
    let aggregated = ["admin", "edit", "view"].map(|name| {
        let label = |name| format!("rbac.authorization.k8s.io/aggregate-to-{name}");
        let above = match name {
            "edit" => Some("admin"),
            "view" => Some("edit"),
            _ => None,
        };
        let role = Role {
            rules: Vec::new(),
            labels: above
                .map(|above| (label(above), "true".to_owned()))
                .into_iter()
                .collect(),
            aggregates: Some(vec![Selector::of_label(&label(name), "true")]),
        };
        (name, role)
    });
    std::iter::once(("cluster-admin", admin))
        .chain(aggregated)
        .map(|(name, role)| {
            let name = name.to_owned();
            (
                RoleKey {
                    namespace: None,
                    name,
                },
                role,
            )
        })
}
