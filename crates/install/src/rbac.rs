//! What the server may do, and who may read credential specs.

use serde_json::{Value, json};

use crate::object::{Kind, Object};
use crate::settings::{Certificates, Settings};

const GROUP: &str = "rbac.authorization.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

/// Roles and bindings.
pub(crate) fn objects(settings: &Settings) -> Vec<Object> {
    let name = &settings.name;
    let mut objects = vec![
        Object::new(
            Kind::CLUSTER_ROLE,
            name,
            settings,
            json!({"rules": of_cluster(settings)}),
        ),
        Object::new(
            Kind::CLUSTER_ROLE_BINDING,
            name,
            settings,
            binding(settings, "ClusterRole"),
        ),
    ];
    if settings.certificates == Certificates::Own {
        let rules = json!({"rules": of_namespace(settings)});
        objects.push(Object::new(Kind::ROLE, name, settings, rules));
        objects.push(Object::new(
            Kind::ROLE_BINDING,
            name,
            settings,
            binding(settings, "Role"),
        ));
    }
    if settings.viewer_role {
        let rules = json!({"rules": [{
            "apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": ["get", "list", "watch"],
        }]});
        let viewer = Object::new(Kind::CLUSTER_ROLE, format!("{name}-viewer"), settings, rules);
        objects.push(viewer.label("rbac.authorization.k8s.io/aggregate-to-view", "true"));
    }
    objects
}

fn of_cluster(settings: &Settings) -> Vec<Value> {
    let mut rules = vec![
        json!({"apiGroups": ["windows.k8s.io"], "resources": ["gmsacredentialspecs"], "verbs": ["get", "list", "watch"]}),
        json!({"apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"], "verbs": ["create"]}),
        json!({"apiGroups": [GROUP], "resources": ["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
            "verbs": ["list", "watch"]}),
        // Labels of namespaces say what is done about host accounts.
        json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}),
    ];
    if settings.certificates == Certificates::Own {
        rules.push(json!({
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
            "resourceNames": [settings.name],
            "verbs": ["get", "patch"],
        }));
    }
    if let Some(signer) = &settings.signer {
        // Requests are called after keys, which no rule could name.
        rules.push(
            json!({"apiGroups": [CERTIFICATES], "resources": ["certificatesigningrequests"],
            "verbs": ["get", "create"]}),
        );
        if signer.approves {
            rules.push(
                json!({"apiGroups": [CERTIFICATES], "resources": ["certificatesigningrequests/approval"],
                "verbs": ["update"]}),
            );
            rules.push(json!({"apiGroups": [CERTIFICATES], "resources": ["signers"],
                "resourceNames": [signer.name], "verbs": ["approve"]}));
        }
    }
    rules
}

/// For certificates of its own. Whoever creates has no name yet that a rule could name.
fn of_namespace(settings: &Settings) -> Value {
    json!([
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [settings.secret()],
            "verbs": ["get", "update"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [settings.name],
            "verbs": ["get", "update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    ])
}

fn binding(settings: &Settings, kind: &str) -> Value {
    json!({
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": settings.name},
        "subjects": [{"kind": "ServiceAccount", "name": settings.name, "namespace": settings.namespace}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Signer;

    /// What may be done with requests for certificates.
    fn of_requests(signer: Option<Signer>) -> Vec<(Value, Value)> {
        let settings = Settings {
            signer,
            ..Settings::default()
        };
        let rules = of_cluster(&settings).into_iter();
        let rules = rules.filter(|rule| rule["apiGroups"] == json!([CERTIFICATES]));
        rules
            .map(|rule| (rule["resources"][0].clone(), rule["verbs"].clone()))
            .collect()
    }

    #[test]
    fn requests_are_made_and_approved_only_where_that_is_chosen() {
        let signer = |approves| Signer {
            name: "example.com/serving".to_owned(),
            approves,
            authority: None,
        };
        let asks = (json!("certificatesigningrequests"), json!(["get", "create"]));
        assert_eq!(of_requests(None), []);
        assert_eq!(of_requests(Some(signer(false))), std::slice::from_ref(&asks));
        let approves = [
            asks,
            (json!("certificatesigningrequests/approval"), json!(["update"])),
            (json!("signers"), json!(["approve"])),
        ];
        assert_eq!(of_requests(Some(signer(true))), approves);
    }
}
