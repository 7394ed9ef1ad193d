//! Who breaks a check: gathered while the pod is walked, and named in the API server's words. Nothing is allocated for a
//! pod that passes.

use std::collections::BTreeSet;
use std::fmt;

use porthole_manifest::{Node, Span};

use super::subject::{Container, Subject};
use super::violation::{Place, Violation};
use crate::container::ContainerKind;
use crate::rule::Rule;

/// The pod and containers that break a check, with the values that do.
#[derive(Default)]
pub(super) struct Offenders<'a> {
    pod: bool,
    containers: Vec<&'a str>,
    last: Option<(ContainerKind, usize)>,
    values: BTreeSet<&'a str>,
    places: Vec<Place>,
}

impl<'a> Offenders<'a> {
    /// Names the pod itself, for `field` below the pod spec.
    pub(super) fn pod(&mut self, subject: &Subject<'a>, field: impl fmt::Display, span: Span) {
        self.pod = true;
        self.place(subject, field, span);
    }

    /// Adds a place below the pod spec, and names nobody.
    pub(super) fn place(&mut self, subject: &Subject<'a>, field: impl fmt::Display, span: Span) {
        let field = format!("{}.{field}", subject.template.prefix);
        self.places.push(Place { field, span });
    }

    /// Adds a place of that field, and names nobody.
    pub(super) fn place_at(&mut self, field: String, span: Span) {
        self.places.push(Place { field, span });
    }

    /// Names `container`, for `field` below it. It is named once, however many of its fields offend.
    pub(super) fn container(
        &mut self,
        subject: &Subject<'a>,
        container: &Container<'a>,
        field: impl fmt::Display,
        span: Span,
    ) {
        let place = (container.kind, container.index);
        if self.last != Some(place) {
            self.containers.push(container.name());
            self.last = Some(place);
        }
        let (kind, index) = (container.kind.field(), container.index);
        self.place(subject, format_args!("{kind}[{index}].{field}"), span);
    }

    /// Names `container`, for a field of its securityContext that is not as it must be, set or not.
    pub(super) fn context(&mut self, subject: &Subject<'a>, container: &Container<'a>, field: &str) {
        let held = container.security_context();
        let span = held.and_then(|context| context.get(field)).or(held);
        let span = span.unwrap_or(container.node).span();
        self.container(subject, container, format_args!("securityContext.{field}"), span);
    }

    /// Adds a value that is not allowed.
    pub(super) fn value(&mut self, value: &'a str) {
        self.values.insert(value);
    }

    pub(super) const fn is_empty(&self) -> bool {
        !self.pod && self.containers.is_empty()
    }

    /// How many containers are named.
    pub(super) const fn count(&self) -> usize {
        self.containers.len()
    }

    /// How many values are not allowed.
    pub(super) fn value_count(&self) -> usize {
        self.values.len()
    }

    /// `container "a"` or `containers "a", "b"`.
    pub(super) fn containers_text(&self) -> String {
        let noun = plural("container", "containers", self.containers.len());
        format!("{noun} {}", quoted(&self.containers))
    }

    /// `pod`, `containers "a", "b"`, or `pod and container "a"`.
    pub(super) fn setters(&self) -> String {
        match (self.pod, self.containers.is_empty()) {
            (true, true) => "pod".to_owned(),
            (true, false) => format!("pod and {}", self.containers_text()),
            (false, _) => self.containers_text(),
        }
    }

    /// The values that are not allowed, sorted and quoted.
    pub(super) fn values_text(&self) -> String {
        quoted(&self.values.iter().copied().collect::<Vec<_>>())
    }

    /// The values that are not allowed, sorted.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a str> {
        self.values.iter().copied()
    }

    /// Names each container once, sorted, as checks of sets do.
    pub(super) fn sort_containers(&mut self) {
        self.containers.sort_unstable();
        self.containers.dedup();
    }

    pub(super) fn violation(
        self,
        rule: &'static Rule,
        check: &'static str,
        reason: &'static str,
        detail: String,
    ) -> Violation {
        Violation {
            rule,
            check,
            reason,
            detail,
            places: self.places,
        }
    }

    /// Takes over the places of `other`.
    pub(super) fn absorb(&mut self, other: Self) {
        self.places.extend(other.places);
    }
}

/// Items in quotes. They are not escaped, as the API server does not.
pub(super) fn quoted<T: AsRef<str>>(items: &[T]) -> String {
    let mut text = String::new();
    for item in items {
        text.push_str(if text.is_empty() { "\"" } else { ", \"" });
        text.push_str(item.as_ref());
        text.push('"');
    }
    text
}

/// The word for so many.
pub(super) const fn plural(one: &'static str, many: &'static str, count: usize) -> &'static str {
    if count == 1 { one } else { many }
}

/// Where a node stands, or else where its holder does.
pub(super) fn span_or(node: Option<Node<'_>>, holder: Node<'_>) -> Span {
    node.unwrap_or(holder).span()
}
