//! Tabs that the cluster's decoder refuses, and the parser takes.
//!
//! YAML 1.2 allows tabs in lines that hold nothing else, before comments and behind the dash of an item. The decoder
//! (`yaml_parser_scan_to_next_token` of go-yaml v2, after libyaml) takes none wherever a key could begin: between the tokens of
//! a block, even in an empty line. Within a text of several lines it takes none before the columns in which the text may go on.

use std::ops::Range;

use crate::document::{Document, Shape};
use crate::texts::Header;

/// What a piece of the source is to the scanner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// A text without quotes: the scanner goes on with it over the blanks behind it.
    Plain,
    /// A text after `|` or `>`, whose first line begins at `body`, and the digit behind that character.
    Block { body: usize, digit: Option<usize> },
    /// Anything else that ends where it ends.
    Closed,
}

/// A scalar or an alias of the source.
struct Token {
    start: usize,
    end: usize,
    style: Style,
    /// The column of the block that it is in; nothing outside of all blocks.
    block: Option<usize>,
}

/// The tokens of a document in their order, and its flow collections that are in no other.
#[derive(Default)]
struct Layout {
    tokens: Vec<Token>,
    flows: Vec<Range<usize>>,
}

/// The first tab within `range` of `text` that the decoder refuses. There stands `document`, or one that holds nothing.
pub(crate) fn misplaced(text: &str, range: Range<usize>, document: Option<&Document>) -> Option<usize> {
    let part = text.get(range.clone())?;
    if !part.contains('\t') {
        return None;
    }
    let layout = document.map_or_else(Layout::default, |document| Layout::of(text, document));
    let mut seen = Seen::default();
    let mut start = range.start;
    for line in part.split_inclusive(['\n', '\r']) {
        let tab = line.find('\t').filter(|tab| is_open(&line[..*tab]));
        if let Some(column) = tab
            && layout.refuses(text, start, column, &mut seen)
        {
            return Some(start + column);
        }
        start += line.len();
    }
    None
}

/// What is known of the text behind a token, so that nothing is looked at again for each of many tabs.
#[derive(Default)]
struct Seen {
    /// The token, counted from 1.
    token: usize,
    /// How far the text behind it is known.
    to: usize,
    /// Whether there are but blanks as far as that.
    is_blank: bool,
    /// Whether a line ends there.
    has_break: bool,
    /// The indentation of a block scalar, once it is found.
    indent: Option<usize>,
}

impl Seen {
    /// Looks at the text up to `tab`, behind the token of that number, which ends at `end`.
    fn look(&mut self, text: &str, number: usize, end: usize, tab: usize) {
        if self.token != number {
            *self = Self {
                token: number,
                to: end,
                is_blank: true,
                ..Self::default()
            };
        }
        // A tab within the token tells nothing of what is behind it.
        if let Some(new) = text.get(self.to..tab) {
            self.is_blank &= new.chars().all(char::is_whitespace);
            self.has_break |= new.contains(['\n', '\r']);
            self.to = tab;
        }
    }
}

/// Whether nothing stands in this beginning of a line but blanks and indicators of items and keys.
fn is_open(before: &str) -> bool {
    before.split(' ').all(|word| matches!(word, "" | "-" | "?" | ":"))
}

impl Layout {
    fn of(text: &str, document: &Document) -> Self {
        let mut layout = Self::default();
        // The collections that are open: where each ends, and the column of its block.
        let mut open: Vec<(u32, Option<usize>)> = Vec::new();
        for (id, raw) in (0_u32..).zip(&document.nodes) {
            while open.last().is_some_and(|(after, _)| *after <= id) {
                open.pop();
            }
            let block = open.last().and_then(|(_, block)| *block);
            let (start, end) = (raw.start as usize, raw.end as usize);
            match raw.shape {
                Shape::Sequence | Shape::Mapping | Shape::Merging => {
                    // A block begins where its first key or item does.
                    let first = document.nodes.get(id as usize + 1);
                    let first = first.filter(|_| raw.payload > id + 1);
                    let is_flow = matches!(text.as_bytes().get(start), Some(b'{' | b'['))
                        && first.is_none_or(|first| first.start > raw.start);
                    let is_within = layout.flows.last().is_some_and(|flow| flow.contains(&start));
                    let own = if is_flow {
                        if !is_within {
                            layout.flows.push(start..end);
                        }
                        block
                    } else {
                        let holds_dash = first.is_some_and(|first| first.start > raw.start);
                        Some(column_of(text, start, raw.shape, holds_dash))
                    };
                    open.push((raw.payload, own));
                }
                // A value that is not there.
                _ if start == end => {}
                shape => {
                    let before = layout.tokens.last().map_or(0, |token| token.end);
                    layout.tokens.push(Token {
                        start,
                        end,
                        style: style_of(text, before, start, shape),
                        block,
                    });
                }
            }
        }
        layout
    }

