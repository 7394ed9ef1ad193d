//! Limit ranges: whether they let a pod or a claim pass, by those of the files and of the cluster.

use porthole_admission::classes::{self, Stage};
use porthole_admission::limit_range;
use porthole_manifest::{Node, Object, PodTemplate, WorkloadKind};
use porthole_pod::{Finding, Severity, Status, created_name};

use crate::existence::but_not_its_pods;
use crate::live::{Part, namespace_of};
use crate::settings::Settings;
use crate::world::World;

/// What is said where they do not.
#[derive(Default)]
pub(crate) struct Said {
    /// What the API server finds invalid once they have filled in what the pod does not say, by what the cluster has.
    pub(crate) invalid: Vec<Finding>,
    /// The API server's answer, by what the cluster has.
    pub(crate) denied: Option<Status>,
    /// Why; by what it will have.
    pub(crate) findings: Vec<Finding>,
}

/// Asks of an object that is created, or that is made of an `old` one; `template` is its pod, or those that a workload makes. What
/// a changed Pod takes was asked when it was created.
pub(crate) fn ask(
    object: &Object<'_>,
    template: Option<&PodTemplate<'_>>,
    old: Option<&Object<'_>>,
    world: &World<'_>,
    settings: &Settings,
) -> Said {
    let quotas = world.quotas();
    if quotas.is_empty() {
        return Said::default();
    }
    let namespace = namespace_of(object, settings);
    let ranges = quotas.limit_ranges(namespace);
    // What could not all be read is no answer of the cluster's.
    let is_known = world.knows(Part::Quotas);
    let live = if is_known {
        quotas.live_limit_ranges(namespace)
    } else {
        Vec::new()
    };
    if ranges.is_empty() && live.is_empty() {
        return Said::default();
    }
    let mut said = if (object.group(), object.kind) == ("", Some("PersistentVolumeClaim")) {
        let is_going = |old: &Object<'_>| {
            let metadata = old.node.child("metadata");
            metadata.field("deletionTimestamp").is_some()
        };
        if old.is_some_and(is_going) {
            return Said::default();
        }
        of_claim(object, &ranges, &live)
    } else if let Some(template) = template.filter(|template| match template.kind {
        WorkloadKind::PodTemplate => false,
        WorkloadKind::Pod => old.is_none(),
        _ => true,
    }) {
        let mut said = of_pods(template, &ranges, &live, settings);
        said.findings.extend(of_templates(object, &ranges));
        said
    } else {
        Said::default()
    };
    if !is_known {
        // Another limit range, in no file, may say what is not said.
        for finding in &mut said.findings {
            if finding.rule.name == "limit-range-unspecified" {
                finding.severity = Severity::Warning;
            }
        }
    }
    said
}

fn of_claim(object: &Object<'_>, ranges: &[Node<'_>], live: &[Node<'_>]) -> Said {
    let check = |ranges| limit_range::check_claim(object.node.child("spec"), "spec", ranges);
    let name = created_name(object.node.child("metadata"));
    Said {
        denied: check(live).map(|refusal| Status::forbidden("persistentvolumeclaims", &name, &refusal.text)),
        findings: check(ranges).map_or_else(Vec::new, |refusal| refusal.findings),
        invalid: Vec::new(),
    }
}

fn of_pods(template: &PodTemplate<'_>, ranges: &[Node<'_>], live: &[Node<'_>], settings: &Settings) -> Said {
    let check = |ranges| limit_range::check_pod(template, ranges, &settings.options);
    let will_be = check(ranges);
    let filled = "a LimitRange of the namespace says what the container does not";
    let invalid = will_be
        .invalid
        .into_iter()
        .map(|finding| finding.with_help(filled));
    let refused = will_be.refusal.map_or_else(Vec::new, |refusal| refusal.findings);
    let findings = invalid.chain(refused);
    if template.kind != WorkloadKind::Pod {
        let made = but_not_its_pods(template.kind);
        let findings = findings.map(|finding| {
            let help = finding.help.as_ref();
            let help = help.map_or_else(|| made.clone(), |help| format!("{help}: {made}"));
            finding.with_help(help)
        });
        return Said {
            findings: findings.collect(),
            ..Said::default()
        };
    }
    let is = check(live);
    Said {
        invalid: is.invalid,
        denied: is.refusal.map(|refusal| {
            let name = classes::name_of(template, Stage::AfterValidation);
            Status::forbidden("pods", &name, &refusal.text)
        }),
        findings: findings.collect(),
    }
}

/// The claims that a `StatefulSet` makes.
fn of_templates(object: &Object<'_>, ranges: &[Node<'_>]) -> Vec<Finding> {
    if (object.group(), object.kind) != ("apps", Some("StatefulSet")) {
        return Vec::new();
    }
    let templates = object.node.child("spec").child("volumeClaimTemplates");
    let findings = templates.items().enumerate().flat_map(|(index, claim)| {
        let field = format!("spec.volumeClaimTemplates[{index}].spec");
        let refusal = limit_range::check_claim(claim.child("spec"), &field, ranges);
        refusal.map(|refusal| refusal.findings).unwrap_or_default()
    });
    let help = "the StatefulSet is taken, and the claims that it makes are refused";
    findings.map(|finding| finding.with_help(help)).collect()
}
