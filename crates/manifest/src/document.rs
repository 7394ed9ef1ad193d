//! A document's tree, laid out flat.
//!
//! Nodes stand in the order of the text, parents before children, sixteen bytes each: a mapping is followed by its keys
//! and values in turn, a sequence by its items, and every collection knows where its last descendant ends, so that
//! siblings are reached in one step. Text is not copied where the source holds it as it is. Nothing is hashed.

use std::sync::{Arc, OnceLock};

use crate::json_string;
use crate::node::{Node, NodeId};
use crate::scalar::Tag;
use crate::{DuplicateKey, Span, SyntaxError, spare};

/// What a text turned out to hold.
#[derive(Debug, Default)]
pub struct Stream {
    /// The documents that can be read, in their order. Empty ones are left out.
    pub documents: Vec<Document>,
    /// What is wrong with the others, in the order of the text.
    pub errors: Vec<SyntaxError>,
}

/// One document of a stream.
pub struct Document {
    pub(crate) index: usize,
    pub(crate) text: Arc<str>,
    pub(crate) nodes: Vec<Raw>,
    pub(crate) decoded: Decoded,
    pub(crate) duplicate_keys: Vec<DuplicateKey>,
    pub(crate) comments: Box<[Comment]>,
}

/// A comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where, from its `#` to the end of its line.
    pub span: Span,
    /// Whether it has the line for itself, and so speaks of what is below; else it speaks of its own line.
    pub own_line: bool,
}

/// Texts of scalars that the source does not hold as they are: unescaped, folded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) spans: Vec<Span>,
    /// Texts of strings of JSON with escapes, once somebody has asked for them.
    pub(crate) later: Vec<OnceLock<Box<str>>>,
}

impl Decoded {
    /// Forgets the texts, and keeps their room.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
        self.later.clear();
    }
}

/// What a node is, and where its text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A scalar whose text is its span. As a key it knows the key after it: node `payload`.
    Verbatim,
    /// A quoted scalar whose text is its span without the quotes. As a key it knows the key after it, too.
    Quoted,
    /// A scalar whose text is `decoded.spans[payload]`.
    Decoded,
    /// A string of JSON with escapes, of which `decoded.later[payload]` is the text. No key is one.
    Escaped,
    /// Followed by its items, up to node `payload`.
    Sequence,
    /// Followed by its keys and values, up to node `payload`.
    Mapping,
    /// A mapping with a merge key (`<<`) among its keys.
    Merging,
    /// Stands for node `payload`.
    Alias,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) payload: u32,
    pub(crate) shape: Shape,
    /// What a scalar is. Of one that is a string whatever its text says, quoted or not, it is [`Tag::Str`].
    pub(crate) tag: Tag,
    /// The keys that a mapping may have: the bits ([`key_bit`]) of those that it has, or, where it has merge keys, of all.
    /// Of a key its own print ([`key_print`]).
    pub(crate) keys: u16,
}

impl Raw {
    /// A node that is no key, and is not to be looked at by its text.
    pub(crate) const fn new(span: Span, shape: Shape, payload: u32) -> Self {
        Self {
            start: span.start,
            end: span.end,
            payload,
            shape,
            tag: Tag::Str,
            keys: 0,
        }
    }

    /// A null at the beginning of this node.
    pub(crate) const fn nothing(self) -> Self {
        Self {
            end: self.start,
            payload: 0,
            shape: Shape::Verbatim,
            tag: Tag::None,
            keys: 0,
            ..self
        }
    }
}

