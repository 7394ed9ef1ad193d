//! By what the API server asks the server.

use porthole_admission::{LEFT_ALONE, WEBHOOK as PODS};
use serde_json::{Map, Value, json};

use crate::conditions;
use crate::object::{Kind, Object};
use crate::settings::{Certificates, Settings};

/// What is asked about everything else that can bring annotations to a pod.
const ANNOTATIONS: &str = "annotations.porthole.dev";

/// Both configurations: the one that judges first, so that no pod is changed that is not judged.
///
/// `bundle` is the PEM of the authorities that the server is trusted by, in base64. Where nobody else puts it there, an API
/// server has to be told: without, it trusts those of its system, and refuses every pod that it asks about.
#[must_use]
pub fn configurations(settings: &Settings, bundle: Option<&str>) -> [Object; 2] {
    [Kind::VALIDATING, Kind::MUTATING].map(|kind| {
        let webhooks = webhooks(settings, kind, bundle);
        let mut annotations = Map::new();
        if settings.certificates == Certificates::CertManager {
            let from = format!("{}/{}", settings.namespace, settings.name);
            annotations.insert("cert-manager.io/inject-ca-from".to_owned(), json!(from));
        }
        let body = json!({"webhooks": webhooks});
        Object::annotated(kind, &settings.name, settings, annotations, body)
    })
}

/// The names of the webhooks of one of the configurations.
#[must_use]
pub fn webhook_names(settings: &Settings, kind: Kind) -> Vec<&'static str> {
    let mut names = vec![PODS];
    if kind == Kind::VALIDATING && guards_annotations(settings) {
        names.push(ANNOTATIONS);
    }
    names
}

/// One of the [`configurations`] with nothing but its caBundle: what another manager of fields applies who is to keep it.
#[must_use]
pub fn bundle_only(settings: &Settings, kind: Kind, bundle: &str) -> Value {
    let names = webhook_names(settings, kind);
    let webhooks = names
        .iter()
        .map(|name| json!({"name": name, "clientConfig": {"caBundle": bundle}}));
    json!({
        "apiVersion": kind.api_version, "kind": kind.name,
        "metadata": {"name": settings.name},
        "webhooks": webhooks.collect::<Vec<_>>(),
    })
}

/// Kubelets change the status of every pod all the time: where the API server cannot tell which of them matter, all would be
/// asked about. Without a `RuntimeClass` of porthole's nobody obeys the annotation.
fn guards_annotations(settings: &Settings) -> bool {
    settings.has_conditions() || !settings.runtime_classes.is_empty()
}

fn webhooks(settings: &Settings, kind: Kind, bundle: Option<&str>) -> Vec<Value> {
    let judges = kind == Kind::VALIDATING;
    let path = if judges { "/validate" } else { "/mutate" };
    let operations: &[&str] = if judges {
        &["CREATE", "UPDATE"]
    } else {
        &["CREATE"]
    };
    let pods = [
        rule("pods", operations),
        rule("pods/ephemeralcontainers", &["UPDATE"]),
    ];
    let concerns = ("concerns-porthole", conditions::concerns(settings));
    let mut pods = webhook(settings, PODS, path, bundle, &pods, concerns);
    if !judges {
        // What another webhook adds is seen too.
        pods["reinvocationPolicy"] = json!("IfNeeded");
    }
    let mut webhooks = vec![pods];
    if judges && guards_annotations(settings) {
        let rules = [
            rule("pods/status", &["UPDATE"]),
            rule("pods/binding", &["CREATE"]),
            rule("bindings", &["CREATE"]),
        ];
        let changes = (
            "changes-annotations-of-porthole",
            conditions::changes_annotations(),
        );
        webhooks.push(webhook(settings, ANNOTATIONS, path, bundle, &rules, changes));
    }
    webhooks
}

fn rule(resource: &str, operations: &[&str]) -> Value {
    json!({
        "apiGroups": [""], "apiVersions": ["v1"], "resources": [resource],
        "operations": operations, "scope": "Namespaced",
    })
}

