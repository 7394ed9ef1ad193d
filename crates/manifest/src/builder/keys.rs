//! The keys of a mapping: what they are, which it has twice, and what those that merge may merge.

use super::{Builder, Result, refuse};
use crate::Span;
use crate::document::{Raw, Shape, key_bit, key_print, scalar_text};
use crate::duplicate::{self, DuplicateKey, KeyPrint};
use crate::flow;
use crate::mapping::is_merge_key;
use crate::node::key_text;
use crate::scalar::{self, Resolved, Tag};

impl Builder<'_> {
    /// Notes `key` as a key: an alias of `node`.
    pub(super) fn name_alias(&mut self, key: u32, span: Span, node: u32) -> Result<()> {
        let raw = self.nodes[node as usize];
        if matches!(raw.shape, Shape::Sequence | Shape::Mapping | Shape::Merging) {
            return refuse(span, "a key must be a scalar, not a list or a mapping", None);
        }
        let text = scalar_text(self.text, &self.decoded, raw).to_owned();
        self.name_key(&text, raw, span, key)
    }

    /// Notes `key` as a key of this text, which stands at `span`.
    pub(super) fn name_key(&mut self, text: &str, raw: Raw, span: Span, key: u32) -> Result<()> {
        if (raw.shape == Shape::Decoded || self.in_flow()) && self.is_of_lines(span, key) {
            return refuse(
                span,
                "a key and its colon are to be on one line",
                Some("write them so, or begin the key with `? `"),
            );
        }
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        if is_merge_key(text, raw) {
            if let Some(mapping) = &mut frame.mapping {
                mapping.merging = true;
            }
            return Ok(());
        }
        if raw.tag != Tag::Str && scalar::is_null(text) {
            return refuse(
                span,
                "a key may not be empty or null",
                Some("write the key before its colon, or quote it"),
            );
        }
        if raw.tag != Tag::Str && matches!(scalar::resolve(text), Resolved::Unsigned(_)) {
            return refuse(
                span,
                "a number beyond 9223372036854775807 may be no key",
                Some("quote it"),
            );
        }
        let name = key_text(text, raw);
        let print = key_print(name.as_bytes());
        self.nodes[frame.node as usize].keys |= key_bit(print);
        self.nodes[key as usize].keys = print;
        self.keys.push(KeyPrint::new(name.as_bytes(), key));
        Ok(())
    }

    /// Whether this key has several lines where it may not.
    fn is_of_lines(&mut self, span: Span, key: u32) -> bool {
        let before = key.checked_sub(1).and_then(|id| self.nodes.get(id as usize));
        let before = before.map_or(0, |raw| raw.end as usize);
        flow::is_key_of_lines(&self.shared, before, span, self.in_flow()) && !self.is_whole_json()
    }

    /// Notes the keys from `from` on that the mapping which ends has twice.
    pub(super) fn find_duplicates(&mut self, from: u32) {
        let Self {
            keys,
            nodes,
            text,
            decoded,
            duplicate_keys,
            ..
        } = self;
        let name = |node: u32| {
            let mut raw = nodes[node as usize];
            if raw.shape == Shape::Alias {
                raw = nodes[raw.payload as usize];
            }
            key_text(scalar_text(text, decoded, raw), raw)
        };
        let place = |node: u32| Span::new(nodes[node as usize].start, nodes[node as usize].end);
        duplicate::find(
            &mut keys[from as usize..],
            |one, other| name(one) == name(other),
            |first, again| {
                let key = name(again).into_owned();
                duplicate_keys.push(DuplicateKey {
                    key,
                    first: place(first),
                    again: place(again),
                });
            },
        );
        keys.truncate(from as usize);
    }

    /// Whether what merge keys name can be merged.
    pub(super) fn check_merges(&self, mapping: u32, end: u32) -> Result<()> {
        let after = |id: u32| match self.nodes[id as usize] {
            Raw {
                shape: Shape::Sequence | Shape::Mapping | Shape::Merging,
                payload,
                ..
            } => payload,
            _ => id + 1,
        };
        let target = |id: u32| match self.nodes[id as usize] {
            Raw {
                shape: Shape::Alias,
                payload,
                ..
            } => payload,
            _ => id,
        };
        let is_mapping = |id: u32| {
            matches!(
                self.nodes[target(id) as usize].shape,
                Shape::Mapping | Shape::Merging
            )
        };
        let mut key = mapping + 1;
        while key < end {
            let value = after(key);
            let next = after(value);
            let raw = self.nodes[target(key) as usize];
            if is_merge_key(scalar_text(self.text, &self.decoded, raw), raw) && !is_mapping(value) {
                let value_raw = self.nodes[value as usize];
                let mut item = value + 1;
                let mut mergeable = value_raw.shape == Shape::Sequence;
                while mergeable && item < value_raw.payload {
                    mergeable = is_mapping(item);
                    item = after(item);
                }
                if !mergeable {
                    let span = Span::new(value_raw.start, value_raw.end);
                    return refuse(
                        span,
                        "`<<` merges a mapping or a list of mappings, and this is neither",
                        None,
                    );
                }
            }
            key = next;
        }
        Ok(())
    }
}
