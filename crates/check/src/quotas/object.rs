//! Whether there is room for an object that is no pod, and for the claims that it makes.

use porthole_admission::quota::{self, Quota};
use porthole_manifest::{Node, Object, pod_template};
use porthole_pod::{Finding, Severity, Status, created_name, schema};

use super::{ROOM, Said};
use crate::live::{Part, namespace_of};
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
        let group = kind.api_version.split_once('/').map_or("", |(group, _)| group);
        let name = created_name(object.node.child("metadata"));
        Some(Status::refused(kind.kind, group, &name, &finding.detail))
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
    let mut ask = |claim: Node<'_>, field: String, made: &str| {
        let span = claim.child("spec").field("resources").unwrap_or(claim).span();
        let finding = quota::check_claim(claim, (format!("{field}.spec.resources"), span), quotas, version);
        findings.extend(finding.map(|mut finding| {
            finding.severity = Severity::Warning;
            finding.with_help(format!("{ROOM}: {made}"))
        }));
    };
    if (object.group(), object.kind) == ("apps", Some("StatefulSet")) {
        let claims = object.node.child("spec").child("volumeClaimTemplates");
        for (index, claim) in claims.items().enumerate() {
            let made = "the StatefulSet is taken, and the claims that it makes are refused";
            ask(claim, format!("spec.volumeClaimTemplates[{index}]"), made);
        }
    }
    if let Some((prefix, spec)) = pod_template(object).and_then(|pod| Some((pod.prefix, pod.spec?))) {
        for (index, volume) in spec.child("volumes").items().enumerate() {
            if let Some(claim) = volume.child("ephemeral").field("volumeClaimTemplate") {
                let made = "the pod is taken and waits: the claim that it makes is refused";
                let field = format!("{prefix}.volumes[{index}].ephemeral.volumeClaimTemplate");
                ask(claim, field, made);
            }
        }
    }
    findings
}
