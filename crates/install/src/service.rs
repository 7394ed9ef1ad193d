//! Where the server is: its namespace, its account, its service and who reaches it.

use serde_json::json;

use crate::object::{Kind, Object, selector};
use crate::settings::Settings;

/// The namespace. Pod Security lets nothing into it that may do more than the server, and warns of what would make it.
pub(crate) fn namespace(settings: &Settings) -> Object {
    Object::new(Kind::NAMESPACE, &settings.namespace, settings, json!({}))
        .label("pod-security.kubernetes.io/enforce", "restricted")
        .label("pod-security.kubernetes.io/warn", "restricted")
}

/// The account that the server acts as. Its pods ask for the token; no other pod of this account gets it unasked.
pub(crate) fn account(settings: &Settings) -> Object {
    let body = json!({"automountServiceAccountToken": false});
    Object::new(Kind::SERVICE_ACCOUNT, &settings.name, settings, body)
}

/// The service that the API server asks.
pub(crate) fn service(settings: &Settings) -> Object {
    let body = json!({"spec": {
        "selector": selector(settings),
        "ports": [{"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"}],
    }});
    Object::new(Kind::SERVICE, &settings.name, settings, body)
}

/// Only the server's port is reached. From where the API server and the kubelet come no policy can say.
pub(crate) fn network_policy(settings: &Settings) -> Object {
    let body = json!({"spec": {
        "podSelector": {"matchLabels": selector(settings)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": "https", "protocol": "TCP"}]}],
    }});
    Object::new(Kind::NETWORK_POLICY, &settings.name, settings, body)
}
