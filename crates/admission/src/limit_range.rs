//! What the plug-in `LimitRanger` says to pods and claims: what the limit ranges of their namespace fill in, and what they do not
//! allow.
//!
//! The rules are those of the plug-in's `PodValidateLimitFunc` and `PersistentVolumeClaimValidateLimitFunc`. Within a limit range
//! the API server walks resources in any order, and of several limit ranges any one refuses; here both go by name. A pod
//! that says how much it takes as a whole (`spec.resources`) takes that.

mod constraint;

use porthole_manifest::{Node, PodTemplate, Span};
use porthole_pod::{
    Amounts, ContainerDefaults, ContainerRef, ErrorKind, Finding, Options, Quantity, Rule, Severity,
};

use crate::resources::{OfPod, Resources, amounts};
use constraint::{Broken, Constraint};

porthole_pod::rules! { ApiServer:
    /// A LimitRange of the namespace says what a container, a pod or a claim takes at least and at most, and how far a limit may
    /// be above its request.
    LIMIT_RANGE = "limit-range";
    /// Where a LimitRange bounds a resource, it is said how much of it is requested, and at most taken: by the container itself, or
    /// by a LimitRange of the namespace that says it for all.
    LIMIT_RANGE_UNSPECIFIED = "limit-range-unspecified";
}

/// The rules of this module.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// What limit ranges do not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What stands behind `is forbidden: `.
    pub text: String,
    /// All of it, one by one.
    pub findings: Vec<Finding>,
}

impl Refusal {
    /// Of what each limit range does not allow the first is what the API server says.
    fn of(each: impl Iterator<Item = Vec<Finding>>) -> Option<Self> {
        let each: Vec<_> = each.collect();
        let first = each.iter().find(|findings| !findings.is_empty())?;
        let mut texts: Vec<&str> = Vec::new();
        for finding in first {
            if !texts.contains(&finding.detail.as_str()) {
                texts.push(&finding.detail);
            }
        }
        // Several errors stand in brackets, and equal ones once (`NewAggregate`).
        let text = match texts[..] {
            [one] => one.to_owned(),
            _ => format!("[{}]", texts.join(", ")),
        };
        Some(Self {
            text,
            findings: each.into_iter().flatten().collect(),
        })
    }
}

/// Something of which a limit range says how much it takes.
struct Subject<'s, 'a> {
    /// What limit ranges call it.
    kind: &'static str,
    resources: &'s Resources<'a>,
    field: String,
    span: Span,
}

impl Subject<'_, '_> {
    /// What an item of a limit range does not allow of it.
    fn check(&self, item: Node<'_>, constraints: &[Constraint]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for constraint in constraints {
            // What is no amount the API server says itself.
            let amounts = amounts(item.child(constraint.field())).unwrap_or_default();
            for (name, amount) in &amounts {
                let broken = constraint.broken_by(self.kind, name, amount, self.resources);
                findings.extend(broken.map(|(text, broken)| {
                    let rule = match broken {
                        Broken::Unsaid => &LIMIT_RANGE_UNSPECIFIED,
                        Broken::Beyond => &LIMIT_RANGE,
                    };
                    let mut finding =
                        Finding::remark(rule, Severity::Error, self.field.clone(), text, self.span);
                    finding.kind = ErrorKind::Denied;
                    finding
                }));
            }
        }
        findings
    }
}

/// What a limit range says to each of these that it has something to say of.
fn check(range: Node<'_>, subjects: &[Subject<'_, '_>], constraints: &[Constraint]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for item in range.child("spec").child("limits").items() {
        let kind = item.child("type").as_str();
        for subject in subjects.iter().filter(|subject| kind == Some(subject.kind)) {
            findings.extend(subject.check(item, constraints));
        }
    }
    findings
}

/// What the limit ranges of a namespace, by their names, give to containers that do not say. Nothing where that is nothing, and
/// where an amount is none, which the API server says for itself.
#[must_use]
pub fn defaults<'a>(ranges: &[Node<'a>]) -> Option<ContainerDefaults<'a>> {
    let Resources { requests, limits } = Resources::defaults(ranges)?;
    Some(ContainerDefaults { limits, requests }).filter(|defaults| !defaults.is_empty())
}

/// What the limit ranges of a namespace, by their names, do not allow of a pod, in the words of that version of the server.
/// Nothing where an amount is none, which the API server says for itself.
#[must_use]
pub fn check_pod(template: &PodTemplate<'_>, ranges: &[Node<'_>], options: &Options) -> Option<Refusal> {
    let spec = template.spec?;
    let filled = OfPod::of(template, &Resources::defaults(ranges)?)?;
    let mut total = if options.kubernetes_version.at_least(28) {
        filled.together(options.enabled("SidecarContainers"))
    } else {
        total_of_old(&filled)
    };
    total.replace_by(template, options);
    let mut subjects: Vec<_> = filled
        .all()
        .map(|(container, resources)| Subject {
            kind: "Container",
            resources,
            field: format!("{}.resources", container.path()),
            span: span(*container),
        })
        .collect();
    subjects.push(Subject {
        kind: "Pod",
        resources: &total,
        field: format!("{}.containers", template.prefix),
        span: spec.field("containers").unwrap_or(spec).span(),
    });
    Refusal::of(
        ranges
            .iter()
            .map(|range| check(*range, &subjects, &Constraint::ALL)),
    )
}

fn span(container: ContainerRef<'_>) -> Span {
    container.node.field("resources").unwrap_or(container.node).span()
}

/// Up to 1.27 of resources only those are added of which every container says how much, and a sum is a decimal.
fn total_of_old<'a>(of_pod: &OfPod<'a>) -> Resources<'a> {
    let mut total = Resources {
        requests: sum_of_old(of_pod, |resources| &resources.requests),
        limits: sum_of_old(of_pod, |resources| &resources.limits),
    };
    for (_, resources) in &of_pod.init_containers {
        total.at_least(resources);
    }
    total
}

fn sum_of_old<'a>(of_pod: &OfPod<'a>, of: for<'r> fn(&'r Resources<'a>) -> &'r Amounts<'a>) -> Amounts<'a> {
    let each: Vec<_> = of_pod
        .containers
        .iter()
        .map(|(_, resources)| of(resources))
        .collect();
    let mut sums = Amounts::new();
    for name in each.first().into_iter().flat_map(|amounts| amounts.keys()) {
        let scale = if name == "cpu" { -3 } else { 0 };
        let mut amounts = each.iter().map(|amounts| Some(amounts.get(name)?.scaled(scale)));
        // As Go does where it is more than 64 bits hold.
        let sum = amounts.try_fold(0_i64, |sum, next| Some(sum.wrapping_add(next?)));
        sums.extend(sum.map(|sum| (name.clone(), Quantity::decimal_of(sum, scale))));
    }
    sums
}

/// What the limit ranges of a namespace, by their names, do not allow of the claim with this `spec`, which stands at `field`.
#[must_use]
pub fn check_claim(spec: Node<'_>, field: &str, ranges: &[Node<'_>]) -> Option<Refusal> {
    let resources = spec.child("resources");
    let asked = Resources {
        requests: amounts(resources.child("requests"))?,
        limits: Amounts::new(),
    };
    let claim = [Subject {
        kind: "PersistentVolumeClaim",
        resources: &asked,
        field: format!("{field}.resources"),
        span: spec.field("resources").unwrap_or(spec).span(),
    }];
    Refusal::of(
        ranges
            .iter()
            .map(|range| check(*range, &claim, &Constraint::OF_CLAIMS)),
    )
}

#[cfg(test)]
mod tests;
