//! `spec.affinity`: to nodes, to pods, and away from pods.

use porthole_manifest::Node;

use super::match_labels;
use crate::names;
use crate::path::Path;
use crate::report::{Shown, has_items, int, items, place, text};
use crate::rule::rules;
use crate::rules::labels;
use crate::validate::Pass;

rules! { ApiServer:
    /// Required node affinity has terms, of which a node meets one.
    NODE_SELECTOR_TERMS = "node-selector-terms";
    /// `matchFields` of node affinity knows `metadata.name` only, `In` or `NotIn` one value, the name of a node.
    NODE_FIELD_SELECTOR = "node-field-selector";
    /// The weight of a preference is from 1 to 100.
    AFFINITY_WEIGHT = "affinity-weight";
    /// Affinity to pods looks at pods of namespaces, which have names as all namespaces have.
    AFFINITY_NAMESPACE = "affinity-namespace";
    /// Affinity to pods says by which label of nodes two pods are together: `kubernetes.io/hostname`,
    /// `topology.kubernetes.io/zone`.
    TOPOLOGY_KEY = "topology-key";
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub(crate) fn check(pass: &mut Pass<'_>) {
    let Some(affinity) = pass.spec.field("affinity") else {
        return;
    };
    let spec = pass.spec_path();
    let path = spec.child("affinity");
    if let Some(node) = affinity.field("nodeAffinity") {
        check_nodes(pass, node, &path.child("nodeAffinity"));
    }
    for key in ["podAffinity", "podAntiAffinity"] {
        if let Some(pods) = affinity.field(key) {
            check_pods(pass, pods, &path.child(key));
        }
    }
}

fn check_nodes(pass: &mut Pass<'_>, affinity: Node<'_>, path: &Path<'_>) {
    if let Some(required) = affinity.field(REQUIRED) {
        let selector = path.child(REQUIRED);
        let terms = selector.child("nodeSelectorTerms");
        if !has_items(required, "nodeSelectorTerms") {
            let detail = "must have at least one node selector term";
            let span = place(required, "nodeSelectorTerms");
            pass.required(&NODE_SELECTOR_TERMS, &terms, detail, span);
        }
        for (index, term) in items(required, "nodeSelectorTerms").enumerate() {
            check_term(pass, term, &terms.index(index), true);
        }
    }
    let list = path.child(PREFERRED);
    for (index, term) in items(affinity, PREFERRED).enumerate() {
        let path = list.index(index);
        check_weight(pass, term, &path);
        check_term(pass, term.child("preference"), &path.child("preference"), false);
    }
}

fn check_weight(pass: &mut Pass<'_>, term: Node<'_>, path: &Path<'_>) {
    let weight = int(term, "weight").unwrap_or_default();
    if !(1..=100).contains(&weight) {
        let span = place(term, "weight");
        let detail = "must be in the range 1-100";
        pass.invalid(
            &AFFINITY_WEIGHT,
            &path.child("weight"),
            Shown::Int(weight),
            detail,
            span,
        );
    }
}

fn check_term(pass: &mut Pass<'_>, term: Node<'_>, path: &Path<'_>, required: bool) {
    let list = path.child("matchExpressions");
    for (index, requirement) in items(term, "matchExpressions").enumerate() {
        let path = list.index(index);
        labels::check_operator(pass, requirement, &path, true);
        let key = text(requirement, "key");
        labels::check_key(pass, key, &path.child("key"), place(requirement, "key"));
        // What is preferred may be in vain.
        if required && pass.at_least(33) {
            labels::check_values(pass, requirement, &path);
        }
    }
    let list = path.child("matchFields");
    for (index, requirement) in items(term, "matchFields").enumerate() {
        check_field(pass, requirement, &list.index(index));
    }
}

fn check_field(pass: &mut Pass<'_>, requirement: Node<'_>, path: &Path<'_>) {
    let operator = text(requirement, "operator");
    if matches!(operator, "In" | "NotIn") {
        if items(requirement, "values").count() != 1 {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            let span = place(requirement, "values");
            pass.required(&NODE_FIELD_SELECTOR, &path.child("values"), detail, span);
        }
    } else {
        let span = place(requirement, "operator");
        let value = Shown::Named(operator);
        let detail = "not a valid selector operator";
        pass.invalid(
            &labels::SELECTOR_OPERATOR,
            &path.child("operator"),
            value,
            detail,
            span,
        );
    }
    let key = text(requirement, "key");
    if key != "metadata.name" {
        let span = place(requirement, "key");
        let detail = "not a valid field selector key";
        pass.invalid(
            &NODE_FIELD_SELECTOR,
            &path.child("key"),
            Shown::Str(key),
            detail,
            span,
        );
        return;
    }
    let values = path.child("values");
    for (index, item) in items(requirement, "values").enumerate() {
        let name = item.as_str().unwrap_or_default();
        let faults = names::dns1123_subdomain(name);
        pass.faults(
            &NODE_FIELD_SELECTOR,
            &values.index(index),
            name,
            faults,
            item.span(),
        );
    }
}

fn check_pods(pass: &mut Pass<'_>, affinity: Node<'_>, path: &Path<'_>) {
    let list = path.child(REQUIRED);
    for (index, term) in items(affinity, REQUIRED).enumerate() {
        check_pod_term(pass, term, &list.index(index));
    }
    let list = path.child(PREFERRED);
    for (index, weighted) in items(affinity, PREFERRED).enumerate() {
        let path = list.index(index);
        check_weight(pass, weighted, &path);
        check_pod_term(
            pass,
            weighted.child("podAffinityTerm"),
            &path.child("podAffinityTerm"),
        );
    }
}

fn check_pod_term(pass: &mut Pass<'_>, term: Node<'_>, path: &Path<'_>) {
    let keyed = pass.at_least(29) && pass.enabled("MatchLabelKeysInPodAffinity");
    if let Some(selector) = term.field("labelSelector") {
        let path = path.child("labelSelector");
        labels::check_selector(pass, selector, &path);
        if keyed {
            match_labels::check_added(pass, term, selector, &path);
        }
    }
    let selector = term.field("namespaceSelector");
    if let Some(selector) = selector.filter(|_| pass.feature("PodAffinityNamespaceSelector", 24)) {
        labels::check_selector(pass, selector, &path.child("namespaceSelector"));
    }
    let version = pass.options.kubernetes_version;
    for item in items(term, "namespaces") {
        let name = item.as_str().unwrap_or_default();
        let faults = names::dns1123_label(name, version);
        // The API server says neither which one nor where exactly.
        pass.faults(
            &AFFINITY_NAMESPACE,
            &path.child("namespace"),
            name,
            faults,
            item.span(),
        );
    }
    if keyed {
        match_labels::check(pass, term, path);
    }
    let key = text(term, "topologyKey");
    let field = path.child("topologyKey");
    let span = place(term, "topologyKey");
    if key.is_empty() {
        pass.required(&TOPOLOGY_KEY, &field, "can not be empty", span);
    }
    labels::check_key(pass, key, &field, span);
}
