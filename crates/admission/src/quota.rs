//! What the plug-in `ResourceQuota` says to a pod, with what `LimitRanger` has filled in before it.
//!
//! Every quota of the namespace whose scopes the pod is in, and which limits something that pods use, is asked: all of them whether
//! each container says what the quota counts, and only then all whether there is room for the pod. The rules are those of
//! `pkg/quota/v1/evaluator/core/pods.go` and of the plug-in's `CheckRequest`. Where several quotas refuse a pod for the same of the
//! two, the API server names any of them; here it is the first by name. A pod with resources of its own (`spec.resources`) is not
//! judged.

mod usage;

use std::collections::BTreeMap;

use porthole_manifest::{Node, PodTemplate, Span};
use porthole_pod::{ErrorKind, Finding, Quantity, Rule, Severity, Version};

use crate::resources::{Amounts, amounts};
use usage::Usage;

porthole_pod::rules! { ApiServer:
    /// A namespace's ResourceQuota has room for what the pod asks for: beyond it no pod is made.
    QUOTA_EXCEEDED = "quota-exceeded";
    /// Where a ResourceQuota limits processors or memory, every container says how much it takes: by itself, or by a
    /// LimitRange of the namespace that says it for all.
    QUOTA_UNSPECIFIED = "quota-unspecified";
}

/// The rules of this module.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// A `ResourceQuota`.
#[derive(Clone, Debug)]
pub struct Quota<'a> {
    name: &'a str,
    spec: Node<'a>,
    hard: Amounts<'a>,
    /// What is used of it, of each resource that somebody has counted.
    used: Amounts<'a>,
}

impl<'a> Quota<'a> {
    /// One that a cluster has: its status counts.
    #[must_use]
    pub fn stored(name: &'a str, object: Node<'a>) -> Option<Self> {
        let status = object.child("status");
        Some(Self {
            name,
            spec: object.child("spec"),
            hard: amounts(status.child("hard"))?,
            used: amounts(status.child("used"))?,
        })
    }

    /// One that is to be made, or to take the place of one that the cluster has.
    #[must_use]
    pub fn written(name: &'a str, object: Node<'a>, stored: Option<Node<'a>>) -> Option<Self> {
        let hard = amounts(object.child("spec").child("hard"))?;
        let mut used = match stored {
            Some(stored) => amounts(stored.child("status").child("used"))?,
            None => Amounts::new(),
        };
        // The server asks once they are counted. Of what nobody has counted yet nothing is known to be used.
        let nothing = Quantity::parse("0").ok()?;
        for resource in hard.keys() {
            used.entry(resource.clone()).or_insert_with(|| nothing.clone());
        }
        Some(Self {
            name,
            spec: object.child("spec"),
            hard,
            used,
        })
    }

    /// Whether the pod is in all of its scopes.
    fn covers(&self, usage: &Usage<'_>) -> bool {
        let plain = self.spec.child("scopes");
        let plain = plain.items().filter_map(Node::as_str);
        let selected = self.spec.child("scopeSelector").child("matchExpressions");
        plain.into_iter().all(|scope| usage.is_in(scope, None))
            && selected.items().all(|expression| {
                let scope = expression.child("scopeName").as_str().unwrap_or_default();
                usage.is_in(scope, Some(expression))
            })
    }

    /// What of pods it counts.
    fn restricted(&self) -> Vec<&str> {
        let names = self.hard.keys().map(AsRef::as_ref);
        names.filter(|resource| usage::is_counted(resource)).collect()
    }

    /// Whether it has anything to say to the pod.
    fn is_asked(&self, usage: &Usage<'_>) -> bool {
        !self.restricted().is_empty() && self.covers(usage)
    }

