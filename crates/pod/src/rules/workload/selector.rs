//! The selector by which a workload knows its pods, and the labels of its template.

use std::borrow::Cow;
use std::collections::BTreeMap;

use porthole_manifest::{Node, Span};

use crate::names;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::report::{Report, Shown, items, place, text};
use crate::rule::{Rule, rules};
use crate::rules::labels;
use crate::validate::Pass;
use crate::version::Version;

rules! { ApiServer:
    /// A workload says by which labels it knows its pods. Without a selector, or with an empty one, it would take the pods of
    /// others for its own.
    WORKLOAD_SELECTOR = "workload-selector";
    /// The labels of a workload's template have what its selector selects: it would not know the pods that it makes
    /// otherwise. Give `spec.template.metadata.labels` all of `spec.selector.matchLabels`.
    SELECTOR_MISMATCH = "selector-mismatch";
    /// A workload says what its pods are: `spec.template`.
    WORKLOAD_TEMPLATE = "workload-template";
}

/// Labels, sorted by their keys.
pub(crate) type Labels<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// A mapping of labels.
pub(super) fn labels_of(node: Node<'_>) -> Labels<'_> {
    let entries = node.entries();
    entries
        .map(|entry| {
            (
                entry.key.key_text(),
                Cow::Borrowed(entry.value.as_str().unwrap_or_default()),
            )
        })
        .collect()
}

/// The labels of the pods that a workload makes, where there are some.
pub(super) fn template_labels<'a>(pass: &Pass<'a>) -> Option<Node<'a>> {
    pass.template.metadata?.field("labels")
}

/// A selector, read (`LabelSelectorAsSelector`).
pub(super) struct Selector<'a> {
    node: Node<'a>,
    /// What `matchLabels` asks for, and what the API server adds to it.
    pub(super) labels: Labels<'a>,
}

impl<'a> Selector<'a> {
    pub(super) fn of(node: Node<'a>) -> Self {
        Self {
            node,
            labels: labels_of(node.child("matchLabels")),
        }
    }

    /// Whether it selects everything, as one without requirements does.
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && items(self.node, "matchExpressions").next().is_none()
    }

    /// Whether it can be read: its keys and values are those that labels can have, its operators known.
    pub(super) fn is_readable(&self, version: Version) -> bool {
        let good = |key: &str| names::qualified_name(key, version).is_empty();
        let value = |value: &str| names::label_value(value, version).is_empty();
        let labels = self.labels.iter().all(|(key, text)| good(key) && value(text));
        labels
            && items(self.node, "matchExpressions").all(|requirement| {
                let mut values = items(requirement, "values");
                let counted = match text(requirement, "operator") {
                    "In" | "NotIn" => values.next().is_some(),
                    "Exists" | "DoesNotExist" => values.next().is_none(),
                    _ => false,
                };
                counted
                    && good(text(requirement, "key"))
                    && items(requirement, "values").all(|item| value(item.as_str().unwrap_or_default()))
            })
    }

    /// Whether it selects what has these labels.
    pub(super) fn selects(&self, given: &Labels<'_>) -> bool {
        let labels = self.labels.iter();
        labels
            .into_iter()
            .all(|(key, value)| given.get(key.as_ref()) == Some(value))
            && items(self.node, "matchExpressions").all(|requirement| {
                let value = given.get(text(requirement, "key"));
                let named =
                    || items(requirement, "values").any(|item| item.as_str() == value.map(AsRef::as_ref));
                match text(requirement, "operator") {
                    "In" => value.is_some() && named(),
                    "NotIn" => value.is_none() || !named(),
                    "Exists" => value.is_some(),
                    _ => value.is_none(),
                }
            })
    }

    /// The selector as the API server shows it.
    pub(super) fn shown(&self, report: &Report<'_>) -> String {
        let labels = self.labels.iter();
        let pairs: Vec<_> = labels
            .map(|(key, value)| (Cow::Borrowed(key.as_ref()), value.as_ref()))
            .collect();
        labels::shown_selector_of(report, self.node, &pairs)
    }
}

/// Labels as the API server shows them.
pub(crate) fn shown_labels(report: &Report<'_>, given: Option<&Labels<'_>>) -> String {
    let Some(given) = given else {
        let nothing = if report.at_least(34) {
            "null"
        } else {
            "map[string]string(nil)"
        };
        return nothing.to_owned();
    };
    let join = |quote: fn(&str) -> String, separator: &str| {
        let pairs: Vec<_> = given
            .iter()
            .map(|(key, value)| format!("{}:{}", quote(key), quote(value)))
            .collect();
        pairs.join(separator)
    };
    if report.at_least(34) {
        format!("{{{}}}", join(go_json, ","))
    } else {
        format!("map[string]string{{{}}}", join(go_quote, ", "))
    }
}

/// Where the labels of the template stand, or what would hold them.
pub(super) fn labels_place(pass: &Pass<'_>) -> Span {
    let template = pass.template;
    match template.metadata {
        Some(metadata) => place(metadata, "labels"),
        None => template
            .object
            .at(template.kind.template_path())
            .unwrap_or(template.object)
            .span(),
    }
}

/// Reports labels of the template that the selector does not select.
pub(super) fn refuse_labels(pass: &mut Pass<'_>, given: Option<&Labels<'_>>) {
    let template = Path::root(pass.template.kind.template_path());
    let metadata = template.child("metadata");
    let value = shown_labels(pass, given);
    let span = labels_place(pass);
    let detail = "`selector` does not match template `labels`";
    pass.invalid(
        &SELECTOR_MISMATCH,
        &metadata.child("labels"),
        Shown::Raw(value),
        detail,
        span,
    );
}

/// Whether the selector selects the labels of the template.
pub(super) fn check_template(pass: &mut Pass<'_>, selector: Option<&Selector<'_>>) {
    let given = template_labels(pass).map(labels_of);
    let nothing = Labels::new();
    let fits = match (selector, &given) {
        // No selector selects nothing.
        (None, _) => false,
        (Some(selector), given) => selector.selects(given.as_ref().unwrap_or(&nothing)),
    };
    if !fits {
        refuse_labels(pass, given.as_ref());
    }
}

/// Reports a selector, with what is said of it.
pub(super) fn refuse(
    pass: &mut Report<'_>,
    rule: &'static Rule,
    selector: &Selector<'_>,
    path: &Path<'_>,
    detail: &str,
) {
    let value = selector.shown(pass);
    pass.invalid(
        rule,
        &path.child("selector"),
        Shown::Raw(value),
        detail,
        selector.node.span(),
    );
}

/// The selector of a workload that cannot be without one; whether it can be read.
pub(super) fn check_required<'a>(
    pass: &mut Pass<'_>,
    spec: Node<'a>,
    path: &Path<'_>,
    empty: &str,
) -> Option<Selector<'a>> {
    let Some(node) = spec.field("selector") else {
        pass.required(
            &WORKLOAD_SELECTOR,
            &path.child("selector"),
            "",
            place(spec, "selector"),
        );
        return None;
    };
    labels::check_selector(pass, node, &path.child("selector"));
    let selector = Selector::of(node);
    if selector.is_empty() {
        let detail = format!("empty selector is invalid for {empty}");
        refuse(pass, &WORKLOAD_SELECTOR, &selector, path, &detail);
    }
    Some(selector)
}
