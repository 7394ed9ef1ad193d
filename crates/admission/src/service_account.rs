//! What built-in admission makes of a pod's service account: the plug-in `ServiceAccount`.

use porthole_manifest::{Node, PodTemplate};
use porthole_pod::{Rule, go_quote};

use crate::classes::{Denial, Stage, deny};

porthole_pod::rules! { ApiServer:
    /// A pod's service account is there before the pod. Every namespace has one named `default`.
    SERVICE_ACCOUNT_UNKNOWN = "service-account-unknown";
}

/// The rules of this module.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// The service account of pods that name none.
pub const DEFAULT: &str = "default";

/// The service account that a pod runs as.
#[must_use]
pub fn name<'a>(template: &PodTemplate<'a>) -> &'a str {
    named(template).and_then(Node::as_str).unwrap_or(DEFAULT)
}

/// Where it is named, by its field or by the older one.
fn named<'a>(template: &PodTemplate<'a>) -> Option<Node<'a>> {
    let spec = template.spec_or_unset();
    let fields = ["serviceAccountName", "serviceAccount"].into_iter();
    let mut given = fields.filter_map(|key| spec.field(key));
    given.find(|node| node.as_str().is_some_and(|name| !name.is_empty()))
}

/// What is said where the service account is not in the namespace.
#[must_use]
pub fn denial(template: &PodTemplate<'_>, namespace: &str) -> Denial {
    let name = name(template);
    let text = format!(
        "error looking up service account {namespace}/{name}: serviceaccount {} not found",
        go_quote(name)
    );
    let spec = template.spec_or_unset();
    let span = named(template).unwrap_or(spec).span();
    let field = format!("{}.serviceAccountName", template.prefix);
    deny(
        Stage::BeforeValidation,
        &SERVICE_ACCOUNT_UNKNOWN,
        &field,
        text,
        span,
    )
}

#[cfg(test)]
mod tests {
    use porthole_manifest::{Limits, objects, parse, pod_template};

    use super::*;

    fn ask(kind: &str, spec: &str) -> (String, String, String) {
        let text = format!("{{apiVersion: v1, kind: {kind}, metadata: {{name: x}}, {spec}}}");
        let stream = parse(&text, &Limits::default());
        let objects = objects(&stream.documents[0]);
        let template = pod_template(&objects[0]).expect("a workload has one");
        let finding = denial(&template, "team").finding;
        let at = finding
            .span
            .map(|span| stream.documents[0].slice(span).to_owned());
        (finding.field, finding.detail, at.unwrap_or_default())
    }

    #[test]
    fn a_service_account_is_named_by_either_field_or_is_the_default_one() {
        for (spec, name, at) in [
            ("spec: {serviceAccountName: web}", "web", "web"),
            (
                "spec: {serviceAccountName: '', serviceAccount: old}",
                "old",
                "old",
            ),
            (
                "spec: {serviceAccountName: web, serviceAccount: old}",
                "web",
                "web",
            ),
            ("spec: {hostNetwork: true}", "default", "{hostNetwork: true}"),
        ] {
            let (field, detail, place) = ask("Pod", spec);
            assert_eq!(field, "spec.serviceAccountName");
            assert_eq!(
                detail,
                format!("error looking up service account team/{name}: serviceaccount \"{name}\" not found")
            );
            assert_eq!(place, at);
        }
        let (field, ..) = ask(
            "ReplicationController",
            "spec: {template: {spec: {serviceAccountName: web}}}",
        );
        assert_eq!(field, "spec.template.spec.serviceAccountName");
    }
}
