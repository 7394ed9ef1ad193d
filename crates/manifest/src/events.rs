//! From text to documents: the only module that knows the YAML parser.

mod faults;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, StrInput, StructureStyle};

use crate::builder::{Builder, Refusal};
use crate::mend::{Mended, Stumble};
use crate::scalar::Tag;
use crate::texts::{Found, Written};
use crate::{Document, Limits, Span, Stream, SyntaxError, control, escape, flow, json_pass, tabs};

/// What is wrong with a tab.
const TAB: &str = "a tab where YAML takes only spaces";

/// The documents of `text`, YAML or JSON.
#[must_use]
pub fn parse(text: &str, limits: &Limits) -> Stream {
    parse_shared(&Arc::from(text), limits)
}

/// As [`parse`]; the documents share the text.
pub(crate) fn parse_shared(text: &Arc<str>, limits: &Limits) -> Stream {
    let limit = limits.max_bytes.min(u32::MAX as usize - 1);
    if text.len() > limit {
        let mut stream = Stream::default();
        stream.errors.push(SyntaxError {
            document: 0,
            span: Span::default(),
            reason: format!("the text has {} bytes; at most {limit} are read", text.len()),
            help: Some("split the file".to_owned()),
        });
        return stream;
    }
    let odd = control::find(text);
    let clean = if odd.is_nothing() {
        Cow::Borrowed(&**text)
    } else {
        Cow::Owned(control::clean(text, &odd))
    };
    let mut reader = Reader::new(&clean, 0, text, *limits);
    reader.reread = odd.has_breaks;
    reader.read();
    let Reader {
        mut stream,
        mut ends,
        stumbles,
        ..
    } = reader;
    if let Some((better, its_ends)) = mended(&clean, stumbles, text, limits) {
        if ends.len() == its_ends.len() {
            stream = with_mended(stream, better);
        } else if better.errors.len() < stream.errors.len() {
            (stream, ends) = (better, its_ends);
        }
    }
    if !odd.forbidden.is_empty() {
        drop_forbidden(&mut stream, &ends, &odd.forbidden);
    }
    stream
}

/// The documents of `clean` and their ends, once everything is changed that the parser stumbles over and the decoder might not.
fn mended(
    clean: &str,
    mut stumbles: Vec<Stumble>,
    text: &Arc<str>,
    limits: &Limits,
) -> Option<(Stream, Vec<u32>)> {
    let mut mended = Mended::new(clean);
    let mut found = None;
    while mended.change(&stumbles) {
        let mut reader = Reader::new(mended.text()?, 0, text, *limits);
        reader.judged = clean;
        reader.reread = true;
        reader.read();
        stumbles = reader.stumbles;
        found = Some((reader.stream, reader.ends));
    }
    found
}

/// What was read first, but of the documents that are good when they are mended. Of others their first errors are the right ones.
fn with_mended(first: Stream, mended: Stream) -> Stream {
    let wrong =
        |stream: &Stream| -> HashSet<usize> { stream.errors.iter().map(|error| error.document).collect() };
    let (was_wrong, is_wrong) = (wrong(&first), wrong(&mended));
    let is_mended = |document: usize| was_wrong.contains(&document) && !is_wrong.contains(&document);
    let documents = mended.documents.into_iter();
    let mut documents: Vec<Document> = documents.filter(|document| is_mended(document.index)).collect();
    documents.extend(first.documents);
    documents.sort_by_key(|document| document.index);
    let errors = first.errors.into_iter();
    let errors = errors.filter(|error| !is_mended(error.document)).collect();
    Stream { documents, errors }
}

/// What a piece of a text holds.
pub(crate) struct Piece {
    pub(crate) documents: Vec<Document>,
    /// How many documents there are, empty ones counted.
    pub(crate) count: usize,
    /// How many nodes they have.
    pub(crate) nodes: usize,
}

