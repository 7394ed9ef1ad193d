//! A place in a document's tree.

use std::borrow::Cow;
use std::fmt;

use crate::document::{Document, Raw, Shape, key_bit, key_print};
use crate::mapping::{Entries, Items};
use crate::scalar::{self, Resolved, Tag};
use crate::{Span, json, path};

/// A key, a value or an item of a document: a small handle, to be copied.
///
/// An alias is the node that it stands for, at the place where the alias is written.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    id: u32,
    /// Whether this is the unset field of a node, and not the node.
    unset: bool,
}

/// Which node of its document one is: for whoever holds the document, and has looked for the node once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(pub(crate) u32);

/// The type of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, `~` or `null`: Kubernetes takes the field for unset.
    Null,
    /// `true`, and what the decoder takes for it (`on`, `yes`, …).
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction or an exponent.
    Float,
    /// Text.
    String,
    /// A list.
    Sequence,
    /// A mapping.
    Mapping,
}

/// The value of a node.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// See [`Kind::Null`].
    Null,
    /// See [`Kind::Bool`].
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above the largest `i64`.
    Unsigned(u64),
    /// See [`Kind::Float`].
    Float(f64),
    /// Text, decoded.
    String(&'a str),
    /// The items.
    Sequence(Items<'a>),
    /// The entries, merge keys followed.
    Mapping(Entries<'a>),
}

impl<'a> Node<'a> {
    pub(crate) fn new(document: &'a Document, id: u32) -> Self {
        Self {
            document,
            id,
            unset: false,
        }
    }

    pub(crate) fn id(self) -> u32 {
        self.id
    }

    /// Which node it is. One that is not set is the node that it would stand in.
    #[must_use]
    pub fn node_id(self) -> NodeId {
        NodeId(self.id)
    }

    /// The document that the node is of.
    #[must_use]
    pub fn document(self) -> &'a Document {
        self.document
    }

    /// Where the node stands: quotes included; an alias where it is written; a missing value at the end of its key.
    #[must_use]
    pub fn span(self) -> Span {
        let raw = self.document.nodes[self.id as usize];
        Span::new(raw.start, raw.end)
    }

    /// Where the value stands that an alias names; otherwise the node's own place.
    #[must_use]
    pub fn target_span(self) -> Span {
        let raw = self.document.nodes[self.resolved().id as usize];
        Span::new(raw.start, raw.end)
    }

    /// Whether the node is written as an alias (`*name`).
    #[must_use]
    pub fn is_alias(self) -> bool {
        !self.unset && self.document.nodes[self.id as usize].shape == Shape::Alias
    }

    /// The node's place as text, as it is written.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.span().slice(&self.document.text).unwrap_or_default()
    }

    /// A string of JSON with escapes, as it is written, with its quotes. Nothing of any other value, and of what was not read
    /// by [`parse_json`](crate::parse_json).
    #[must_use]
    pub fn escaped(self) -> Option<&'a str> {
        (self.target().shape == Shape::Escaped).then(|| self.raw())
    }

    /// The type of the value.
    #[must_use]
    #[inline]
    pub fn kind(self) -> Kind {
        let raw = self.target();
        match raw.shape {
            Shape::Sequence => Kind::Sequence,
            Shape::Mapping | Shape::Merging => Kind::Mapping,
            _ => match self.resolve(raw) {
                Resolved::Null => Kind::Null,
                Resolved::Bool(_) => Kind::Bool,
                Resolved::Int(_) | Resolved::Unsigned(_) => Kind::Int,
                Resolved::Float(_) => Kind::Float,
                Resolved::String => Kind::String,
            },
        }
    }

    /// The value, typed as the cluster's decoder types it.
    #[must_use]
    pub fn value(self) -> Value<'a> {
        let raw = self.target();
        match raw.shape {
            Shape::Sequence => Value::Sequence(Items::new(self.resolved())),
            Shape::Mapping | Shape::Merging => Value::Mapping(Entries::new(self.resolved())),
            _ => match self.resolve(raw) {
                Resolved::Null => Value::Null,
                Resolved::Bool(value) => Value::Bool(value),
                Resolved::Int(value) => Value::Int(value),
                Resolved::Unsigned(value) => Value::Unsigned(value),
                Resolved::Float(value) => Value::Float(value),
                Resolved::String => Value::String(self.document.scalar_text(raw)),
            },
        }
    }

    /// The text of a scalar of any type, unquoted and unescaped; nothing of a collection.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        let raw = self.target();
        match raw.shape {
            Shape::Sequence | Shape::Mapping | Shape::Merging => None,
            _ => Some(self.document.scalar_text(raw)),
        }
    }

    /// The text of a string.
    #[must_use]
    #[inline]
    pub fn as_str(self) -> Option<&'a str> {
        let raw = self.target();
        match raw.shape {
            Shape::Sequence | Shape::Mapping | Shape::Merging => None,
            _ if self.resolve(raw) == Resolved::String => Some(self.document.scalar_text(raw)),
            _ => None,
        }
    }

    /// The value of a boolean.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.value() {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A whole number, also one written as a float without a fraction: the decoder makes `1e3` the JSON number 1000.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        match self.value() {
            Value::Int(value) => Some(value),
            Value::Float(value) => json::whole(value),
            _ => None,
        }
    }

    /// A number.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "what a float is for")]
    pub fn as_f64(self) -> Option<f64> {
        match self.value() {
            Value::Int(value) => Some(value as f64),
            Value::Unsigned(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the value is null, which Kubernetes takes for unset.
    #[must_use]
    #[inline]
    pub fn is_null(self) -> bool {
        let raw = self.target();
        raw.tag != Tag::Str && scalar::is_null(self.document.scalar_text(raw))
    }

    /// Whether this is a mapping.
    #[must_use]
    pub fn is_mapping(self) -> bool {
        matches!(self.target().shape, Shape::Mapping | Shape::Merging)
    }

    /// Whether this is a sequence.
    #[must_use]
    pub fn is_sequence(self) -> bool {
        self.target().shape == Shape::Sequence
    }

    /// The entries of a mapping in the order of the text, merge keys followed; none of anything else.
    #[must_use]
    pub fn entries(self) -> Entries<'a> {
        Entries::new(self.resolved())
    }

    /// The items of a sequence; none of anything else.
    #[must_use]
    pub fn items(self) -> Items<'a> {
        Items::new(self.resolved())
    }

    /// The value of `key`, null included; of several, the last, as the decoder does.
    #[must_use]
    #[inline]
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        let mut id = self.id;
        let mut raw = self.document.nodes[id as usize];
        if raw.shape == Shape::Alias {
            id = raw.payload;
            raw = self.document.nodes[id as usize];
        }
        // Most keys that are asked for are not there, and most callers name theirs: this is all that it takes.
        let print = key_print(key.as_bytes());
        if self.unset || raw.keys & key_bit(print) == 0 {
            return None;
        }
        self.document.value_of(id, key, print)
    }

    /// The value of `key` where it is set: null is not.
    #[must_use]
    #[inline]
    pub fn field(self, key: &str) -> Option<Node<'a>> {
        self.get(key).filter(|node| !node.is_null())
    }

    /// The value of `key`; of a key that is not set a null that stands where this node stands, so that it can be asked for
    /// its own fields and items in turn, and has none.
    #[must_use]
    #[inline]
    pub fn child(self, key: &str) -> Node<'a> {
        self.get(key).unwrap_or(Node { unset: true, ..self })
    }

    /// Whether the node is written somewhere: the [`child`](Self::child) that no key sets is not.
    #[must_use]
    pub const fn is_written(self) -> bool {
        !self.unset
    }

    /// The node at `path`, such as `spec.containers[0].name` or `metadata.labels[kubernetes.io/os]`.
    #[must_use]
    pub fn at(self, path: &str) -> Option<Node<'a>> {
        path::walk(self, path)
    }

    /// The value as JSON, as the decoder makes it: the last of equal keys, aliases and merge keys followed.
    #[must_use]
    pub fn to_json(self) -> serde_json::Value {
        json::from_node(self)
    }

    /// The text of a key as JSON has it: the key `1` and the key `0x1` are both `"1"`.
    #[must_use]
    #[inline]
    pub fn key_text(self) -> Cow<'a, str> {
        let raw = self.target();
        key_text(self.document.scalar_text(raw), raw)
    }

    /// Whether this is the key `key`, as JSON has it.
    pub(crate) fn is_key(self, key: &str) -> bool {
        let raw = self.target();
        key_text(self.document.scalar_text(raw), raw) == key
    }

    #[inline]
    fn resolve(self, raw: Raw) -> Resolved {
        if raw.tag == Tag::Str {
            return Resolved::String;
        }
        // The builder refuses texts that their tags do not fit.
        scalar::resolve_tagged(self.document.scalar_text(raw), raw.tag).unwrap_or(Resolved::String)
    }

    /// The node itself, or the node that it is an alias of.
    #[inline]
    pub(crate) fn resolved(self) -> Self {
        let raw = self.document.nodes[self.id as usize];
        if raw.shape == Shape::Alias {
            Self {
                id: raw.payload,
                ..self
            }
        } else {
            self
        }
    }

    #[inline]
    pub(crate) fn target(self) -> Raw {
        let raw = self.document.nodes[self.resolved().id as usize];
        if self.unset { raw.nothing() } else { raw }
    }
}

/// The text of a key as JSON has it.
#[inline]
pub(crate) fn key_text(text: &str, raw: Raw) -> Cow<'_, str> {
    if raw.tag == Tag::Str {
        return Cow::Borrowed(text);
    }
    match scalar::resolve_tagged(text, raw.tag) {
        Some(Resolved::Bool(value)) => Cow::Borrowed(if value { "true" } else { "false" }),
        Some(Resolved::Int(value)) => Cow::Owned(value.to_string()),
        Some(Resolved::Unsigned(value)) => Cow::Owned(value.to_string()),
        Some(Resolved::Float(value)) => Cow::Owned(json::key(value)),
        Some(Resolved::String | Resolved::Null) | None => Cow::Borrowed(text),
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_json())
    }
}
