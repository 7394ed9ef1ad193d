//! Builds a document's flat tree from what the parser reports.

mod json;
mod keys;

use std::sync::Arc;

use crate::document::{Comment, Decoded, Document, Raw, Shape, scalar_text};
use crate::duplicate::{DuplicateKey, KeyPrint};
use crate::scalar::{self, Tag};
use crate::{Limits, Span, escape, spare};

/// Why a document is not taken, although it parses.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) span: Span,
    pub(crate) reason: String,
    pub(crate) help: Option<&'static str>,
}

type Result<T> = std::result::Result<T, Refusal>;

fn refuse<T>(span: Span, reason: impl Into<String>, help: Option<&'static str>) -> Result<T> {
    Err(Refusal {
        span,
        reason: reason.into(),
        help,
    })
}

/// A collection that is being read.
struct Frame {
    node: u32,
    flow: bool,
    /// What is known of a mapping so far; nothing of a sequence.
    mapping: Option<OpenMapping>,
    /// The end of the last child.
    end: u32,
    /// Nodes that aliases add to this collection.
    added: u64,
    /// Levels of collections below this one, aliases followed.
    height: u32,
    /// The place of its anchor in `Builder::anchors`.
    anchor: Option<usize>,
}

/// A mapping that is being read.
struct OpenMapping {
    /// Whether a key comes next.
    key_next: bool,
    /// The last key.
    key: u32,
    /// Whether a merge key was seen.
    merging: bool,
    /// Where the mapping's keys begin in `Builder::keys`.
    keys: u32,
}

/// A node that aliases may name.
struct Anchor {
    id: usize,
    node: u32,
    /// Nodes that an alias of it stands for.
    size: u64,
    /// Its levels of collections: none of a scalar.
    height: u32,
    /// Whether it is still being read: an alias of it would contain itself.
    open: bool,
}

/// How many bytes of decoded texts are made room for at most before they are there.
const MUCH: usize = 16 << 10;

/// Reads one document after the other; its buffers are reused.
pub(crate) struct Builder<'t> {
    text: &'t str,
    shared: Arc<str>,
    limits: Limits,
    nodes: Vec<Raw>,
    decoded: Decoded,
    frames: Vec<Frame>,
    keys: Vec<KeyPrint>,
    anchors: Vec<Anchor>,
    duplicate_keys: Vec<DuplicateKey>,
    comments: Vec<Comment>,
    /// Nodes that aliases add to this document.
    added: u64,
    /// Nodes of the documents before this one.
    before: usize,
    /// Whether the source is JSON, once it is asked.
    whole_json: Option<bool>,
}

impl<'t> Builder<'t> {
    /// A builder over `text`, which has every place of `shared`.
    pub(crate) fn new(text: &'t str, shared: Arc<str>, limits: Limits) -> Self {
        Self {
            text,
            shared,
            limits,
            nodes: Vec::new(),
            decoded: Decoded::default(),
            frames: Vec::new(),
            keys: Vec::new(),
            anchors: Vec::new(),
            duplicate_keys: Vec::new(),
            comments: Vec::new(),
            added: 0,
            before: 0,
            whole_json: None,
        }
    }

    /// Makes room for about so many nodes, that of an earlier document where there is one.
    pub(crate) fn expect(&mut self, nodes: usize) {
        self.nodes = spare::take();
        self.nodes.reserve(nodes);
        self.frames.reserve(16);
        self.keys.reserve(32);
    }

    /// How many levels more may be opened.
    pub(crate) fn room(&self) -> usize {
        self.limits.max_depth.saturating_sub(self.frames.len())
    }

    /// Where the last node ends, of what is read of a document.
    pub(crate) fn last_end(&self) -> usize {
        self.nodes.last().map_or(0, |raw| raw.end as usize)
    }

    /// Whether the whole source is JSON, in which less is asked.
    pub(crate) fn is_whole_json(&mut self) -> bool {
        let shared = &self.shared;
        *self
            .whole_json
            .get_or_insert_with(|| escape::is_whole_json(shared))
    }