/// The documents in a piece of a text; nothing where anything is wrong with one.
pub(crate) fn parse_piece(text: &Arc<str>, piece: Range<usize>, limits: &Limits) -> Option<Piece> {
    if !control::find(text.get(piece.clone())?).is_nothing() {
        return None;
    }
    let mut reader = Reader::new(&text[..piece.end], piece.start, text, *limits);
    reader.read();
    reader.stream.errors.is_empty().then(|| Piece {
        documents: reader.stream.documents,
        count: reader.ends.len(),
        nodes: reader.builder.node_count(),
    })
}

/// Replaces every document that holds a forbidden byte by an error.
fn drop_forbidden(stream: &mut Stream, ends: &[u32], forbidden: &[(u32, u8)]) {
    let mut last = None;
    for (offset, byte) in forbidden {
        let document = ends.partition_point(|end| end <= offset);
        if last == Some(document) {
            continue;
        }
        last = Some(document);
        stream.documents.retain(|held| held.index != document);
        stream.errors.push(SyntaxError {
            document,
            span: Span::new(*offset, offset + 1),
            reason: format!(
                "byte {offset} is the control character 0x{byte:02x}, which no manifest may hold"
            ),
            help: Some("remove it; is this a text file?".to_owned()),
        });
    }
    stream.errors.sort_by_key(|error| error.span);
}

struct Reader<'t> {
    /// What the parser reads.
    text: &'t str,
    /// The same before anything in it was mended.
    judged: &'t str,
    /// The source of both.
    source: &'t str,
    /// Whether texts are read again that are others in the source.
    reread: bool,
    /// What the parser has stumbled over, where the decoder might not: once a document.
    stumbles: Vec<Stumble>,
    parser: Parser<'t, StrInput<'t>>,
    /// Where in the text the parser began.
    base: usize,
    /// Whether the cluster's decoder takes the text for JSON.
    is_json: bool,
    /// Whether there may be escapes that are JSON's alone.
    has_odd_escapes: bool,
    builder: Builder<'t>,
    stream: Stream,
    /// The end of each document, for the places that belong to none.
    ends: Vec<u32>,
    limits: Limits,
}

fn parser(text: &str, limits: Limits) -> Parser<'_, StrInput<'_>> {
    let mut options = Options::default();
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = limits.max_depth;
    options.block_nesting_limit = limits.max_depth;
    // Comments are bounded by the text; the parser's own bound would refuse a long commented-out block.
    options.max_buffered_comment_events = limits.max_nodes;
    Parser::new_from_str_with_options(text, options)
}

/// What became of an event.
enum Step {
    Going,
    DocumentEnd(u32),
    StreamEnd,
}

impl<'t> Reader<'t> {
    /// A reader of `text` from byte `base` on.
    fn new(text: &'t str, base: usize, shared: &'t Arc<str>, limits: Limits) -> Self {
        let is_json = escape::is_json(text);
        Self {
            text,
            judged: text,
            source: shared,
            reread: false,
            stumbles: Vec::new(),
            parser: parser(text.get(base..).unwrap_or_default(), limits),
            base,
            is_json,
            has_odd_escapes: !is_json && escape::may_be_bad(text),
            builder: Builder::new(text, Arc::clone(shared), limits),
            stream: Stream::default(),
            ends: Vec::new(),
            limits,
        }
    }

