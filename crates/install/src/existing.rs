//! What an installation of kubernetes-sigs/windows-gmsa is recognised by, whoever made it and whatever it is called.
//!
//! Its webhooks have one name that nobody changes. They lead to a Service, that to a Deployment, and that to the account that the
//! server acts as.

use serde_json::{Map, Value};

/// The name of its webhooks, in both configurations.
pub const WEBHOOK: &str = "admission-webhook.windows-gmsa.sigs.k8s.io";

/// Whether a configuration registers it.
#[must_use]
pub fn registers(configuration: &Value) -> bool {
    webhooks(configuration).any(|webhook| webhook["name"] == WEBHOOK)
}

/// Whether it registers nothing else, so that it can be removed.
#[must_use]
pub fn registers_only(configuration: &Value) -> bool {
    registers(configuration) && webhooks(configuration).all(|webhook| webhook["name"] == WEBHOOK)
}

/// Namespace and name of the Service that a configuration leads to; nothing where it leads to a URL.
#[must_use]
pub fn service(configuration: &Value) -> Option<(&str, &str)> {
    let service =
        &webhooks(configuration).find(|webhook| webhook["name"] == WEBHOOK)?["clientConfig"]["service"];
    Some((service["namespace"].as_str()?, service["name"].as_str()?))
}

fn webhooks(configuration: &Value) -> impl Iterator<Item = &Value> {
    configuration["webhooks"].as_array().into_iter().flatten()
}

/// Whether a Service leads to the pods of a Deployment.
#[must_use]
pub fn leads_to(service: &Value, deployment: &Value) -> bool {
    let selector = service["spec"]["selector"].as_object();
    selector.is_some_and(|selector| {
        !selector.is_empty() && has_labels(&deployment["spec"]["template"]["metadata"]["labels"], selector)
    })
}

fn has_labels(labels: &Value, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, value)| labels[name] == *value)
}

/// Whether a budget is for the pods of a Deployment and for no others.
#[must_use]
pub fn is_budget_of(budget: &Value, deployment: &Value) -> bool {
    let labels = budget["spec"]["selector"]["matchLabels"].as_object();
    labels.is_some_and(|labels| {
        !labels.is_empty() && has_labels(&deployment["spec"]["template"]["metadata"]["labels"], labels)
    })
}

/// The account that a Deployment's pods act as, where they have one of their own.
#[must_use]
pub fn account(deployment: &Value) -> Option<&str> {
    let account = deployment["spec"]["template"]["spec"]["serviceAccountName"].as_str();
    account.filter(|account| !account.is_empty() && *account != "default")
}

/// The Secrets that a Deployment's pods mount.
pub fn secrets(deployment: &Value) -> impl Iterator<Item = &str> {
    let volumes = deployment["spec"]["template"]["spec"]["volumes"].as_array();
    volumes
        .into_iter()
        .flatten()
        .filter_map(|volume| volume["secret"]["secretName"].as_str())
}

/// Whether a binding is for that account and for nobody else.
#[must_use]
pub fn binds_only(binding: &Value, namespace: &str, account: &str) -> bool {
    let subjects = binding["subjects"].as_array().map_or(&[][..], Vec::as_slice);
    !subjects.is_empty()
        && subjects.iter().all(|subject| {
            subject["kind"] == "ServiceAccount"
                && subject["name"] == account
                && subject["namespace"] == namespace
        })
}

/// Whether a role gives what such a server needs and nothing else.
#[must_use]
pub fn is_role(role: &Value) -> bool {
    let rules = role["rules"].as_array().map_or(&[][..], Vec::as_slice);
    let known = ["gmsacredentialspecs", "localsubjectaccessreviews"];
    !rules.is_empty()
        && rules.iter().all(|rule| {
            let resources = rule["resources"].as_array().map_or(&[][..], Vec::as_slice);
            !resources.is_empty()
                && resources.iter().all(|resource| {
                    resource
                        .as_str()
                        .is_some_and(|resource| known.contains(&resource))
                })
        })
}

/// The Helm release that an object is of: its namespace and its name.
#[must_use]
pub fn release(object: &Value) -> Option<(&str, &str)> {
    let annotations = &object["metadata"]["annotations"];
    let text = |name: &str| annotations[name].as_str();
    Some((
        text("meta.helm.sh/release-namespace")?,
        text("meta.helm.sh/release-name")?,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_known_by_its_webhook_and_leads_to_a_service() {
        let old = json!({"name": WEBHOOK, "clientConfig": {"service": {"namespace": "n", "name": "s"}}});
        let other = json!({"name": "a.b.c", "clientConfig": {"url": "https://x"}});
        let alone = json!({"webhooks": [old]});
        let beside = json!({"webhooks": [other, old]});
        assert!(registers(&alone) && registers_only(&alone));
        assert!(registers(&beside) && !registers_only(&beside));
        assert_eq!(service(&beside), Some(("n", "s")));
        for none in [json!({}), json!({"webhooks": [other]}), json!({"webhooks": "x"})] {
            assert!(!registers(&none) && service(&none).is_none());
        }
    }

    #[test]
    fn a_service_without_a_selector_leads_nowhere() {
        let deployment = json!({"spec": {"template": {"metadata": {"labels": {"app": "gmsa", "x": "y"}}}}});
        let service = |selector: Value| json!({"spec": {"selector": selector}});
        assert!(leads_to(&service(json!({"app": "gmsa"})), &deployment));
        assert!(!leads_to(&service(json!({"app": "other"})), &deployment));
        assert!(!leads_to(&service(json!({})), &deployment));
        assert!(!leads_to(&service(Value::Null), &deployment));
    }

    #[test]
    fn bindings_and_roles_of_others_are_not_its_own() {
        let subject = |name: &str| json!({"kind": "ServiceAccount", "namespace": "n", "name": name});
        assert!(binds_only(&json!({"subjects": [subject("a")]}), "n", "a"));
        assert!(!binds_only(
            &json!({"subjects": [subject("a"), subject("b")]}),
            "n",
            "a"
        ));
        assert!(!binds_only(&json!({"subjects": [subject("a")]}), "m", "a"));
        assert!(!binds_only(&json!({}), "n", "a"));
        let role = |resources: Value| json!({"rules": [{"resources": resources}]});
        assert!(is_role(&role(json!(["gmsacredentialspecs"]))));
        assert!(!is_role(&role(json!(["gmsacredentialspecs", "secrets"]))));
        assert!(!is_role(&role(json!(["*"]))));
        assert!(!is_role(&json!({"rules": []})));
    }
}