    /// Whether brackets or braces are open.
    pub(crate) fn in_flow(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.flow)
    }

    /// Forgets what was read of a document.
    pub(crate) fn abandon(&mut self) {
        self.before += self.nodes.len();
        self.nodes.clear();
        self.decoded.clear();
        self.frames.clear();
        self.keys.clear();
        self.anchors.clear();
        self.duplicate_keys = Vec::new();
        self.comments.clear();
        self.added = 0;
    }

    /// Ends the document, and gives it where it holds more than null.
    pub(crate) fn finish(&mut self, index: usize) -> Option<Document> {
        let document = self.holds_something().then(|| Document {
            index,
            text: Arc::clone(&self.shared),
            // Exact copies, so that no document keeps more than it needs.
            nodes: self.nodes.clone(),
            decoded: self.decoded.clone(),
            duplicate_keys: std::mem::take(&mut self.duplicate_keys),
            comments: self.comments.as_slice().into(),
        });
        self.abandon();
        document
    }

    /// As [`finish`](Self::finish), for the only document: with all the room that was made for it.
    pub(crate) fn finish_only(self) -> Option<Document> {
        self.holds_something().then_some(Document {
            index: 0,
            text: self.shared,
            nodes: self.nodes,
            decoded: self.decoded,
            duplicate_keys: self.duplicate_keys,
            comments: self.comments.into(),
        })
    }

    fn holds_something(&self) -> bool {
        self.nodes.first().is_some_and(|root| {
            let text = scalar_text(self.text, &self.decoded, *root);
            self.nodes.len() > 1 || root.tag == Tag::Str || !scalar::is_null(text)
        })
    }

    /// How many nodes there have been so far.
    pub(crate) fn node_count(&self) -> usize {
        self.before + self.nodes.len()
    }

    pub(crate) fn comment(&mut self, span: Span) {
        let line = self.text[..span.start as usize]
            .rfind(['\n', '\r'])
            .map_or(0, |at| at + 1);
        let before = &self.text[line..span.start as usize];
        // Other blanks of Unicode are texts in YAML.
        let own_line = before.chars().all(|c| matches!(c, ' ' | '\t' | '\u{feff}'));
        self.comments.push(Comment { span, own_line });
    }

    pub(crate) fn scalar(&mut self, text: &str, span: Span, tag: Tag, anchor: usize) -> Result<()> {
        // Decided once: nearly every scalar is a string, and nobody needs to look at it again.
        let tag = match tag {
            Tag::None if scalar::is_open(text) => Tag::None,
            Tag::None | Tag::Str => Tag::Str,
            _ if scalar::resolve_tagged(text, tag).is_none() => {
                return refuse(
                    span,
                    format!("`{text}` is not a value of the tag {}", tag.name()),
                    None,
                );
            }
            _ => tag,
        };
        if tag != Tag::Str && scalar::is_endless(text) && !self.expects_key() {
            return refuse(
                span,
                format!("`{text}` is a number that JSON has not"),
                Some("quote it, or write a number that ends"),
            );
        }
        let mut raw = Raw {
            start: span.start,
            end: span.end,
            payload: 0,
            shape: Shape::Verbatim,
            tag,
            keys: 0,
        };
        // A text that is a slice of the source is not copied. The comparison is of addresses: it costs no reading.
        let offset = (text.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let (start, end) = (span.start as usize, span.end as usize);
        if start == end {
            // A value that is not there: the parser makes up a text for it.
        } else if offset == start && text.len() == end - start {
            raw.shape = Shape::Verbatim;
        } else if offset == start + 1 && text.len() + 2 == end - start {
            raw.shape = Shape::Quoted;
        } else {
            raw.shape = Shape::Decoded;
            raw.payload = count(self.decoded.spans.len());
            let begin = count(self.decoded.text.len());
            if begin == 0 {
                // Where there is one there are more, and none is longer than what it is written as.
                let rest = self.text.len().saturating_sub(start);
                self.decoded.text.reserve(text.len().max(rest.min(MUCH) / 2));
            }
            self.decoded.text.push_str(text);
            self.decoded
                .spans
                .push(Span::new(begin, count(self.decoded.text.len())));
        }
        let node = self.push(raw)?;
        if anchor != 0 {
            self.anchors.push(Anchor {
                id: anchor,
                node,
                size: 1,
                height: 0,
                open: false,
            });
        }
        if self.complete(node, span.end, 0, 0) {
            self.name_key(text, raw, span, node)?;
        }
        Ok(())
    }

    pub(crate) fn start(&mut self, mapping: bool, flow: bool, span: Span, anchor: usize) -> Result<()> {
        if self.expects_key() {
            return refuse(
                span,
                "a key must be a scalar, not a list or a mapping",
                Some("quote a key or value that begins with `{` or `[`; render a template (`{{ … }}`) first"),
            );
        }
        if self.frames.len() >= self.limits.max_depth {
            return refuse(
                span,
                format!("more than {} levels of nesting", self.limits.max_depth),
                None,
            );
        }
        let shape = if mapping { Shape::Mapping } else { Shape::Sequence };
        let node = self.push(Raw::new(span, shape, 0))?;
        let anchor = (anchor != 0).then(|| {
            self.anchors.push(Anchor {
                id: anchor,
                node,
                size: 0,
                height: 0,
                open: true,
            });
            self.anchors.len() - 1
        });
        self.frames.push(Frame {
            node,
            flow,
            mapping: mapping.then(|| OpenMapping {
                key_next: true,
                key: node,
                merging: false,
                keys: count(self.keys.len()),
            }),
            end: span.end,
            added: 0,
            height: 0,
            anchor,
        });
        Ok(())
    }

    pub(crate) fn end(&mut self, span: Span) -> Result<()> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let after = count(self.nodes.len());
        let end = if frame.flow { span.end } else { frame.end };
        let raw = &mut self.nodes[frame.node as usize];
        raw.end = end;
        raw.payload = after;
        if let Some(OpenMapping { merging, keys, .. }) = frame.mapping {
            // Keys of which each has a bit of its own are not the same.
            let distinct = raw.keys.count_ones() as usize == self.keys.len() - keys as usize;
            if merging {
                raw.shape = Shape::Merging;
                raw.keys = u16::MAX;
                self.check_merges(frame.node, after)?;
            }
            if distinct {
                self.keys.truncate(keys as usize);
            } else {
                self.find_duplicates(keys);
            }
        }
        if let Some(anchor) = frame.anchor.and_then(|place| self.anchors.get_mut(place)) {
            anchor.size = u64::from(after - frame.node) + frame.added;
            anchor.height = frame.height + 1;
            anchor.open = false;
        }
        self.complete(frame.node, end, frame.added, frame.height + 1);
        Ok(())
    }

    pub(crate) fn alias(&mut self, id: usize, span: Span) -> Result<()> {
        let Ok(place) = self.anchors.binary_search_by_key(&id, |anchor| anchor.id) else {
            return refuse(span, "an alias without an anchor", None);
        };
        let Anchor {
            node,
            size,
            height,
            open,
            ..
        } = self.anchors[place];
        let name = span.slice(self.text).unwrap_or_default();
        if open {
            return refuse(
                span,
                format!("`{name}` stands within what it is an alias of"),
                None,
            );
        }
        if self.frames.len() + height as usize > self.limits.max_depth {
            return refuse(
                span,
                format!("more than {} levels of nesting", self.limits.max_depth),
                None,
            );
        }
        self.added += size;
        if self.added > self.limits.max_alias_nodes as u64 {
            let reason = format!(
                "aliases multiply this document to more than {} nodes",
                self.limits.max_alias_nodes
            );
            return refuse(span, reason, Some("write out the part that is needed"));
        }
        let alias = self.push(Raw::new(span, Shape::Alias, node))?;
        if self.complete(alias, span.end, size, height) {
            self.name_alias(alias, span, node)?;
        }
        Ok(())
    }

    fn push(&mut self, raw: Raw) -> Result<u32> {
        if self.node_count() >= self.limits.max_nodes {
            let span = Span::new(raw.start, raw.end);
            return refuse(
                span,
                format!("more than {} nodes", self.limits.max_nodes),
                Some("split the file"),
            );
        }
        self.nodes.push(raw);
        Ok(count(self.nodes.len() - 1))
    }

    /// Whether the next node is a key.
    pub(crate) fn expects_key(&self) -> bool {
        let mapping = self.frames.last().and_then(|frame| frame.mapping.as_ref());
        mapping.is_some_and(|mapping| mapping.key_next)
    }

    /// Notes a node as read; whether it is a key of the open mapping. Keys are single nodes.
    fn complete(&mut self, node: u32, end: u32, added: u64, height: u32) -> bool {
        let next = count(self.nodes.len());
        let Some(frame) = self.frames.last_mut() else {
            return false;
        };
        frame.end = end;
        frame.added += added;
        frame.height = frame.height.max(height);
        let Some(mapping) = &mut frame.mapping else {
            return false;
        };
        let is_key = mapping.key_next;
        mapping.key_next = !is_key;
        if is_key {
            mapping.key = node;
        } else if let Some(key) = self.nodes.get_mut(mapping.key as usize)
            && matches!(key.shape, Shape::Verbatim | Shape::Quoted)
        {
            key.payload = next;
        }
        is_key
    }
}

/// Counts fit in 32 bits because the text does, and every node takes at least a byte of it or a bounded share.
fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