    fn read(&mut self) {
        loop {
            let index = self.ends.len();
            let error = match self.parser.next_event() {
                None => break,
                Some(Err(error)) => {
                    if let Some(next) = self.next_json_value(&error) {
                        self.parser = parser(&self.text[next..], self.limits);
                        self.base = next;
                        continue;
                    }
                    let before = self.builder.last_end();
                    self.stumbles.extend(faults::stumble(&error, self.base, before));
                    self.told(&error)
                }
                Some(Ok((event, span))) => {
                    let indent = span.indent;
                    let span = self.span(span.byte_range());
                    match self.take(event, span, indent) {
                        Ok(Step::Going) => continue,
                        Ok(Step::StreamEnd) => {
                            if self.ends.is_empty() {
                                self.end_document(0, span.end);
                            }
                            break;
                        }
                        Ok(Step::DocumentEnd(end)) => {
                            self.end_document(index, end);
                            continue;
                        }
                        Err(Refusal { span, reason, help }) => SyntaxError {
                            document: index,
                            span,
                            reason,
                            help: help.map(str::to_owned),
                        },
                    }
                }
            };
            let place = error.span.start;
            self.stream.errors.push(error);
            self.builder.abandon();
            let more = self.parser.proceed_next_document();
            // The broken document reaches up to the next one, whose first event says where that is.
            let next = match self.parser.peek() {
                Some(Ok((_, span))) => span.byte_range(),
                Some(Err(_)) | None => None,
            };
            self.ends.push(self.span(next).start.max(place));
            match more {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let error = self.told(&error);
                    self.stream.errors.push(error);
                    break;
                }
            }
        }
    }

    /// Takes the document that ends at `end`, unless a tab or a byte-order mark is in it that the cluster's decoder refuses.
    fn end_document(&mut self, index: usize, end: u32) {
        let document = self.builder.finish(index);
        let start = self.ends.last().map_or(self.base, |end| *end as usize);
        self.ends.push(end);
        // The blanks behind it are its own.
        let rest = self.text.get(end as usize..).unwrap_or_default();
        let end = end as usize + rest.len() - rest.trim_start().len();
        let tab = tabs::misplaced(self.judged, start..end, document.as_ref());
        let tab = tab.filter(|_| !self.builder.is_whole_json());
        let root = document.as_ref().and_then(|document| document.nodes.first());
        let begin = root.map_or(end, |root| root.start as usize);
        let mark = control::find_mark(self.judged, start..begin);
        let (span, reason, help) = match (mark, tab) {
            (Some(mark), _) => (
                Span::of(mark, mark + control::MARK.len_utf8()),
                "a byte-order mark may only begin a document",
                "remove it",
            ),
            (None, Some(tab)) => (
                Span::of(tab, tab + 1),
                TAB,
                "indent with spaces; a line that holds nothing else is to be empty",
            ),
            (None, None) => {
                self.stream.documents.extend(document);
                return;
            }
        };
        self.stream.errors.push(SyntaxError {
            document: index,
            span,
            reason: reason.to_owned(),
            help: Some(help.to_owned()),
        });
    }

    fn take(&mut self, event: Event<'_>, span: Span, indent: Option<usize>) -> Result<Step, Refusal> {
        match event {
            Event::StreamEnd => return Ok(Step::StreamEnd),
            Event::DocumentEnd => return Ok(Step::DocumentEnd(span.end)),
            Event::Comment(..) => self.builder.comment(span),
            Event::Scalar(text, style, anchor, tag) => {
                // Any other bad escape the parser has refused.
                if style == ScalarStyle::DoubleQuoted
                    && self.has_odd_escapes
                    && let Some((start, end)) = escape::find_bad(self.text, span.start as usize, self.is_json)
                {
                    let escape = self.text.get(start..end).unwrap_or_default();
                    return Err(Refusal {
                        span: Span::of(start, end),
                        reason: format!("`{escape}` is an escape of JSON, and not of a double-quoted text"),
                        help: Some(if escape == "\\/" {
                            "leave the backslash out"
                        } else {
                            "write the character itself"
                        }),
                    });
                }
                if (style == ScalarStyle::Plain || tag.is_some()) && self.builder.in_flow() {
                    flow::check(self.text, self.builder.last_end(), span, tag.is_some())?;
                }
                let tag = type_of(style, tag.as_deref(), span)?;
                if let Some((text, span)) = self.again(&text, style, span, indent)? {
                    self.builder.scalar(&text, span, tag, anchor)?;
                } else {
                    self.builder.scalar(&text, span, tag, anchor)?;
                }
            }
            Event::SequenceStart(style, anchor, _) => {
                self.builder
                    .start(false, style == StructureStyle::Flow, span, anchor)?;
            }
            Event::MappingStart(style, anchor, _) => {
                self.builder
                    .start(true, style == StructureStyle::Flow, span, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.builder.end(span)?,
            Event::Alias(anchor) => self.builder.alias(anchor, span)?,
            Event::UnresolvedAlias(name) => {
                return Err(Refusal {
                    span,
                    reason: format!(
                        "`*{name}` is an alias, and no `&{name}` stands before it in this document"
                    ),
                    help: Some(
                        "quote a text that begins with `*`; an anchor does not reach into the next document",
                    ),
                });
            }
            _ => {}
        }
        Ok(Step::Going)
    }

    /// What the decoder reads of a scalar, and where it stands, if the parser reads something else or has not seen the source.
    #[inline]
    fn again(
        &self,
        text: &str,
        style: ScalarStyle,
        span: Span,
        indent: Option<usize>,
    ) -> Result<Option<(String, Span)>, Refusal> {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if !self.reread && !is_block {
            return Ok(None);
        }
        let mut found = Found {
            seen: self.text,
            place: span.start as usize..span.end as usize,
            before: self.builder.last_end(),
            indent,
        };
        if is_block && self.builder.expects_key() {
            // Of a key the parser tells the column, and not how far it is indented.
            found.indent = found.first_indent();
        }
        if is_block && found.indent == Some(0) {
            return Err(Refusal {
                span,
                reason: "a block of text is to be indented, also where nothing is around it".to_owned(),
                help: Some("indent its lines with a space at least"),
            });
        }
        let is_empty = is_block && text.bytes().all(|byte| byte == b'\n');
        if !self.reread && !is_empty {
            return Ok(None);
        }
        let written = match style {
            ScalarStyle::SingleQuoted => Written::Single,
            ScalarStyle::DoubleQuoted => Written::Double,
            ScalarStyle::Plain => Written::Plain,
            _ => {
                // The parser says of one that holds but line breaks that it stands where the next begins.
                let is_said = |read: &str| read == text && (read.is_empty() || span.start < span.end);
                let read = found.block(self.source, text, is_empty);
                return Ok(read
                    .filter(|(read, _)| !is_said(read))
                    .map(|(read, start)| (read, Span::of(start, span.end as usize))));
            }
        };
        Ok(found.flow(self.source, written).map(|read| (read, span)))
    }

    /// Where the next of several JSON objects begins that follow one another with nothing between them, as `jq` and
    /// `kubectl get -o json` in a loop write them. kubectl takes a text that begins with `{` for such a stream.
    fn next_json_value(&self, error: &ScanError) -> Option<usize> {
        if !matches!(error.kind(), ErrorKind::ExpectedDocumentStart) {
            return None;
        }
        let next = self.base + error.marker().byte_offset()?;
        let follows = next > self.base && self.text.get(next..)?.starts_with('{');
        let is_json = || {
            let start = self.text[self.base..].find('{').map(|at| self.base + at);
            let end = start.and_then(|start| {
                json_pass::pass(
                    self.text.as_bytes(),
                    start,
                    self.limits.max_depth,
                    &mut Vec::new(),
                )
            });
            end.is_some_and(|end| end <= next)
        };
        (follows && self.is_json && is_json()).then_some(next)
    }

    /// A range of the parser within the text.
    fn span(&self, range: Option<std::ops::Range<usize>>) -> Span {
        let clamp = |offset: usize| (self.base + offset).min(self.text.len());
        range.map_or_else(Span::default, |range| {
            Span::of(clamp(range.start), clamp(range.end.max(range.start)))
        })
    }

    fn told(&self, error: &ScanError) -> SyntaxError {
        faults::told(error, self.text, self.base, self.ends.len(), &self.limits)
    }
}

/// What the style and the tag of a scalar say of its type.
fn type_of(style: ScalarStyle, tag: Option<&granit_parser::Tag>, span: Span) -> Result<Tag, Refusal> {
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain {
            Tag::None
        } else {
            Tag::Str
        });
    };
    if tag.original() == "!" {
        // The non-specific tag: the decoder resolves the text, quoted or not.
        return Ok(Tag::None);
    }
    Ok(match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
        Some("int") => Tag::Int,
        Some("float") => Tag::Float,
        Some("bool") => Tag::Bool,
        Some("null") => Tag::Null,
        Some("binary") => {
            return Err(Refusal {
                span,
                reason: "the tag !!binary is not supported".to_owned(),
                help: Some("use the `data` of a Secret or the `binaryData` of a ConfigMap"),
            });
        }
        // What the decoder does not know stays a string, too.
        _ => Tag::Str,
    })
}