fn webhook(
    settings: &Settings,
    name: &str,
    path: &str,
    bundle: Option<&str>,
    rules: &[Value],
    (condition, expression): (&str, String),
) -> Value {
    let mut client = json!({"service": {
        "namespace": settings.namespace, "name": settings.name, "path": path, "port": 443,
    }});
    if let Some(bundle) = bundle {
        client["caBundle"] = json!(bundle);
    }
    let mut webhook = json!({
        "name": name,
        "clientConfig": client,
        "rules": rules,
        "namespaceSelector": {"matchExpressions": namespaces(settings)},
        "failurePolicy": settings.failure_policy.word(),
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": settings.timeout,
        "admissionReviewVersions": ["v1"],
    });
    if settings.has_conditions() {
        webhook["matchConditions"] = json!([{"name": condition, "expression": expression}]);
    }
    webhook
}

/// Which namespaces are looked at. Neither the cluster's own nor the server's, so that both can start while no server
/// answers.
fn namespaces(settings: &Settings) -> Vec<Value> {
    let mut excluded = vec![LEFT_ALONE, settings.namespace.as_str()];
    for namespace in &settings.excluded_namespaces {
        if !excluded.contains(&namespace.as_str()) {
            excluded.push(namespace);
        }
    }
    let mut expressions =
        vec![json!({"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": excluded})];
    for (label, value) in &settings.namespace_labels {
        expressions.push(json!({"key": label, "operator": "In", "values": [value]}));
    }
    expressions
}

#[cfg(test)]
mod tests {
    use porthole_pod::Version;

    use super::*;

    fn old() -> Settings {
        Settings {
            kubernetes: Version::new(27).unwrap(),
            ..Settings::default()
        }
    }

    #[test]
    fn conditions_are_there_where_the_api_server_knows_them() {
        for (settings, known) in [(Settings::default(), true), (old(), false)] {
            for configuration in configurations(&settings, None) {
                let text = configuration.value.to_string();
                assert_eq!(text.contains("matchConditions"), known, "{text}");
            }
        }
    }

    #[test]
    fn without_conditions_nobody_is_asked_about_every_status() {
        let mut settings = old();
        let text = configurations(&settings, None)[0].value.to_string();
        assert!(!text.contains("pods/status"), "{text}");
        settings.runtime_classes.push("porthole".to_owned());
        let text = configurations(&settings, None)[0].value.to_string();
        assert!(
            text.contains("pods/status") && text.contains("bindings"),
            "{text}"
        );
    }

    #[test]
    fn the_bundle_is_that_of_every_webhook() {
        let settings = Settings::default();
        for configuration in configurations(&settings, Some("QQ==")) {
            let kind = configuration.reference.kind;
            let webhooks = configuration.value["webhooks"].as_array().unwrap();
            let names: Vec<_> = webhooks
                .iter()
                .map(|webhook| webhook["name"].as_str().unwrap())
                .collect();
            assert_eq!(names, webhook_names(&settings, kind));
            assert!(
                webhooks
                    .iter()
                    .all(|webhook| webhook["clientConfig"]["caBundle"] == "QQ==")
            );
            let only = bundle_only(&settings, kind, "QQ==");
            assert_eq!(only["webhooks"].as_array().unwrap().len(), names.len());
        }
    }

    #[test]
    fn the_cluster_s_own_namespaces_are_left_alone() {
        let settings = Settings {
            excluded_namespaces: vec!["kube-system".to_owned(), "infra".to_owned()],
            namespace_labels: vec![("gmsa".to_owned(), "yes".to_owned())],
            ..Settings::default()
        };
        assert_eq!(
            json!(namespaces(&settings)),
            json!([
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn",
                    "values": ["kube-system", "porthole-system", "infra"]},
                {"key": "gmsa", "operator": "In", "values": ["yes"]},
            ])
        );
    }
}
