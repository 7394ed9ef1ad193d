//! Keys whose values a pod's own labels have: `matchLabelKeys` and `mismatchLabelKeys`.
//!
//! In a Pod the API server adds a requirement to the label selector for each of them before it validates.

use std::borrow::Cow;
use std::collections::HashSet;

use porthole_manifest::Node;

use crate::path::Path;
use crate::report::{Report, Shown, has_items, items, texts};
use crate::rule::rules;
use crate::rules::labels;
use crate::validate::Pass;

rules! { ApiServer:
    /// `matchLabelKeys` and `mismatchLabelKeys` go with a `labelSelector`. A key of the first stands neither in the
    /// selector, which would have nothing more to select by it, nor among the second.
    MATCH_LABEL_KEYS = "match-label-keys";
}

/// The label of the Pod of that key, where this is a Pod.
fn own_label<'a>(pass: &Pass<'a>, key: &str) -> Option<Node<'a>> {
    let metadata = pass.template.metadata.filter(|_| pass.is_pod())?;
    metadata.field("labels")?.get(key)
}

/// The requirements that the API server adds to the selector.
pub(super) fn check_added(pass: &mut Pass<'_>, node: Node<'_>, selector: Node<'_>, path: &Path<'_>) {
    let expressions = path.child("matchExpressions");
    let mut index = items(selector, "matchExpressions").count();
    for list in ["matchLabelKeys", "mismatchLabelKeys"] {
        for item in items(node, list) {
            let key = item.as_str().unwrap_or_default();
            let Some(value) = own_label(pass, key) else {
                continue;
            };
            let path = expressions.index(index);
            index += 1;
            labels::check_key(pass, key, &path.child("key"), item.span());
            if pass.at_least(26) {
                let values = path.child("values");
                let text = value.as_str().unwrap_or_default();
                labels::check_value(pass, text, &values.index(0), value.span());
            }
        }
    }
}

/// The keys of an affinity term, or, since 1.34, of a topology spread constraint
/// (`ValidateMatchLabelKeysAndMismatchLabelKeys`).
pub(super) fn check(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>) {
    let matching = texts(node, "matchLabelKeys");
    let mismatching = texts(node, "mismatchLabelKeys");
    if matching.is_empty() && mismatching.is_empty() {
        return;
    }
    let selector = node.field("labelSelector");
    for list in ["matchLabelKeys", "mismatchLabelKeys"] {
        check_keys(pass, node, list, selector.is_some(), &path.child(list));
    }
    if let Some(selector) = selector {
        check_selected(pass, node, selector, &matching, &mismatching, path);
    }
    let list = path.child("matchLabelKeys");
    for (index, item) in items(node, "matchLabelKeys").enumerate() {
        let key = item.as_str().unwrap_or_default();
        if mismatching.contains(&key) {
            let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
            pass.invalid(
                &MATCH_LABEL_KEYS,
                &list.index(index),
                Shown::Str(key),
                detail,
                item.span(),
            );
        }
    }
}

fn check_keys(report: &mut Report<'_>, node: Node<'_>, list: &str, selects: bool, path: &Path<'_>) {
    if !has_items(node, list) {
        return;
    }
    if !selects {
        let detail = "must not be specified when labelSelector is not set";
        let span = node.child(list).span();
        report.forbidden(&MATCH_LABEL_KEYS, path, detail, span);
        return;
    }
    for (index, item) in items(node, list).enumerate() {
        let key = item.as_str().unwrap_or_default();
        labels::check_key(report, key, &path.index(index), item.span());
    }
}

/// Keys that stand twice in the selector, once the API server has added its requirements to it.
fn check_selected(
    pass: &mut Pass<'_>,
    node: Node<'_>,
    selector: Node<'_>,
    matching: &[&str],
    mismatching: &[&str],
    path: &Path<'_>,
) {
    let mut seen: HashSet<Cow<'_, str>> = selector
        .child("matchLabels")
        .entries()
        .map(|entry| entry.key.key_text())
        .collect();
    let written = items(selector, "matchExpressions")
        .map(|requirement| requirement.child("key").as_str().unwrap_or_default());
    let added = matching.iter().chain(mismatching).copied();
    let added = added.filter(|key| own_label(pass, key).is_some());
    let keys: Vec<_> = written.chain(added).collect();
    for key in keys {
        // Of equal keys the last counts.
        let place = matching.iter().rposition(|other| *other == key);
        if let Some(index) = place
            && seen.contains(key)
        {
            let span = items(node, "matchLabelKeys").nth(index).unwrap_or(node).span();
            let detail = "exists in both matchLabelKeys and labelSelector";
            pass.invalid(
                &MATCH_LABEL_KEYS,
                &path.index(index),
                Shown::Str(key),
                detail,
                span,
            );
        }
        seen.insert(Cow::Borrowed(key));
    }
}

/// The keys of a topology spread constraint up to 1.33, and where the selectors are not merged
/// (`ValidateMatchLabelKeysInTopologySpread`).
pub(super) fn check_unmerged(pass: &mut Pass<'_>, node: Node<'_>, path: &Path<'_>) {
    let field = path.child("matchLabelKeys");
    if !has_items(node, "matchLabelKeys") {
        return;
    }
    let selector = node.field("labelSelector");
    if selector.is_none() && pass.at_least(27) {
        let detail = "must not be specified when labelSelector is not set";
        let span = node.child("matchLabelKeys").span();
        pass.forbidden(&MATCH_LABEL_KEYS, &field, detail, span);
    }
    for (index, item) in items(node, "matchLabelKeys").enumerate() {
        let key = item.as_str().unwrap_or_default();
        let path = field.index(index);
        labels::check_key(pass, key, &path, item.span());
        if selector.is_some_and(|selector| selects_by(selector, key)) {
            let detail = "exists in both matchLabelKeys and labelSelector";
            pass.invalid(&MATCH_LABEL_KEYS, &path, Shown::Str(key), detail, item.span());
        }
    }
}

fn selects_by(selector: Node<'_>, key: &str) -> bool {
    selector.child("matchLabels").get(key).is_some()
        || items(selector, "matchExpressions")
            .any(|requirement| requirement.child("key").as_str().unwrap_or_default() == key)
}
