//! Limit ranges: whether they let a pod or a claim pass, by those of the files and of the cluster.

use porthole_admission::classes::{self, Stage};
use porthole_admission::limit_range;
use porthole_manifest::{Node, Object, PodTemplate, WorkloadKind};
use porthole_pod::{
    ContainerDefaults, Finding, Options, Severity, Status, created_name, validate, validate_filled,
    warnings_filled, warnings_of_invalid,
};

use crate::existence::but_not_its_pods;
use crate::live::{Part, namespace_of};
use crate::made_claims::{Maker, made_claims};
use crate::settings::Settings;
use crate::world::World;

/// What is said where they do not.
#[derive(Default)]
pub(crate) struct Said {
    /// What the API server finds of a Pod that is created once they have filled in what it does not say, by what the cluster has.
    pub(crate) live: Option<Filled>,
    /// The same, by what it will have.
    pub(crate) filled: Option<Filled>,
    /// The API server's answer, by what the cluster has.
    pub(crate) denied: Option<Status>,
    /// Why; by what it will have. Of the pods of a workload also what is not valid once it is filled in.
    pub(crate) findings: Vec<Finding>,
}

/// What is found of a Pod with what is filled in, in the place of what is found of its manifest.
pub(crate) struct Filled {
    pub(crate) errors: Vec<Finding>,
    pub(crate) warnings: Vec<Finding>,
}

impl Filled {
    fn of(template: &PodTemplate<'_>, ranges: &[Node<'_>], options: &Options) -> Option<Self> {
        let defaults = limit_range::defaults(ranges)?;
        let errors = validate_filled(template, options, &defaults);
        let warnings = if errors.is_empty() {
            warnings_filled(template, options, &defaults)
        } else {
            warnings_of_invalid(template, options)
        };
        Some(Self { errors, warnings })
    }
}

/// What helps where something is not valid because of it.
const FILLED: &str = "a LimitRange of the namespace says what the container does not";

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
        said.findings.extend(of_made_claims(object, template, &ranges));
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
        ..Said::default()
    }
}

fn of_pods(template: &PodTemplate<'_>, ranges: &[Node<'_>], live: &[Node<'_>], settings: &Settings) -> Said {
    let options = &settings.options;
    let check = |ranges| limit_range::check_pod(template, ranges, options);
    let refused = check(ranges).map_or_else(Vec::new, |refusal| refusal.findings);
    if template.kind != WorkloadKind::Pod {
        let invalid = made_invalid(template, ranges, options);
        let made = but_not_its_pods(template.kind);
        let invalid = invalid
            .into_iter()
            .map(|finding| finding.with_help(format!("{FILLED}: {made}")));
        let refused = refused
            .into_iter()
            .map(|finding| finding.with_help(made.as_str()));
        return Said {
            findings: invalid.chain(refused).collect(),
            ..Said::default()
        };
    }
    let mut filled = Filled::of(template, ranges, options);
    if let Some(filled) = filled.as_mut().filter(|filled| !filled.errors.is_empty()) {
        let written = validate(template, options);
        for finding in &mut filled.errors {
            if !written.contains(finding) {
                finding.help.get_or_insert_with(|| FILLED.to_owned());
            }
        }
    }
    Said {
        live: Filled::of(template, live, options),
        filled,
        denied: check(live).map(|refusal| {
            let name = classes::name_of(template, Stage::AfterValidation);
            Status::forbidden("pods", &name, &refusal.text)
        }),
        findings: refused,
    }
}

/// What is not valid of the pods that a workload makes, because of what is filled in.
fn made_invalid(template: &PodTemplate<'_>, ranges: &[Node<'_>], options: &Options) -> Vec<Finding> {
    let Some(defaults) = limit_range::defaults(ranges) else {
        return Vec::new();
    };
    let nothing = ContainerDefaults::default();
    let written = validate_filled(template, options, &nothing);
    let mut found = validate_filled(template, options, &defaults);
    found.retain(|finding| !written.contains(finding));
    found
}

/// What is refused of the claims that an object makes, and its pods of themselves.
fn of_made_claims(object: &Object<'_>, template: &PodTemplate<'_>, ranges: &[Node<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for claim in made_claims(object, Some(template)) {
        let field = format!("{}.spec", claim.field);
        let refusal = limit_range::check_claim(claim.node.child("spec"), &field, ranges);
        let help = match claim.by {
            Maker::StatefulSet => "the StatefulSet is taken, and the claims that it makes are refused",
            Maker::Pod => "the pod is taken and waits for ever: the claim that it makes is refused",
        };
        let refused = refusal.into_iter().flat_map(|refusal| refusal.findings);
        findings.extend(refused.map(|finding| finding.with_help(help)));
    }
    findings
}
