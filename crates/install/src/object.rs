//! An object of a cluster, and where it is kept.

use serde_json::{Map, Value, json};

use crate::settings::Settings;

/// Who says that an object is an installer's: the value of the label `app.kubernetes.io/managed-by`.
pub const MANAGER: &str = "porthole-install";
/// The label that says so.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label with the name of what an object is part of.
const NAME: &str = "app.kubernetes.io/name";
/// The value of it.
const PORTHOLE: &str = "porthole";

/// A kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Group and version.
    pub api_version: &'static str,
    /// The kind.
    pub name: &'static str,
    /// Its plural in paths.
    pub plural: &'static str,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
}

impl Kind {
    /// Definitions of kinds.
    pub const DEFINITION: Self = Self::of_cluster(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    );
    /// GMSA credential specs.
    pub const CREDENTIAL_SPEC: Self =
        Self::of_cluster("windows.k8s.io/v1", "GMSACredentialSpec", "gmsacredentialspecs");
    /// Namespaces.
    pub const NAMESPACE: Self = Self::of_cluster("v1", "Namespace", "namespaces");
    /// Service accounts.
    pub const SERVICE_ACCOUNT: Self = Self::of_namespace("v1", "ServiceAccount", "serviceaccounts");
    /// Roles of the whole cluster.
    pub const CLUSTER_ROLE: Self =
        Self::of_cluster("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles");
    /// Their bindings.
    pub const CLUSTER_ROLE_BINDING: Self = Self::of_cluster(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
    );
    /// Roles of a namespace.
    pub const ROLE: Self = Self::of_namespace("rbac.authorization.k8s.io/v1", "Role", "roles");
    /// Their bindings.
    pub const ROLE_BINDING: Self =
        Self::of_namespace("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings");
    /// Services.
    pub const SERVICE: Self = Self::of_namespace("v1", "Service", "services");
    /// Secrets.
    pub const SECRET: Self = Self::of_namespace("v1", "Secret", "secrets");
    /// Leases, by which one of several is the leader.
    pub const LEASE: Self = Self::of_namespace("coordination.k8s.io/v1", "Lease", "leases");
    /// Deployments.
    pub const DEPLOYMENT: Self = Self::of_namespace("apps/v1", "Deployment", "deployments");
    /// Budgets of disruptions.
    pub const DISRUPTION_BUDGET: Self =
        Self::of_namespace("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets");
    /// Network policies.
    pub const NETWORK_POLICY: Self =
        Self::of_namespace("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies");
    /// cert-manager's issuers.
    pub const ISSUER: Self = Self::of_namespace("cert-manager.io/v1", "Issuer", "issuers");
    /// cert-manager's certificates.
    pub const CERTIFICATE: Self = Self::of_namespace("cert-manager.io/v1", "Certificate", "certificates");
    /// cert-manager's issuers for the whole cluster.
    pub const CLUSTER_ISSUER: Self =
        Self::of_cluster("cert-manager.io/v1", "ClusterIssuer", "clusterissuers");
    /// Registrations of webhooks that change objects.
    pub const MUTATING: Self = Self::of_cluster(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    );
    /// Registrations of webhooks that judge objects.
    pub const VALIDATING: Self = Self::of_cluster(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    );

    const fn of_cluster(api_version: &'static str, name: &'static str, plural: &'static str) -> Self {
        Self {
            api_version,
            name,
            plural,
            is_namespaced: false,
        }
    }

    const fn of_namespace(api_version: &'static str, name: &'static str, plural: &'static str) -> Self {
        Self {
            is_namespaced: true,
            ..Self::of_cluster(api_version, name, plural)
        }
    }
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, if its kind has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Reference {
    /// The object of a name, in a namespace where its kind is in one.
    #[must_use]
    pub fn new(kind: Kind, namespace: &str, name: impl Into<String>) -> Self {
        Self {
            kind,
            namespace: kind.is_namespaced.then(|| namespace.to_owned()),
            name: name.into(),
        }
    }
}

impl std::fmt::Display for Reference {
    /// As kubectl names objects: `deployment.apps/porthole-webhook`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind.name.to_lowercase();
        match self.kind.api_version.split_once('/') {
            Some((group, _)) => write!(f, "{kind}.{group}/{}", self.name),
            None => write!(f, "{kind}/{}", self.name),
        }
    }
}

/// An object as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Which one.
    pub reference: Reference,
    /// All of it.
    pub value: Value,
}

impl Object {
    /// An object with what stands beside its metadata.
    pub(crate) fn new(kind: Kind, name: impl Into<String>, settings: &Settings, body: Value) -> Self {
        Self::annotated(kind, name, settings, Map::new(), body)
    }

    /// The same with annotations.
    pub(crate) fn annotated(
        kind: Kind,
        name: impl Into<String>,
        settings: &Settings,
        annotations: Map<String, Value>,
        body: Value,
    ) -> Self {
        let reference = Reference::new(kind, &settings.namespace, name);
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), json!(reference.name));
        if let Some(namespace) = &reference.namespace {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        metadata.insert("labels".to_owned(), labels(settings));
        if !annotations.is_empty() {
            metadata.insert("annotations".to_owned(), Value::Object(annotations));
        }
        let mut value = Map::new();
        value.insert("apiVersion".to_owned(), json!(kind.api_version));
        value.insert("kind".to_owned(), json!(kind.name));
        value.insert("metadata".to_owned(), Value::Object(metadata));
        if let Value::Object(body) = body {
            value.extend(body);
        }
        Self {
            reference,
            value: Value::Object(value),
        }
    }

    /// Adds a label.
    pub(crate) fn label(mut self, name: &str, text: &str) -> Self {
        self.value["metadata"]["labels"][name] = json!(text);
        self
    }
}

/// Labels by which pods are found. They can never change: a Deployment's selector is for ever.
pub(crate) fn selector(settings: &Settings) -> Value {
    json!({
        NAME: PORTHOLE,
        "app.kubernetes.io/component": "webhook",
        "app.kubernetes.io/instance": settings.name,
    })
}

/// Labels of every object.
pub(crate) fn labels(settings: &Settings) -> Value {
    let mut labels = selector(settings);
    labels[MANAGED_BY] = json!(MANAGER);
    labels
}

/// Whether an object of a cluster is one that a server of porthole's made for itself: its Secret, its Lease.
#[must_use]
pub fn is_of_server(object: &Value) -> bool {
    object["metadata"]["labels"][NAME] == PORTHOLE
}

/// Whether an object of a cluster is one that was installed by [`objects`](crate::objects).
#[must_use]
pub fn is_installed(object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    labels[NAME] == PORTHOLE && labels[MANAGED_BY] == MANAGER
}
