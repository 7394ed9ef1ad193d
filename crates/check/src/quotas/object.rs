//! Whether there is room for an object that is no pod, and for the claims that it makes.

use porthole_admission::quota::{self, Quota};
use porthole_manifest::{Object, pod_template};
use porthole_pod::{Finding, Severity, Status, created_name, schema};

use super::{ROOM, Said};
use crate::live::{Part, namespace_of};
use crate::made_claims::{Maker, made_claims};
use crate::settings::Settings;
use crate::world::World;

/// Asks of an object that is created, or made of an `old` one.
pub(super) fn ask(
    object: &Object<'_>,
    old: Option<&Object<'_>>,
    world: &World<'_>,
    settings: &Settings,
) -> Said {
    let quotas = world.quotas();
    let namespace = namespace_of(object, settings);
    let version = settings.options.kubernetes_version;
    let is_known = !world.is_of_cluster() || world.knows(Part::Quotas);
    let check = |quotas: &[Quota<'_>]| quota::check_object(object, old, quotas, version);
    let live = is_known.then(|| check(&quotas.quotas_of(&quotas.live, namespace)));
    let denied = live.flatten().and_then(|finding| {
        let kind = schema::kind(object.api_version?, object.kind?)?;
        let name = created_name(object.node.child("metadata"));
        Some(Status::refused(kind.kind, kind.group(), &name, &finding.detail))
    });
    let will_be = quotas.quotas_of(&quotas.of, namespace);
    let mut findings = Vec::new();
    if let Some(mut finding) = check(&will_be) {
        if !is_known {
            finding.severity = Severity::Warning;
        }
        findings.push(finding.with_help(ROOM));
    }
    if old.is_none() {
        findings.extend(of_claims(object, &will_be, settings));
    }
    Said { denied, findings }
}

/// Of the claims that an object makes, one by one: there may be room when they are made.
fn of_claims(object: &Object<'_>, quotas: &[Quota<'_>], settings: &Settings) -> Vec<Finding> {
    let version = settings.options.kubernetes_version;
    let mut findings = Vec::new();
    for claim in made_claims(object, pod_template(object).as_ref()) {
        let node = claim.node;
        let span = node.child("spec").field("resources").unwrap_or(node).span();
        let field = format!("{}.spec.resources", claim.field);
        let Some(mut finding) = quota::check_claim(node, (field, span), quotas, version) else {
            continue;
        };
        finding.severity = Severity::Warning;
        let made = match claim.by {
            Maker::StatefulSet => "the StatefulSet is taken, and the claims that it makes are refused",
            Maker::Pod => "the pod is taken and waits: the claim that it makes is refused",
        };
        findings.push(finding.with_help(format!("{ROOM}: {made}")));
    }
    findings
}