    /// Whether the decoder refuses the tab in this column of the line that begins at `line`.
    fn refuses(&self, text: &str, line: usize, column: usize, seen: &mut Seen) -> bool {
        let tab = line + column;
        let flow = self.flows.partition_point(|flow| flow.start <= tab);
        let in_flow = flow
            .checked_sub(1)
            .and_then(|last| self.flows.get(last))
            .is_some_and(|flow| tab < flow.end);
        let number = self.tokens.partition_point(|token| token.start <= tab);
        let Some(token) = number.checked_sub(1).and_then(|last| self.tokens.get(last)) else {
            return !in_flow;
        };
        seen.look(text, number, token.end, tab);
        match token.style {
            Style::Plain if seen.is_blank => {
                let is_new_line = token.start < line;
                is_new_line && column < token.block.map_or(0, |block| block + 1)
            }
            // Its end may be where the next token begins.
            Style::Block { body, digit } if !in_flow => {
                seen.indent = seen.indent.or_else(|| token.indent(text, body, digit, line));
                let start = text.get(line..tab).unwrap_or_default();
                let blanks = start.len() - start.trim_start_matches(' ').len();
                match seen.indent {
                    Some(indent) => !seen.is_blank || blanks < indent,
                    // What stands before it is no part of a text that has not begun.
                    None => !seen.is_blank || blanks == column,
                }
            }
            _ if tab < token.end => false,
            _ => !in_flow && seen.has_break,
        }
    }
}

impl Token {
    /// The indentation of this block scalar; nothing where the line at `line` is one of those that the decoder finds it by, in
    /// which it takes no tab.
    fn indent(&self, text: &str, body: usize, digit: Option<usize>, line: usize) -> Option<usize> {
        if let Some(digit) = digit {
            return Some(self.block.unwrap_or_default() + digit);
        }
        let mut indent = self.block.map_or(1, |block| block + 1);
        let mut at = body;
        for part in text.get(body..).unwrap_or_default().split_inclusive(['\n', '\r']) {
            if at >= line {
                return None;
            }
            let content = part.trim_start_matches(' ');
            indent = indent.max(part.len() - content.len());
            if !content.trim_end_matches(['\n', '\r']).is_empty() {
                break;
            }
            at += part.len();
        }
        Some(indent)
    }
}

/// How a scalar is written that begins at `start`, the first after `before`.
fn style_of(text: &str, before: usize, start: usize, shape: Shape) -> Style {
    if shape == Shape::Alias {
        return Style::Closed;
    }
    if let Some(Header { body, digit, .. }) = Header::before(text, before, start) {
        return Style::Block { body, digit };
    }
    match text.as_bytes().get(start) {
        Some(b'\'' | b'"') => Style::Closed,
        _ => Style::Plain,
    }
}

/// The column of a block that begins at `start`: where its keys or dashes are. A sequence begins at its first item, or, where it
/// `may_hold_dash`, at the dash before that.
fn column_of(text: &str, start: usize, shape: Shape, may_hold_dash: bool) -> usize {
    let before = text.get(..start).unwrap_or_default();
    let rest = text.get(start..).unwrap_or_default();
    let is_dash = may_hold_dash
        && rest.starts_with('-')
        && matches!(rest.as_bytes().get(1), Some(b' ' | b'\t' | b'\r' | b'\n'));
    let at = if shape == Shape::Sequence && !is_dash {
        before.rfind('-').unwrap_or(start)
    } else {
        start
    };
    let line = before
        .get(..at)
        .and_then(|before| before.rfind(['\n', '\r']))
        .map_or(0, |end| end + 1);
    text.get(line..at).unwrap_or_default().chars().count()
}

#[cfg(test)]
mod tests {
    use crate::{Limits, parse};

