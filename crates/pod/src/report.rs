//! What rules report to: the findings, in the order in which they are found.

use std::collections::HashSet;

use porthole_manifest::Node;
use porthole_manifest::Span;

use crate::finding::{ErrorKind, Finding, Severity};
use crate::names::Faults;
use crate::options::Options;
use crate::path::Path;
use crate::render::{go_json, go_quote};
use crate::rule::Rule;

/// A value as the API server's messages show it, by its Go type.
#[derive(Clone, Debug)]
pub(crate) enum Shown<'v> {
    /// A `string`.
    Str(&'v str),
    /// A `*string`, or a string of a type of its own such as `core.OSName`. From 1.34 on these are shown as JSON.
    Named(&'v str),
    /// A whole number of a plain type, or behind a pointer.
    Int(i64),
    /// A boolean.
    Bool(bool),
    /// A list of strings.
    Strings(&'v [&'v str]),
    /// A pointer to nothing.
    Null,
    /// Rendered by the rule.
    Raw(String),
}

/// The findings of an object's rules.
pub(crate) struct Report<'a> {
    /// Whose verdict it is.
    pub(crate) options: &'a Options,
    /// Whether the object is there already.
    pub(crate) is_change: bool,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    pub(crate) const fn new(options: &'a Options) -> Self {
        Self {
            options,
            is_change: false,
            findings: Vec::new(),
        }
    }

    /// The findings; since 1.37 equal errors are named once.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        if self.findings.len() > 1 && self.at_least(37) {
            let mut seen = HashSet::new();
            self.findings.retain(|finding| {
                finding.severity != Severity::Error || seen.insert((finding.field.clone(), finding.body()))
            });
        }
        self.findings
    }

    /// Moves the values of `fields` that are not valid behind all others, in the order of these.
    pub(crate) fn move_last(&mut self, fields: &[&str]) {
        self.findings.sort_by_key(|finding| {
            let moves = finding.kind == ErrorKind::Invalid;
            let place = fields.iter().position(|field| moves && *field == finding.field);
            place.map_or(0, |place| place + 1)
        });
    }

    /// Moves the findings from the place `start` on before the first one of these fields, or of something in them.
    pub(crate) fn move_before(&mut self, start: usize, fields: &[&str]) {
        let later = |finding: &Finding| fields.iter().any(|field| finding.field.starts_with(field));
        if let Some(at) = self.findings[..start].iter().position(later) {
            self.findings[at..].rotate_left(start - at);
        }
    }

    /// How many findings there are so far.
    pub(crate) const fn count(&self) -> usize {
        self.findings.len()
    }

    /// Whether the cluster is of version `1.minor` or newer.
    pub(crate) const fn at_least(&self, minor: u16) -> bool {
        self.options.at_least(minor)
    }

    /// Whether the feature `gate` is on.
    pub(crate) fn enabled(&self, gate: &str) -> bool {
        self.options.enabled(gate)
    }

    /// Whether what types declare (`+k8s:beta`) is asked in the place of what the server's code asked before it, and told last: since
    /// 1.37, unless the gate of those declarations is off. Other declarations have no gate.
    pub(crate) fn declares(&self) -> bool {
        self.at_least(37) && self.enabled("DeclarativeValidationBeta")
    }

    /// Whether a feature is there: where its `gate` is on, and, since `1.always`, in every cluster.
    pub(crate) fn feature(&self, gate: &str, always: u16) -> bool {
        self.at_least(always) || self.enabled(gate)
    }

    /// Whether an error has been reported of `field` or of something in it. A claim that another volume creates is an error
    /// beside the volume, and not of it.
    pub(crate) fn has_error_under(&self, field: &Path<'_>) -> bool {
        if self.findings.is_empty() {
            return false;
        }
        let field = field.to_string();
        self.findings.iter().any(|finding| {
            let rest = finding.field.strip_prefix(&field);
            finding.severity == Severity::Error
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                && !finding
                    .detail
                    .starts_with("must not reference a PVC that gets created")
        })
    }

    /// The text of a value.
    pub(crate) fn render(&self, value: Shown<'_>) -> String {
        match value {
            Shown::Named(text) if self.at_least(34) => go_json(text),
            Shown::Str(text) | Shown::Named(text) => go_quote(text),
            Shown::Int(number) => number.to_string(),
            Shown::Bool(value) => value.to_string(),
            Shown::Strings(items) if self.at_least(34) => format!("[{}]", join(items, ",", go_json)),
            Shown::Strings(items) => format!("[]string{{{}}}", join(items, ", ", go_quote)),
            Shown::Null if self.at_least(34) => "null".to_owned(),
            Shown::Null => "\"null\"".to_owned(),
            Shown::Raw(text) => text,
        }
    }

    /// Reports an error. `value` is as the API server renders it.
    pub(crate) fn report(
        &mut self,
        rule: &'static Rule,
        kind: ErrorKind,
        field: &Path<'_>,
        value: Option<String>,
        detail: impl Into<String>,
        span: Span,
    ) {
        self.findings.push(Finding {
            rule,
            severity: Severity::Error,
            kind,
            field: field.to_string(),
            value,
            detail: detail.into(),
            span: Some(span),
            related: Vec::new(),
            help: None,
            fix: None,
        });
    }

    fn show(
        &mut self,
        rule: &'static Rule,
        kind: ErrorKind,
        field: &Path<'_>,
        value: Shown<'_>,
        detail: impl Into<String>,
        span: Span,
    ) {
        let value = self.render(value);
        self.report(rule, kind, field, Some(value), detail, span);
    }

    pub(crate) fn invalid(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        value: Shown<'_>,
        detail: impl Into<String>,
        span: Span,
    ) {
        self.show(rule, ErrorKind::Invalid, field, value, detail, span);
    }

    /// A value that is too much to be shown.
    pub(crate) fn invalid_without_value(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        detail: impl Into<String>,
        span: Span,
    ) {
        self.report(rule, ErrorKind::Invalid, field, None, detail, span);
    }

    /// One error for each fault of a name or another text.
    pub(crate) fn faults(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        text: &str,
        faults: Faults,
        span: Span,
    ) {
        for fault in faults {
            self.invalid(rule, field, Shown::Str(text), fault, span);
        }
    }

    pub(crate) fn required(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        detail: impl Into<String>,
        span: Span,
    ) {
        self.report(rule, ErrorKind::Required, field, None, detail, span);
    }

    pub(crate) fn forbidden(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        detail: impl Into<String>,
        span: Span,
    ) {
        self.report(rule, ErrorKind::Forbidden, field, None, detail, span);
    }

    /// The value is none of `supported`, which are named in the order given.
    pub(crate) fn not_supported(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        value: Shown<'_>,
        supported: &[&str],
        span: Span,
    ) {
        let mut detail = String::new();
        for value in supported {
            detail.push_str(if detail.is_empty() {
                "supported values: "
            } else {
                ", "
            });
            detail.push_str(&go_quote(value));
        }
        self.show(rule, ErrorKind::NotSupported, field, value, detail, span);
    }

    pub(crate) fn duplicate(&mut self, rule: &'static Rule, field: &Path<'_>, value: Shown<'_>, span: Span) {
        self.show(rule, ErrorKind::Duplicate, field, value, "", span);
    }

    pub(crate) fn not_found(&mut self, rule: &'static Rule, field: &Path<'_>, value: Shown<'_>, span: Span) {
        self.show(rule, ErrorKind::NotFound, field, value, "", span);
    }

    /// More than `most` bytes, in the words of `field.TooLong`, which changed in 1.32 and 1.34.
    pub(crate) fn too_long(&mut self, rule: &'static Rule, field: &Path<'_>, most: usize, span: Span) {
        let detail = match (self.at_least(32), most) {
            (false, _) => format!("must have at most {most} bytes"),
            (true, 1) if self.at_least(34) => "may not be more than 1 byte".to_owned(),
            (true, _) => format!("may not be more than {most} bytes"),
        };
        self.report(rule, ErrorKind::TooLong, field, None, detail, span);
    }

    /// More than `most` bytes of what had words of its own up to 1.31 (`field.TooLongMaxLength`).
    pub(crate) fn too_long_name(&mut self, rule: &'static Rule, field: &Path<'_>, most: usize, span: Span) {
        if self.at_least(32) {
            self.too_long(rule, field, most, span);
        } else {
            let detail = format!("may not be longer than {most}");
            self.report(rule, ErrorKind::TooLong, field, None, detail, span);
        }
    }

    /// More than `most` items.
    pub(crate) fn too_many(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        (count, most): (usize, usize),
        span: Span,
    ) {
        let items = if most == 1 && self.at_least(34) {
            "item"
        } else {
            "items"
        };
        let detail = format!("must have at most {most} {items}");
        self.report(
            rule,
            ErrorKind::TooMany,
            field,
            Some(count.to_string()),
            detail,
            span,
        );
    }

    /// What the API server says beside its answer.
    pub(crate) fn warn(
        &mut self,
        rule: &'static Rule,
        field: &Path<'_>,
        text: impl Into<String>,
        span: Span,
    ) {
        self.findings.push(Finding {
            rule,
            severity: Severity::Warning,
            kind: ErrorKind::Warning,
            field: field.to_string(),
            value: None,
            detail: text.into(),
            span: Some(span),
            related: Vec::new(),
            help: None,
            fix: None,
        });
    }
}

