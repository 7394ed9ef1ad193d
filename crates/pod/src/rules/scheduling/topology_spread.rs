//! `spec.topologySpreadConstraints`.

use porthole_manifest::Node;

use super::match_labels;
use crate::path::Path;
use crate::report::{Shown, int, items, place, some_text, text};
use crate::rule::rules;
use crate::rules::labels;
use crate::validate::Pass;

rules! { ApiServer:
    /// A constraint says how unevenly pods may be spread (`maxSkew`, 1 or more), over which label of nodes (`topologyKey`),
    /// and what happens otherwise (`whenUnsatisfiable`: `DoNotSchedule` or `ScheduleAnyway`); each pair of the last two once.
    TOPOLOGY_SPREAD = "topology-spread";
    /// `minDomains` is 1 or more, and goes with `whenUnsatisfiable: DoNotSchedule`.
    TOPOLOGY_MIN_DOMAINS = "topology-min-domains";
    /// `nodeAffinityPolicy` and `nodeTaintsPolicy` are `Honor` or `Ignore`.
    TOPOLOGY_NODE_POLICY = "topology-node-policy";
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    let node = pass.spec;
    if node.field("topologySpreadConstraints").is_none() {
        return;
    }
    let spec = pass.spec_path();
    let list = spec.child("topologySpreadConstraints");
    let constraints: Vec<_> = items(node, "topologySpreadConstraints").collect();
    for (index, constraint) in constraints.iter().enumerate() {
        let path = list.index(index);
        check_constraint(pass, *constraint, &constraints[index + 1..], &path);
        check_policies(pass, *constraint, &path);
        check_labels(pass, *constraint, &path);
    }
}

fn positive(
    pass: &mut Pass<'_>,
    rule: &'static crate::rule::Rule,
    constraint: Node<'_>,
    path: &Path<'_>,
    key: &str,
) {
    let number = int(constraint, key).unwrap_or_default();
    if number <= 0 {
        let span = place(constraint, key);
        pass.invalid(
            rule,
            &path.child(key),
            Shown::Int(number),
            "must be greater than zero",
            span,
        );
    }
}

fn check_constraint(pass: &mut Pass<'_>, constraint: Node<'_>, later: &[Node<'_>], path: &Path<'_>) {
    positive(pass, &TOPOLOGY_SPREAD, constraint, path, "maxSkew");
    let key = text(constraint, "topologyKey");
    if key.is_empty() {
        let span = place(constraint, "topologyKey");
        pass.required(
            &TOPOLOGY_SPREAD,
            &path.child("topologyKey"),
            "can not be empty",
            span,
        );
    }
    let action = text(constraint, "whenUnsatisfiable");
    let actions = ["DoNotSchedule", "ScheduleAnyway"];
    if !actions.contains(&action) {
        let field = path.child("whenUnsatisfiable");
        let span = place(constraint, "whenUnsatisfiable");
        pass.not_supported(&TOPOLOGY_SPREAD, &field, Shown::Named(action), &actions, span);
    }
    let same =
        |other: &Node<'_>| text(*other, "topologyKey") == key && text(*other, "whenUnsatisfiable") == action;
    if later.iter().any(same) {
        let field = path.child("{topologyKey, whenUnsatisfiable}");
        let value = format!("{{{key}, {action}}}");
        pass.duplicate(&TOPOLOGY_SPREAD, &field, Shown::Str(&value), constraint.span());
    }
    let counted = pass.at_least(24) && pass.feature("MinDomainsInPodTopologySpread", 30);
    if let Some(count) = int(constraint, "minDomains").filter(|_| counted) {
        positive(pass, &TOPOLOGY_MIN_DOMAINS, constraint, path, "minDomains");
        if action != "DoNotSchedule" {
            let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            let span = place(constraint, "minDomains");
            let field = path.child("minDomains");
            pass.invalid(&TOPOLOGY_MIN_DOMAINS, &field, Shown::Int(count), detail, span);
        }
    }
}

fn check_policies(pass: &mut Pass<'_>, constraint: Node<'_>, path: &Path<'_>) {
    if !pass.at_least(25) || !pass.enabled("NodeInclusionPolicyInPodTopologySpread") {
        return;
    }
    let policies = ["Honor", "Ignore"];
    for key in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        if let Some(policy) = some_text(constraint, key).filter(|policy| !policies.contains(policy)) {
            let span = place(constraint, key);
            let value = Shown::Named(policy);
            pass.not_supported(&TOPOLOGY_NODE_POLICY, &path.child(key), value, &policies, span);
        }
    }
}

fn check_labels(pass: &mut Pass<'_>, constraint: Node<'_>, path: &Path<'_>) {
    let keyed = pass.at_least(25) && pass.enabled("MatchLabelKeysInPodTopologySpread");
    let merged = keyed && pass.at_least(34) && pass.enabled("MatchLabelKeysInPodTopologySpreadSelectorMerge");
    if merged {
        match_labels::check(pass, constraint, path);
    } else if keyed {
        match_labels::check_unmerged(pass, constraint, path);
    }
    // Up to 1.26 the selector was not looked at.
    if let Some(selector) = constraint.field("labelSelector").filter(|_| pass.at_least(27)) {
        let path = path.child("labelSelector");
        labels::check_selector(pass, selector, &path);
        if merged {
            match_labels::check_added(pass, constraint, selector, &path);
        }
    }
}