    /// What has to be so before anybody can tell whether there is room.
    fn unmet(&self, usage: &Usage<'_>, version: Version) -> Option<(&'static Rule, String)> {
        let name = self.name;
        let restricted = self.restricted();
        let missing = usage.missing(&restricted);
        if !missing.is_empty() {
            let names_containers = version.at_least(24);
            let missing: Vec<String> = missing
                .into_iter()
                .map(|(resource, containers)| {
                    if names_containers {
                        format!("{resource} for: {}", containers.join(","))
                    } else {
                        resource.to_owned()
                    }
                })
                .collect();
            let missing = missing.join(if names_containers { "; " } else { "," });
            let text = format!("failed quota: {name}: must specify {missing}");
            return Some((&QUOTA_UNSPECIFIED, text));
        }
        let counted = |resource: &&str| self.used.contains_key(*resource);
        if restricted.iter().all(counted) {
            return None;
        }
        let text = format!(
            "status unknown for quota: {name}, resources: {}",
            restricted.join(",")
        );
        Some((&QUOTA_EXCEEDED, text))
    }

    /// What there is no room for.
    fn exceeded(&self, usage: &Usage<'_>) -> Option<(&'static Rule, String)> {
        let name = self.name;
        let mut exceeded = BTreeMap::new();
        for (resource, requested) in usage.total() {
            let resource = resource.as_str();
            let Some((hard, used)) = self.hard.get(resource).zip(self.used.get(resource)) else {
                continue;
            };
            if used.plus(requested) > *hard {
                exceeded.insert(
                    resource,
                    (requested.to_string(), used.to_string(), hard.to_string()),
                );
            }
        }
        if exceeded.is_empty() {
            return None;
        }
        let list = |of: fn(&(String, String, String)) -> &String| {
            let each = exceeded
                .iter()
                .map(|(resource, amounts)| format!("{resource}={}", of(amounts)));
            each.collect::<Vec<_>>().join(",")
        };
        let text = format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            list(|(requested, ..)| requested),
            list(|(_, used, _)| used),
            list(|(.., hard)| hard),
        );
        Some((&QUOTA_EXCEEDED, text))
    }
}

/// Whether it depends on a pod's priority class if this `ResourceQuota` counts for it.
#[must_use]
pub fn is_scoped_by_class(object: Node<'_>) -> bool {
    let spec = object.child("spec");
    let plain = spec.child("scopes");
    let selected = spec.child("scopeSelector").child("matchExpressions");
    let selected = selected.items().map(|expression| expression.child("scopeName"));
    plain
        .items()
        .chain(selected)
        .any(|scope| scope.as_str() == Some("PriorityClass"))
}

/// What admission makes of a pod before its quotas are asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filled<'a> {
    /// The `LimitRanges` of the namespace.
    pub limit_ranges: &'a [Node<'a>],
    /// The name of the pod's priority class.
    pub priority_class: Option<&'a str>,
    /// What running it takes beside its containers.
    pub overhead: Option<Node<'a>>,
}

/// What the quotas of a namespace say to a pod, in the words of that version of the server. Of the finding the detail is what
/// stands behind `is forbidden: `.
#[must_use]
pub fn check<'a>(
    template: &PodTemplate<'a>,
    quotas: &[Quota<'_>],
    filled: &Filled<'a>,
    version: Version,
) -> Option<Finding> {
    let spec = template.spec?;
    if quotas.is_empty() || spec.field("resources").is_some() {
        return None;
    }
    let usage = Usage::of(template, filled, version)?;
    let mut quotas: Vec<&Quota<'_>> = quotas.iter().collect();
    quotas.retain(|quota| quota.is_asked(&usage));
    quotas.sort_by_key(|quota| quota.name);
    let unmet = quotas.iter().find_map(|quota| quota.unmet(&usage, version));
    let (rule, text) = unmet.or_else(|| quotas.iter().find_map(|quota| quota.exceeded(&usage)))?;
    let (field, span) = place(template, spec);
    let mut finding = Finding::remark(rule, Severity::Error, field, text, span);
    finding.kind = ErrorKind::Denied;
    Some(finding)
}

/// Where it is that a pod asks for what it asks for.
fn place(template: &PodTemplate<'_>, spec: Node<'_>) -> (String, Span) {
    let containers = spec.field("containers").unwrap_or(spec);
    (format!("{}.containers", template.prefix), containers.span())
}

#[cfg(test)]
mod tests;
