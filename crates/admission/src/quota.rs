//! What the plug-in `ResourceQuota` says to an object: to a pod with what `LimitRanger` has filled in before it.
//!
//! Every quota of the namespace whose scopes the object is in, and which limits something that its kind uses, is asked: all of them
//! whether each container of a pod says what the quota counts, and only then all whether there is room. The rules are those of
//! `pkg/quota/v1/evaluator/core` and of the plug-in's `CheckRequest`. Where several quotas refuse an object for the same of the
//! two, the API server names any of them; here it is the first by name.

mod object;
mod usage;

use std::collections::BTreeMap;

use porthole_manifest::{Node, PodTemplate, Span};
use porthole_pod::{Amounts, ErrorKind, Finding, Options, Quantity, Rule, Severity, Version};

use crate::resources::amounts;
use usage::Usage;

pub use object::{check_claim, check_object, is_counted};

porthole_pod::rules! { ApiServer:
    /// A namespace's ResourceQuota has room for what the object uses: beyond it none is made.
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

/// What quotas are asked about.
trait Asked {
    /// Whether a quota of that name counts something of its kind.
    fn is_counted(&self, resource: &str) -> bool;

    /// Whether it is in a scope; `expression` says more of it, where it is selected.
    fn is_in(&self, scope: &str, expression: Option<Node<'_>>) -> bool;

    /// Of the resources that a quota counts those that its containers do not say, with the names of these, both in order.
    fn missing<'r>(&self, restricted: &[&'r str]) -> BTreeMap<&'r str, Vec<&str>>;

    /// What it uses of each resource.
    fn total(&self) -> &BTreeMap<String, Quantity<'_>>;
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

    /// Whether the object is in all of its scopes.
    fn covers(&self, asked: &dyn Asked) -> bool {
        let plain = self.spec.child("scopes");
        let plain = plain.items().filter_map(Node::as_str);
        let selected = self.spec.child("scopeSelector").child("matchExpressions");
        plain.into_iter().all(|scope| asked.is_in(scope, None))
            && selected.items().all(|expression| {
                let scope = expression.child("scopeName").as_str().unwrap_or_default();
                asked.is_in(scope, Some(expression))
            })
    }

    /// What it counts of such objects.
    fn restricted(&self, asked: &dyn Asked) -> Vec<&str> {
        let names = self.hard.keys().map(AsRef::as_ref);
        names.filter(|resource| asked.is_counted(resource)).collect()
    }

    /// Whether it has anything to say to the object.
    fn is_asked(&self, asked: &dyn Asked) -> bool {
        !self.restricted(asked).is_empty() && self.covers(asked)
    }

    /// What has to be so before anybody can tell whether there is room.
    fn unmet(&self, asked: &dyn Asked, version: Version) -> Option<(&'static Rule, String)> {
        let name = self.name;
        let restricted = self.restricted(asked);
        let missing = asked.missing(&restricted);
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
    fn exceeded(&self, asked: &dyn Asked) -> Option<(&'static Rule, String)> {
        let name = self.name;
        let mut exceeded = BTreeMap::new();
        for (resource, requested) in asked.total() {
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
    options: &Options,
) -> Option<Finding> {
    let spec = template.spec?;
    if quotas.is_empty() {
        return None;
    }
    let usage = Usage::of(template, filled, options)?;
    refused(&usage, quotas, options.kubernetes_version, place(template, spec))
}

/// Why the quotas refuse an object that asks for what it uses in that place.
fn refused(
    asked: &dyn Asked,
    quotas: &[Quota<'_>],
    version: Version,
    (field, span): (String, Span),
) -> Option<Finding> {
    let mut quotas: Vec<&Quota<'_>> = quotas.iter().collect();
    quotas.retain(|quota| quota.is_asked(asked));
    quotas.sort_by_key(|quota| quota.name);
    let unmet = quotas.iter().find_map(|quota| quota.unmet(asked, version));
    let (rule, text) = unmet.or_else(|| quotas.iter().find_map(|quota| quota.exceeded(asked)))?;
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
