//! The objects that stand beside pods: namespaces, roles, bindings, classes, configuration, services.

use serde_json::{Value, json};

use crate::author;
use crate::random::Random;
use crate::tree::Tree;

/// A kind of them.
#[derive(Debug)]
pub struct Kind {
    /// `apiVersion`.
    pub api_version: &'static str,
    /// `kind`.
    pub kind: &'static str,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Where fields are added: the place, the name of the struct there, and which of its fields; all where none is named.
    pub grows: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// The kinds whose rules porthole knows.
pub const KINDS: &[Kind] = &[
    Kind {
        api_version: "v1",
        kind: "ConfigMap",
        namespaced: true,
        grows: &[("", "core/v1.ConfigMap", &["data", "binaryData", "immutable"])],
    },
    Kind {
        api_version: "v1",
        kind: "Secret",
        namespaced: true,
        grows: &[("", "core/v1.Secret", &["data", "stringData", "type", "immutable"])],
    },
    Kind {
        api_version: "v1",
        kind: "Service",
        namespaced: true,
        grows: &[
            ("spec", "core/v1.ServiceSpec", SERVICE),
            ("spec", "core/v1.ServiceSpec", &["ports", "type"]),
        ],
    },
    Kind {
        api_version: "v1",
        kind: "ServiceAccount",
        namespaced: true,
        grows: &[("", "core/v1.ServiceAccount", &[])],
    },
    Kind {
        api_version: "v1",
        kind: "Namespace",
        namespaced: false,
        grows: &[("spec", "core/v1.NamespaceSpec", &[])],
    },
    Kind {
        api_version: "v1",
        kind: "PersistentVolumeClaim",
        namespaced: true,
        grows: &[("spec", "core/v1.PersistentVolumeClaimSpec", &[])],
    },
    Kind {
        api_version: RBAC,
        kind: "Role",
        namespaced: true,
        grows: &[("", "rbac/v1.Role", &["rules"])],
    },
    Kind {
        api_version: RBAC,
        kind: "ClusterRole",
        namespaced: false,
        grows: &[("", "rbac/v1.ClusterRole", &["rules", "aggregationRule"])],
    },
    Kind {
        api_version: RBAC,
        kind: "RoleBinding",
        namespaced: true,
        grows: &[("", "rbac/v1.RoleBinding", &["subjects", "roleRef"])],
    },
    Kind {
        api_version: RBAC,
        kind: "ClusterRoleBinding",
        namespaced: false,
        grows: &[("", "rbac/v1.ClusterRoleBinding", &["subjects", "roleRef"])],
    },
    Kind {
        api_version: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        namespaced: false,
        grows: &[("", "scheduling/v1.PriorityClass", &[])],
    },
    Kind {
        api_version: "node.k8s.io/v1",
        kind: "RuntimeClass",
        namespaced: false,
        grows: &[("", "node/v1.RuntimeClass", &[])],
    },
];

/// All fields of a service that say something to the API server.
const SERVICE: &[&str] = &[
    "ports",
    "type",
    "selector",
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "externalIPs",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "loadBalancerClass",
    "allocateLoadBalancerNodePorts",
    "externalTrafficPolicy",
    "internalTrafficPolicy",
    "healthCheckNodePort",
    "trafficDistribution",
    "sessionAffinity",
    "sessionAffinityConfig",
    "externalName",
    "publishNotReadyAddresses",
];

/// Labels of namespaces, right ones before wrong ones.
const LEVELS: &[(&str, &str)] = &[
    ("enforce", "baseline"),
    ("enforce", "restricted"),
    ("enforce-version", "v1.25"),
    ("warn", "privileged"),
    ("audit-version", "latest"),
    ("enforce", "strict"),
    ("warn-version", "1.25"),
    ("audit", ""),
];

impl Kind {
    /// An object of the kind, right in itself.
    pub fn object(&self, random: &mut Random, namespace: Option<&str>) -> Tree {
        let mut object: Tree = json!({"apiVersion": self.api_version, "kind": self.kind}).into();
        let namespace = namespace.filter(|_| self.namespaced);
        object.set("metadata", author::metadata(random, namespace));
        if self.kind == "Namespace" && random.chance(60) {
            let (key, level) = random.pick(LEVELS).copied().unwrap_or(LEVELS[0]);
            let labels = json!({format!("pod-security.kubernetes.io/{key}"): level});
            if let Some(metadata) = object.get_mut("metadata") {
                metadata.set("labels", labels);
            }
        }
        if let Value::Object(rest) = self.rest() {
            for (key, value) in rest {
                object.set(&key, value);
            }
        }
        object
    }

    /// What stands beside the metadata.
    fn rest(&self) -> Value {
        let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
        let binding = |kind: &str| json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r"}});
        match self.kind {
            "ConfigMap" => json!({"data": {"a": "b"}}),
            "Secret" => json!({"stringData": {"a": "b"}}),
            "Service" => json!({"spec": {"ports": [{"port": 80}], "selector": {"app": "w"}}}),
            "Namespace" => json!({"spec": {}}),
            "PersistentVolumeClaim" => json!({"spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}}
            }}),
            "Role" | "ClusterRole" => json!({"rules": [rule]}),
            "RoleBinding" => binding("Role"),
            "ClusterRoleBinding" => binding("ClusterRole"),
            "PriorityClass" => json!({"value": 5}),
            "RuntimeClass" => json!({"handler": "runhcs-wcow-process"}),
            _ => json!({}),
        }
    }
}
