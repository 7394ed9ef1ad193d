//! Labels and label selectors (`ValidateLabels`, `ValidateLabelSelector` of `k8s.io/apimachinery`).

use porthole_manifest::{Node, Span};

use crate::names;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, has_items, items, place, text, texts};
use crate::rule::rules;
use crate::seen::Seen;

rules! { ApiServer:
    /// The key of a label is a name of at most 63 letters, digits, dashes, underscores and periods, which begins and ends
    /// with a letter or digit. A prefix may stand before it, a DNS name and a slash: `example.com/tier`.
    LABEL_KEY = "label-key";
    /// The value of a label is empty, or has at most 63 letters, digits, dashes, underscores and periods, and begins and
    /// ends with a letter or digit. Write numbers and `true` in quotes.
    LABEL_VALUE = "label-value";
    /// A selector compares by `In`, `NotIn`, `Exists` or `DoesNotExist`; node affinity knows `Gt` and `Lt` too.
    SELECTOR_OPERATOR = "selector-operator";
    /// A selector has values where its operator compares with some (`In`, `NotIn`; one for `Gt` and `Lt`), and none where it
    /// asks whether the label is there (`Exists`, `DoesNotExist`).
    SELECTOR_VALUES = "selector-values";
}

/// The key of a label, at `path`.
pub(crate) fn check_key(report: &mut Report<'_>, key: &str, path: &Path<'_>, span: Span) {
    let faults = names::qualified_name(key, report.options.kubernetes_version);
    report.faults(&LABEL_KEY, path, key, faults, span);
}

/// The value of a label, at `path`.
pub(crate) fn check_value(report: &mut Report<'_>, value: &str, path: &Path<'_>, span: Span) {
    let faults = names::label_value(value, report.options.kubernetes_version);
    report.faults(&LABEL_VALUE, path, value, faults, span);
}

/// A mapping of labels. All errors stand at the mapping, as the API server has it.
pub(crate) fn check(report: &mut Report<'_>, labels: Node<'_>, path: &Path<'_>) {
    let mut entries: Vec<_> = labels.entries().collect();
    if labels.document().repeats_keys() {
        // Of a repeated key the last value counts, where the API server takes it at all.
        let mut seen = Seen::new();
        entries.reverse();
        entries.retain(|entry| seen.insert(entry.key.key_text()));
        entries.reverse();
    }
    for entry in entries {
        check_key(report, &entry.key.key_text(), path, entry.key.span());
        let value = entry.value.as_str().unwrap_or_default();
        check_value(report, value, path, entry.value.span());
    }
}

/// A label selector.
pub(crate) fn check_selector(report: &mut Report<'_>, selector: Node<'_>, path: &Path<'_>) {
    if let Some(labels) = selector.field("matchLabels") {
        check(report, labels, &path.child("matchLabels"));
    }
    let expressions = path.child("matchExpressions");
    for (index, requirement) in items(selector, "matchExpressions").enumerate() {
        let path = expressions.index(index);
        check_operator(report, requirement, &path, false);
        let key = text(requirement, "key");
        check_key(report, key, &path.child("key"), place(requirement, "key"));
        // Up to 1.25 no value was looked at.
        if report.at_least(26) {
            check_values(report, requirement, &path);
        }
    }
}

/// The operator of a requirement, and whether values fit it. `node` is whether it selects nodes, which know `Gt` and
/// `Lt`.
pub(crate) fn check_operator(report: &mut Report<'_>, requirement: Node<'_>, path: &Path<'_>, node: bool) {
    let values = place(requirement, "values");
    let operator = text(requirement, "operator");
    match operator {
        "In" | "NotIn" => {
            if !has_items(requirement, "values") {
                report.required(
                    &SELECTOR_VALUES,
                    &path.child("values"),
                    "must be specified when `operator` is 'In' or 'NotIn'",
                    values,
                );
            }
        }
        "Exists" | "DoesNotExist" => {
            if has_items(requirement, "values") {
                report.forbidden(
                    &SELECTOR_VALUES,
                    &path.child("values"),
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                    values,
                );
            }
        }
        "Gt" | "Lt" if node => {
            if items(requirement, "values").count() != 1 {
                report.required(
                    &SELECTOR_VALUES,
                    &path.child("values"),
                    "must be specified single value when `operator` is 'Lt' or 'Gt'",
                    values,
                );
            }
        }
        _ => report.invalid(
            &SELECTOR_OPERATOR,
            &path.child("operator"),
            Shown::Named(operator),
            "not a valid selector operator",
            place(requirement, "operator"),
        ),
    }
}