    /// Where the only error of a text is, if there is one, by line and column from 1.
    fn refused(text: &str) -> Option<(usize, usize)> {
        let stream = parse(text, &Limits::default());
        let error = stream.errors.first()?;
        assert_eq!(stream.errors.len(), 1, "{text:?}: {:?}", stream.errors);
        assert_eq!(error.reason, "a tab where YAML takes only spaces", "{text:?}");
        let before = &text[..error.span.start as usize];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        Some((before.matches('\n').count() + 1, before.len() - line + 1))
    }

    /// Held against go-yaml v2.
    #[test]
    fn the_decoder_takes_no_tab_where_a_key_could_begin() {
        for (text, place) in [
            ("a:\n\t\n  b: c\n", (2, 1)),
            ("a:\n  \t\n  b: c\n", (2, 3)),
            ("a: 'b'\n\t\nc: d\n", (2, 1)),
            ("a: [b]\n  \t# c\n", (2, 3)),
            ("\ta: b\n", (1, 1)),
            ("# c\n\ta: b\n", (2, 1)),
            ("-\ta\n", (1, 2)),
            ("- {}\n-\tb: c\n", (2, 2)),
            ("a:\n- b: >-\n    x\n-\tc\n", (4, 2)),
            ("a: b\n--- \n\t\n", (3, 1)),
            (" \t\n", (1, 2)),
            ("? a\n:\tb\n", (2, 2)),
        ] {
            assert_eq!(refused(text), Some(place), "{text:?}");
        }
    }

    #[test]
    fn a_text_goes_on_over_tabs_from_its_own_column_on() {
        for (text, place) in [
            ("a: b\n\t\nc: d\n", Some((2, 1))),
            ("a:\n  b: c\n  \t\n  d: e\n", Some((3, 3))),
            ("a:\n  b: c\n   \t\n  d: e\n", None),
            ("- - a\n  \t\n", Some((2, 3))),
            ("- - a\n   \t\n", None),
            ("? a\n\t\n", Some((2, 1))),
            ("a: b # c\n \t\n", Some((2, 2))),
            ("a: [b\n \t]\n", None),
            ("a: b\t\n", None),
            ("a:\tb\n", None),
            ("a: b\t# c\n", None),
            ("---\ta\n", None),
        ] {
            assert_eq!(refused(text), place, "{text:?}");
        }
    }

    #[test]
    fn a_block_of_text_may_hold_tabs_behind_its_indentation() {
        for (text, place) in [
            ("a: |\n  b\n  \tc\n", None),
            ("a: |\n  b\n \t\nc: d\n", Some((3, 2))),
            ("a: |\n \tb\n", Some((2, 2))),
            ("a: |2\n  \tb\n", None),
            ("- |+\n\n-\tb\n", Some((3, 2))),
            ("- |\n  - x\n  -\tb\n", None),
            ("- |\n  -\tx\n", None),
            ("a:\n- - b\n- |\n  c\n  \t\n", None),
            ("a:\n- |\n  c\n  \t\n- d\n", None),
            ("a: | # c\n    b\n   \t\n", Some((3, 4))),
            ("a: b |\n  c\n  \t\n", None),
            // A comment opens none.
            ("a:\n# |\n  b\n\t\n", Some((4, 1))),
            ("a:\n# |\n  b\n   \t\n  c\n", None),
        ] {
            assert_eq!(refused(text), place, "{text:?}");
        }
    }

    #[test]
    fn many_tabs_behind_one_text_are_looked_at_once() {
        for (before, line) in [
            ("a: b\n", "    \t\n"),
            ("a: |\n  b\n", "  \t\n"),
            ("a: |\n  b\n", "\n  \t\n"),
        ] {
            let text = [before, &line.repeat(100_000), "c: d\n"].concat();
            assert_eq!(refused(&text), None, "{before:?}");
        }
    }

    #[test]
    fn the_other_documents_are_read() {
        let stream = parse("a: b\n---\nc:\n\t\n  d: e\n---\nf: g\n", &Limits::default());
        assert_eq!(stream.errors.len(), 1);
        assert_eq!(stream.errors[0].document, 1);
        let indexes: Vec<_> = stream.documents.iter().map(crate::Document::index).collect();
        assert_eq!(indexes, [0, 2]);
    }
}
