//! What an object needs in its cluster before it can be made: its namespace, and a pod's service account.
//!
//! Of files alone nothing is said: they need not hold all that a cluster has.

use porthole_admission::service_account;
use porthole_manifest::{Object, PodTemplate, WorkloadKind};
use porthole_pod::{ErrorKind, Finding, Severity, Status, schema};

use crate::api_server::forbidden;
use crate::live::{Part, namespace_of};
use crate::settings::Settings;
use crate::world::World;

porthole_pod::rules! { ApiServer:
    /// The namespace of an object is there before the object.
    NAMESPACE_UNKNOWN = "namespace-unknown";
}

/// The rules of this module.
pub(crate) fn rules() -> &'static [&'static porthole_pod::Rule] {
    RULES
}

const LACKING: &str = "neither the files nor the cluster have it";

/// What is said where something is not there.
#[derive(Default)]
pub(crate) struct Said {
    /// The API server's answer.
    pub(crate) refused: Option<Status>,
    /// Why.
    pub(crate) findings: Vec<Finding>,
}

/// Asks of an object that is created; `template` is its pod, where it has one.
pub(crate) fn ask(
    object: &Object<'_>,
    template: Option<&PodTemplate<'_>>,
    world: &World<'_>,
    settings: &Settings,
) -> Said {
    let namespace = namespace_of(object, settings);
    if world.knows(Part::Namespaces) && world.namespace(namespace).is_none() && is_in_namespace(object) {
        return without_namespace(object, namespace);
    }
    let Some(template) = template.filter(|template| template.kind != WorkloadKind::PodTemplate) else {
        return Said::default();
    };
    let name = service_account::name(template);
    // A controller gives one to each namespace that is made.
    let is_made = name == service_account::DEFAULT && !world.is_live(namespace);
    if !world.knows(Part::ServiceAccounts) || is_made || world.has_account(namespace, name) {
        return Said::default();
    }
    let denial = service_account::denial(template, namespace);
    let refused = (template.kind == WorkloadKind::Pod).then(|| forbidden(template, &denial));
    Said {
        refused,
        findings: vec![denial.finding.with_help(in_neither(template))],
    }
}

fn without_namespace(object: &Object<'_>, namespace: &str) -> Said {
    let status = Status::not_found("namespaces", namespace);
    let metadata = object.node.child("metadata");
    let span = metadata.field("namespace").unwrap_or(metadata).span();
    let mut finding = Finding::remark(
        &NAMESPACE_UNKNOWN,
        Severity::Error,
        "metadata.namespace",
        status.message.clone(),
        span,
    );
    finding.kind = ErrorKind::Denied;
    Said {
        refused: Some(status),
        findings: vec![finding.with_help(format!("{LACKING}: make it first"))],
    }
}

/// What becomes of a workload whose pods are refused.
pub(crate) fn but_not_its_pods(kind: WorkloadKind) -> String {
    format!(
        "the {} is taken, and the pods that it makes are refused",
        kind.name()
    )
}

/// What there is to say of something that a pod needs and that is not there.
pub(crate) fn in_neither(template: &PodTemplate<'_>) -> String {
    match template.kind {
        WorkloadKind::Pod => LACKING.to_owned(),
        kind => format!("{LACKING}: {}", but_not_its_pods(kind)),
    }
}

/// Whether the object is of a kind that is in a namespace.
fn is_in_namespace(object: &Object<'_>) -> bool {
    let (Some(version), Some(kind)) = (object.api_version, object.kind) else {
        return false;
    };
    // Who may do what is answered for namespaces that are not there as well.
    schema::kind(version, kind).is_some_and(|known| known.namespaced) && kind != "LocalSubjectAccessReview"
}
