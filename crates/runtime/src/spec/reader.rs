//! Reads fields of nodes, and collects what is refused and what is noted.

use porthole_manifest::{Node, Span};

use super::{Note, Refusal, Weight, Written, meant};

/// What becomes of a field.
#[derive(Clone, Copy)]
pub(super) enum Treatment {
    /// The runtime reads it.
    Read,
    /// It means nothing here, for this reason.
    Note(&'static str),
    /// It asks for what porthole does not do: the reason. Values that ask for nothing (`false`, `""`, empty) pass.
    Refuse(&'static str),
    /// As `Refuse`, but this value too asks for nothing.
    RefuseUnless(&'static str, &'static str),
}

/// The fields of one type of object.
pub(super) type Table = [(&'static str, Treatment)];

/// Collects what a pod's reading finds.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) refusals: Vec<Refusal>,
    pub(super) notes: Vec<Note>,
}

impl Reader {
    pub(super) fn refuse(&mut self, field: impl Into<String>, span: Span, reason: impl Into<String>) {
        self.refusals.push(Refusal {
            field: field.into(),
            span,
            reason: reason.into(),
            help: None,
        });
    }

    pub(super) fn refuse_with_help(
        &mut self,
        field: impl Into<String>,
        span: Span,
        reason: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.refusals.push(Refusal {
            field: field.into(),
            span,
            reason: reason.into(),
            help: Some(help.into()),
        });
    }

    pub(super) fn note(&mut self, field: impl Into<String>, span: Span, reason: &'static str) {
        self.notes.push(Note {
            field: field.into(),
            span,
            reason,
            weight: Weight::Detail,
        });
    }

    /// Goes through the fields of an object, so that none is left out.
    pub(super) fn fields(&mut self, node: Node<'_>, path: &str, table: &Table) {
        if !node.is_mapping() {
            self.refuse(path, node.span(), "must be a mapping");
            return;
        }
        for entry in node.entries() {
            if entry.value.is_null() {
                continue;
            }
            let key = entry.key.key_text();
            let field = || format!("{path}.{key}");
            let (span, value) = (entry.key.span(), entry.value);
            let treatment = table
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, treatment)| *treatment);
            match treatment {
                Some(Treatment::Note(reason)) => self.note(field(), span, reason),
                Some(Treatment::Refuse(reason)) if !asks_for_nothing(value) => {
                    self.refuse(field(), span, reason);
                }
                Some(Treatment::RefuseUnless(nothing, reason))
                    if !asks_for_nothing(value) && value.text() != Some(nothing) =>
                {
                    self.refuse(field(), span, reason);
                }
                Some(_) => {}
                None => self.refuse(field(), span, meant::unknown(&key, table)),
            }
        }
    }

    /// A string, where the field is set.
    pub(super) fn string(&mut self, node: Node<'_>, path: &str, key: &str) -> Option<Written<String>> {
        let value = node.field(key)?;
        let Some(text) = value.as_str() else {
            self.refuse(
                format!("{path}.{key}"),
                value.span(),
                "must be a string; put quotes around it",
            );
            return None;
        };
        Some(Written::new(text.to_owned(), value.span()))
    }

    /// A string that has to be there.
    pub(super) fn required(&mut self, node: Node<'_>, path: &str, key: &str) -> Option<Written<String>> {
        let before = self.refusals.len();
        let text = self.string(node, path, key).filter(|text| !text.value.is_empty());
        if text.is_none() && self.refusals.len() == before {
            self.refuse(format!("{path}.{key}"), node.span(), "must be set");
        }
        text
    }

    /// A boolean, where the field is set.
    pub(super) fn boolean(&mut self, node: Node<'_>, path: &str, key: &str) -> Option<Written<bool>> {
        let value = node.field(key)?;
        let Some(truth) = value.as_bool() else {
            self.refuse(format!("{path}.{key}"), value.span(), "must be true or false");
            return None;
        };
        Some(Written::new(truth, value.span()))
    }

    /// A whole number from 0, where the field is set.
    pub(super) fn number(&mut self, node: Node<'_>, path: &str, key: &str) -> Option<Written<u64>> {
        let value = node.field(key)?;
        let Some(number) = value.as_i64().and_then(|number| u64::try_from(number).ok()) else {
            self.refuse(
                format!("{path}.{key}"),
                value.span(),
                "must be a whole number, 0 or more",
            );
            return None;
        };
        Some(Written::new(number, value.span()))
    }

    /// The items of a list with their paths; none where the field is not set.
    pub(super) fn items<'a>(&mut self, node: Node<'a>, path: &str, key: &str) -> Vec<(Node<'a>, String)> {
        let Some(value) = node.field(key) else {
            return Vec::new();
        };
        if !value.is_sequence() {
            self.refuse(format!("{path}.{key}"), value.span(), "must be a list");
            return Vec::new();
        }
        value
            .items()
            .enumerate()
            .map(|(index, item)| (item, format!("{path}.{key}[{index}]")))
            .collect()
    }

    /// A list of strings.
    pub(super) fn strings(&mut self, node: Node<'_>, path: &str, key: &str) -> Vec<Written<String>> {
        let mut strings = Vec::new();
        for (item, path) in self.items(node, path, key) {
            match item.as_str() {
                Some(text) => strings.push(Written::new(text.to_owned(), item.span())),
                None => self.refuse(path, item.span(), "must be a string; put quotes around it"),
            }
        }
        strings
    }

    /// A mapping of strings to strings.
    pub(super) fn pairs(&mut self, node: Node<'_>, path: &str, key: &str) -> Vec<(String, Written<String>)> {
        let Some(value) = node.field(key) else {
            return Vec::new();
        };
        if !value.is_mapping() {
            self.refuse(format!("{path}.{key}"), value.span(), "must be a mapping");
            return Vec::new();
        }
        let mut pairs = Vec::new();
        for entry in value.entries() {
            let name = entry.key.key_text().into_owned();
            match entry.value.as_str() {
                Some(text) => pairs.push((name, Written::new(text.to_owned(), entry.value.span()))),
                None => {
                    self.refuse(
                        format!("{path}.{key}[{name}]"),
                        entry.value.span(),
                        "must be a string; put quotes around it",
                    );
                }
            }
        }
        pairs
    }
}

/// Whether a value is its field's zero, with which nothing is asked for.
fn asks_for_nothing(value: Node<'_>) -> bool {
    if value.is_mapping() {
        value.entries().next().is_none()
    } else if value.is_sequence() {
        value.items().next().is_none()
    } else {
        value.as_bool() == Some(false) || value.as_str() == Some("")
    }
}