impl Document {
    /// The number of the document in its stream, from 0, empty and broken ones counted.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The document as a node.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// The node of that id, which is one of this document.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<Node<'_>> {
        ((id.0 as usize) < self.nodes.len()).then(|| Node::new(self, id.0))
    }

    /// The same document with these nodes of it unset: a null stands in the place of each. Only scalars and empty collections
    /// are taken away.
    #[must_use]
    pub fn without(&self, gone: &[Node<'_>]) -> Self {
        let mut nodes = self.nodes.clone();
        for node in gone {
            if let Some(raw) = nodes.get_mut(node.id() as usize)
                && (!matches!(raw.shape, Shape::Sequence | Shape::Mapping | Shape::Merging)
                    || raw.payload == node.id() + 1)
            {
                *raw = raw.nothing();
            }
        }
        Self {
            index: self.index,
            text: Arc::clone(&self.text),
            nodes,
            decoded: self.decoded.clone(),
            duplicate_keys: self.duplicate_keys.clone(),
            comments: self.comments.clone(),
        }
    }

    /// Keys that a mapping has more than once, in the order of the text. The last value counts.
    #[must_use]
    pub fn duplicate_keys(&self) -> &[DuplicateKey] {
        &self.duplicate_keys
    }

    /// Whether any mapping has a key more than once.
    #[must_use]
    pub fn repeats_keys(&self) -> bool {
        !self.duplicate_keys.is_empty()
    }

    /// The comments in and before the document, in their order.
    #[must_use]
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// The text that `span` covers.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        span.slice(&self.text).unwrap_or_default()
    }

    /// How many nodes the document has as written.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn scalar_text(&self, raw: Raw) -> &str {
        scalar_text(&self.text, &self.decoded, raw)
    }

    /// The value of `key`, whose print is `print`, in the mapping `id`, which may have it; of several, the last.
    pub(crate) fn value_of(&self, id: u32, key: &str, print: u16) -> Option<Node<'_>> {
        let Raw {
            shape, payload: end, ..
        } = self.nodes[id as usize];
        match shape {
            Shape::Mapping => {}
            Shape::Merging => {
                let mut entries = Node::new(self, id).entries();
                return entries
                    .find(|entry| entry.key.is_key(key))
                    .map(|entry| entry.value);
            }
            // A scalar that is a key itself.
            _ => return None,
        }
        let mut found = None;
        let mut at = id + 1;
        while at < end {
            let raw = self.nodes[at as usize];
            if raw.keys == print && self.is_key(at, raw, key) {
                // A key is one node.
                found = Some(Node::new(self, at + 1));
                if self.duplicate_keys.is_empty() {
                    break;
                }
            }
            at = match raw.shape {
                Shape::Verbatim | Shape::Quoted => raw.payload,
                _ => self.after(at + 1),
            };
        }
        found
    }

    /// Whether the key `raw`, node `id`, is `key`.
    fn is_key(&self, id: u32, raw: Raw, key: &str) -> bool {
        // Nearly every key is a text that the source holds.
        let quote = match raw.shape {
            Shape::Verbatim if raw.tag == Tag::Str => 0,
            Shape::Quoted if raw.tag == Tag::Str => 1,
            _ => return Node::new(self, id).is_key(key),
        };
        let (start, end) = (raw.start as usize + quote, raw.end as usize - quote);
        self.text.as_bytes().get(start..end) == Some(key.as_bytes())
    }

    /// The node after the subtree of node `id`.
    pub(crate) fn after(&self, id: u32) -> u32 {
        let raw = self.nodes[id as usize];
        match raw.shape {
            Shape::Sequence | Shape::Mapping | Shape::Merging => raw.payload,
            Shape::Verbatim | Shape::Quoted | Shape::Decoded | Shape::Escaped | Shape::Alias => id + 1,
        }
    }
}

/// A number for a key: of two keys with different numbers each is not the other.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lengths of long keys count modulo 65536"
)]
pub(crate) const fn key_print(key: &[u8]) -> u16 {
    let (first, last) = match key {
        [] => (0, 0),
        [only] => (*only, *only),
        [first, .., last] => (*first, *last),
    };
    // 16 bits hold these sums.
    let letters = first as u16 * 3 + last as u16 * 7;
    (key.len() as u16).wrapping_add(letters)
}

/// One of sixteen bits for a key of this print.
#[inline]
pub(crate) const fn key_bit(print: u16) -> u16 {
    1 << (print & 15)
}

/// The text of a scalar, or nothing of a collection or an alias.
pub(crate) fn scalar_text<'a>(text: &'a str, decoded: &'a Decoded, raw: Raw) -> &'a str {
    let found = match raw.shape {
        Shape::Verbatim => Span::new(raw.start, raw.end).slice(text),
        Shape::Quoted => Span::new(raw.start + 1, raw.end - 1).slice(text),
        Shape::Decoded => decoded
            .spans
            .get(raw.payload as usize)
            .and_then(|span| span.slice(&decoded.text)),
        Shape::Escaped => decoded.later.get(raw.payload as usize).map(|later| {
            later
                .get_or_init(|| {
                    let written = Span::new(raw.start, raw.end).slice(text);
                    // It was seen to be one when it was read.
                    let text = written.and_then(json_string::unescape);
                    text.unwrap_or_default().into()
                })
                .as_ref()
        }),
        Shape::Sequence | Shape::Mapping | Shape::Merging | Shape::Alias => None,
    };
    found.unwrap_or_default()
}

impl Drop for Document {
    fn drop(&mut self) {
        spare::leave(std::mem::take(&mut self.nodes));
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("index", &self.index)
            .field("root", &self.root())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_takes_sixteen_bytes() {
        assert_eq!(size_of::<Raw>(), 16);
    }

    #[test]
    fn what_is_empty_can_be_taken_away() {
        let stream = crate::parse("{a: [], b: [{}, 1], c: {d: x}}", &crate::Limits::default());
        let document = &stream.documents[0];
        let root = document.root();
        let gone = ["a", "b[0]", "c", "c.d"].map(|path| root.at(path).unwrap());
        let shorter = document.without(&gone);
        let left = serde_json::json!({"a": null, "b": [null, 1], "c": {"d": null}});
        assert_eq!(shorter.root().to_json(), left, "what holds something stays");
        let places = [root, shorter.root()].map(|root| root.at("b[1]").unwrap().span());
        assert_eq!(places[0], places[1]);
    }
}