/// The values of a requirement.
pub(crate) fn check_values(report: &mut Report<'_>, requirement: Node<'_>, path: &Path<'_>) {
    let values = path.child("values");
    for (index, value) in items(requirement, "values").enumerate() {
        let text = value.as_str().unwrap_or_default();
        check_value(report, text, &values.index(index), value.span());
    }
}

/// A label selector as the API server shows it: as JSON since 1.34, as Go's source before.
pub(crate) fn shown_selector(report: &Report<'_>, selector: Node<'_>) -> String {
    let mut pairs: Vec<_> = selector
        .child("matchLabels")
        .entries()
        .map(|entry| (entry.key.key_text(), entry.value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort();
    shown_selector_of(report, selector, &pairs)
}

/// A label selector as the API server shows it, with these for its `matchLabels`, sorted.
pub(crate) fn shown_selector_of(report: &Report<'_>, selector: Node<'_>, pairs: &[Pair<'_>]) -> String {
    let requirements: Vec<_> = items(selector, "matchExpressions")
        .map(|requirement| {
            let values = texts(requirement, "values");
            (text(requirement, "key"), text(requirement, "operator"), values)
        })
        .collect();
    if report.at_least(34) {
        json_selector(pairs, &requirements)
    } else {
        go_selector(selector, pairs)
    }
}

pub(crate) type Pair<'a> = (std::borrow::Cow<'a, str>, &'a str);
type Requirement<'a> = (&'a str, &'a str, Vec<&'a str>);

fn json_selector(pairs: &[Pair<'_>], requirements: &[Requirement<'_>]) -> String {
    let join = |items: Vec<String>| items.join(",");
    let mut fields = Vec::new();
    if !pairs.is_empty() {
        let pairs = pairs
            .iter()
            .map(|(key, value)| format!("{}:{}", go_json(key), go_json(value)));
        fields.push(format!("\"matchLabels\":{{{}}}", join(pairs.collect())));
    }
    if !requirements.is_empty() {
        let requirements = requirements.iter().map(|(key, operator, values)| {
            let values = values.iter().map(|value| go_json(value)).collect::<Vec<_>>();
            let values = if values.is_empty() {
                String::new()
            } else {
                format!(",\"values\":[{}]", join(values))
            };
            format!(
                "{{\"key\":{},\"operator\":{}{values}}}",
                go_json(key),
                go_json(operator)
            )
        });
        fields.push(format!("\"matchExpressions\":[{}]", join(requirements.collect())));
    }
    format!("{{{}}}", join(fields))
}

/// What is there and empty is not what is not there.
fn go_selector(selector: Node<'_>, pairs: &[Pair<'_>]) -> String {
    let list = |kind: &str, holder: Node<'_>, key: &str, items: Vec<String>| {
        if items.is_empty() && holder.field(key).is_none() {
            format!("{kind}(nil)")
        } else {
            format!("{kind}{{{}}}", items.join(", "))
        }
    };
    let pairs = pairs
        .iter()
        .map(|(key, value)| format!("{}:{}", go_quote(key), go_quote(value)))
        .collect();
    let requirements = items(selector, "matchExpressions")
        .map(|requirement| {
            let values = texts(requirement, "values");
            let values = values.into_iter().map(go_quote).collect();
            format!(
                "v1.LabelSelectorRequirement{{Key:{}, Operator:{}, Values:{}}}",
                go_quote(text(requirement, "key")),
                go_quote(text(requirement, "operator")),
                list("[]string", requirement, "values", values)
            )
        })
        .collect();
    format!(
        "v1.LabelSelector{{MatchLabels:{}, MatchExpressions:{}}}",
        list("map[string]string", selector, "matchLabels", pairs),
        list(
            "[]v1.LabelSelectorRequirement",
            selector,
            "matchExpressions",
            requirements
        )
    )
}
