//! The children of collections, merge keys followed.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::document::{Raw, Shape};
use crate::node::Node;
use crate::scalar::{MERGE_KEY, Tag};

/// A key and its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The key.
    pub key: Node<'a>,
    /// The value.
    pub value: Node<'a>,
}

/// The entries of a mapping.
#[derive(Clone, Debug)]
pub struct Entries<'a>(State<'a>);

#[derive(Clone, Debug)]
enum State<'a> {
    Written(Pairs<'a>),
    Merged(std::vec::IntoIter<Entry<'a>>),
}

/// Keys and values as they are written.
#[derive(Clone, Debug)]
struct Pairs<'a> {
    mapping: Node<'a>,
    next: u32,
    end: u32,
}

/// The items of a sequence.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    sequence: Node<'a>,
    next: u32,
    end: u32,
}

impl<'a> Entries<'a> {
    /// `node` is not an alias.
    pub(crate) fn new(node: Node<'a>) -> Self {
        match node.target().shape {
            Shape::Mapping => Self(State::Written(Pairs::new(node))),
            Shape::Merging => Self(State::Merged(merge(node).into_iter())),
            _ => Self(State::Written(Pairs {
                mapping: node,
                next: 0,
                end: 0,
            })),
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        match &mut self.0 {
            State::Written(pairs) => pairs.next(),
            State::Merged(entries) => entries.next(),
        }
    }
}

impl<'a> Pairs<'a> {
    fn new(mapping: Node<'a>) -> Self {
        Self {
            mapping,
            next: mapping.id() + 1,
            end: mapping.target().payload,
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.next >= self.end {
            return None;
        }
        let document = self.mapping.document();
        let value = document.after(self.next);
        let entry = Entry {
            key: Node::new(document, self.next),
            value: Node::new(document, value),
        };
        self.next = document.after(value);
        Some(entry)
    }
}

impl<'a> Items<'a> {
    /// `node` is not an alias.
    pub(crate) fn new(node: Node<'a>) -> Self {
        let raw = node.target();
        let end = if raw.shape == Shape::Sequence {
            raw.payload
        } else {
            0
        };
        Self {
            sequence: node,
            next: node.id() + 1,
            end,
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.next >= self.end {
            return None;
        }
        let item = Node::new(self.sequence.document(), self.next);
        self.next = self.sequence.document().after(self.next);
        Some(item)
    }
}

/// Whether a scalar is the merge key.
pub(crate) fn is_merge_key(text: &str, raw: Raw) -> bool {
    raw.tag != Tag::Str && text == MERGE_KEY
}

/// The entries of a mapping with merge keys. The decoder follows the text: a merge that stands after a key replaces
/// its value, and in a sequence of mappings the earlier one wins.
fn merge(mapping: Node<'_>) -> Vec<Entry<'_>> {
    let mut merged = Merged::default();
    for entry in Pairs::new(mapping) {
        let raw = entry.key.target();
        if !is_merge_key(entry.key.document().scalar_text(raw), raw) {
            merged.set(entry);
        } else if entry.value.is_sequence() {
            let sources: Vec<_> = entry.value.items().collect();
            sources
                .into_iter()
                .rev()
                .flat_map(Node::entries)
                .for_each(|entry| merged.set(entry));
        } else {
            entry.value.entries().for_each(|entry| merged.set(entry));
        }
    }
    merged.entries
}

#[derive(Default)]
struct Merged<'a> {
    entries: Vec<Entry<'a>>,
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Merged<'a> {
    fn set(&mut self, entry: Entry<'a>) {
        let place = *self
            .places
            .entry(entry.key.key_text())
            .or_insert(self.entries.len());
        match self.entries.get_mut(place) {
            Some(earlier) => *earlier = entry,
            None => self.entries.push(entry),
        }
    }
}
