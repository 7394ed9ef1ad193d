//! Where the API server keeps objects of a kind.

/// The path of the objects of a kind, such as `/apis/apps/v1/namespaces/default/deployments` of `apps/v1` and
/// `Deployment`; without a namespace for kinds that are in none.
#[must_use]
pub fn collection(api_version: &str, kind: &str, namespace: Option<&str>) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    let within = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
    format!("/{root}/{api_version}{within}/{}", plural(kind))
}

/// The plural in lower case, as the built-in kinds have it.
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_kinds_are() {
        for (version, kind, namespace, path) in [
            ("v1", "Pod", Some("a"), "/api/v1/namespaces/a/pods"),
            (
                "batch/v1",
                "CronJob",
                Some("a"),
                "/apis/batch/v1/namespaces/a/cronjobs",
            ),
            ("v1", "Namespace", None, "/api/v1/namespaces"),
            (
                "networking.k8s.io/v1",
                "NetworkPolicy",
                Some("a"),
                "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies",
            ),
            (
                "node.k8s.io/v1",
                "RuntimeClass",
                None,
                "/apis/node.k8s.io/v1/runtimeclasses",
            ),
        ] {
            assert_eq!(collection(version, kind, namespace), path);
        }
    }
}
