//! Where the API server keeps objects.

use std::fmt::Write as _;

/// A kind of objects, and where the server keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    /// `apiVersion`, such as `v1` or `node.k8s.io/v1`.
    pub api_version: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// Its plural in paths.
    pub plural: &'a str,
}

impl Resource<'static> {
    /// Namespaces.
    pub const NAMESPACES: Self = Resource::new("v1", "Namespace", "namespaces");
    /// Service accounts.
    pub const SERVICE_ACCOUNTS: Self = Self::new("v1", "ServiceAccount", "serviceaccounts");
    /// Roles of a namespace.
    pub const ROLES: Self = Self::rbac("Role", "roles");
    /// Their bindings.
    pub const ROLE_BINDINGS: Self = Self::rbac("RoleBinding", "rolebindings");
    /// Roles of the whole cluster.
    pub const CLUSTER_ROLES: Self = Self::rbac("ClusterRole", "clusterroles");
    /// Their bindings.
    pub const CLUSTER_ROLE_BINDINGS: Self = Self::rbac("ClusterRoleBinding", "clusterrolebindings");
    /// Resource quotas.
    pub const RESOURCE_QUOTAS: Self = Self::new("v1", "ResourceQuota", "resourcequotas");
    /// Limit ranges.
    pub const LIMIT_RANGES: Self = Self::new("v1", "LimitRange", "limitranges");
    /// Runtime classes.
    pub const RUNTIME_CLASSES: Self = Self::new("node.k8s.io/v1", "RuntimeClass", "runtimeclasses");
    /// Priority classes.
    pub const PRIORITY_CLASSES: Self = Self::new("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses");
    /// GMSA credential specs.
    pub const CREDENTIAL_SPECS: Self =
        Self::new("windows.k8s.io/v1", "GMSACredentialSpec", "gmsacredentialspecs");

    /// Questions whether somebody may do something in a namespace. None of them is kept.
    pub const LOCAL_ACCESS_REVIEWS: Self = Self::new(
        "authorization.k8s.io/v1",
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
    );

    const fn rbac(kind: &'static str, plural: &'static str) -> Self {
        Self::new("rbac.authorization.k8s.io/v1", kind, plural)
    }
}

impl<'a> Resource<'a> {
    /// A resource.
    #[must_use]
    pub const fn new(api_version: &'a str, kind: &'a str, plural: &'a str) -> Self {
        Self {
            api_version,
            kind,
            plural,
        }
    }

    /// The path of all objects, in a namespace or in the whole cluster.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let mut path = format!("/{root}/{}", self.api_version);
        if let Some(namespace) = namespace {
            let _ = write!(path, "/namespaces/{}", encoded(namespace));
        }
        let _ = write!(path, "/{}", self.plural);
        path
    }

    /// The path of one object; nothing where no object can have that name.
    #[must_use]
    pub fn path_of(&self, namespace: Option<&str>, name: &str) -> Option<String> {
        let leads_away = |name: &str| name == "." || name == ".." || name.contains(['/', '%']);
        let possible = |name: &str| !name.is_empty() && name.len() <= 253 && !leads_away(name);
        (possible(name) && namespace.is_none_or(possible))
            .then(|| format!("{}/{}", self.path(namespace), encoded(name)))
    }
}

/// A segment of a path or a value of a query: only what means nothing in a URL stays as it is.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_where_the_api_server_keeps_them() {
        assert_eq!(Resource::NAMESPACES.path(None), "/api/v1/namespaces");
        assert_eq!(
            Resource::ROLES.path(Some("team")),
            "/apis/rbac.authorization.k8s.io/v1/namespaces/team/roles"
        );
        assert_eq!(
            Resource::SERVICE_ACCOUNTS.path_of(Some("team"), "web").as_deref(),
            Some("/api/v1/namespaces/team/serviceaccounts/web")
        );
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["", ".", "..", "a/b", "%2e%2e", &"x".repeat(254)] {
            assert_eq!(Resource::NAMESPACES.path_of(None, name), None, "{name}");
            assert_eq!(
                Resource::SERVICE_ACCOUNTS.path_of(Some(name), "web"),
                None,
                "{name}"
            );
        }
        assert_eq!(
            Resource::NAMESPACES.path_of(None, "a?b#ü").as_deref(),
            Some("/api/v1/namespaces/a%3Fb%23%C3%BC")
        );
    }
}