fn join(items: &[&str], separator: &str, quote: fn(&str) -> String) -> String {
    items
        .iter()
        .map(|item| quote(item))
        .collect::<Vec<_>>()
        .join(separator)
}

/// Whether the plain boolean `key` is true; unset is false.
pub(crate) fn is_true(node: Node<'_>, key: &str) -> bool {
    node.get(key).and_then(Node::as_bool).unwrap_or_default()
}

/// The text of the string `key`; unset is empty, as Go has it.
pub(crate) fn text<'a>(node: Node<'a>, key: &str) -> &'a str {
    node.get(key).and_then(Node::as_str).unwrap_or_default()
}

/// The number `key`, where it is set.
pub(crate) fn int(node: Node<'_>, key: &str) -> Option<i64> {
    node.get(key).and_then(Node::as_i64)
}

/// The text of the string behind the pointer `key`, where it is set.
pub(crate) fn some_text<'a>(node: Node<'a>, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::as_str)
}

/// The texts of the list of strings `key`; unset is empty.
pub(crate) fn texts<'a>(node: Node<'a>, key: &str) -> Vec<&'a str> {
    items(node, key)
        .map(|item| item.as_str().unwrap_or_default())
        .collect()
}

/// Whether what `key` holds in `old` is taken away in `new`: where it was null it is taken away by saying nothing.
pub(crate) fn is_removed(old: Node<'_>, new: Node<'_>, key: &str) -> bool {
    let (before, after) = (old.get(key), new.get(key));
    before.is_some() && after.is_none() || old.field(key).is_some() && new.field(key).is_none()
}

/// Whether the list `key` has items.
pub(crate) fn has_items(node: Node<'_>, key: &str) -> bool {
    items(node, key).next().is_some()
}

/// The items of the list `key`; unset is empty.
pub(crate) fn items<'a>(node: Node<'a>, key: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
    node.get(key).into_iter().flat_map(Node::items)
}

/// Where the value of `key` stands, or, where it is not set, what would hold it.
pub(crate) fn place(node: Node<'_>, key: &str) -> Span {
    node.get(key).unwrap_or(node).span()
}
