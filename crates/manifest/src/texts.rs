//! What the cluster's decoder makes of the source of a text: where the parser has seen another source, or makes something else
//! of this one.
//!
//! It follows `yaml_parser_scan_plain_scalar`, `…_flow_scalar` and `…_block_scalar` of go-yaml v2. Line breaks are folded as
//! everywhere, but for U+2028 and U+2029, which stay what they are and fold nothing.

use std::ops::Range;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Plain,
    Single,
    Double,
}

/// A block that holds but blanks is not looked for in columns beyond this one.
const DEEPEST: usize = 64;

/// A scalar as the parser found it.
pub(crate) struct Found<'t> {
    /// The text that the parser reads, which has the places of the source.
    pub(crate) seen: &'t str,
    pub(crate) place: Range<usize>,
    /// The end of what is before it.
    pub(crate) before: usize,
    /// How far a block of text is indented, where anything stands in it.
    pub(crate) indent: Option<usize>,
}

impl Found<'_> {
    /// What the decoder reads of this flow scalar, if it has another `source`.
    pub(crate) fn flow(&self, source: &str, written: Written) -> Option<String> {
        let here = source.get(self.place.clone())?;
        if self.seen.get(self.place.clone()) == Some(here) {
            return None;
        }
        if here.starts_with(['|', '>']) {
            return Some(self.header_here(source)?.text(source, None));
        }
        flow(here, written)
    }

    /// What the decoder reads of this block scalar, of which the parser reads `text`, and where it begins, if it has another `source`
    /// or holds but line breaks.
    pub(crate) fn block(&self, source: &str, text: &str, is_empty: bool) -> Option<(String, usize)> {
        let header = self.header(source)?;
        let start = header.body.min(self.place.start);
        let all = header.place.end..self.place.end;
        if is_empty {
            return Some((header.text(source, None), start));
        }
        if self.seen.get(all.clone()) == source.get(all) {
            return None;
        }
        // The parser does not say how far it is indented if it holds but blanks.
        let here = Header::before(self.seen, self.before, self.place.start)?;
        let seen = self.seen.get(..self.place.end)?;
        let fits = |indent: &usize| {
            here.text(seen, Some(*indent)).trim_end_matches('\n') == text.trim_end_matches('\n')
        };
        let indent = self.indent.or_else(|| (1..DEEPEST).find(fits))?;
        Some((header.text(source, Some(indent)), start))
    }

    /// How far the first line of the block of text is indented that holds more than blanks.
    pub(crate) fn first_indent(&self) -> Option<usize> {
        let header = self.header(self.seen)?;
        let body = self.seen.get(header.body..self.place.end)?;
        let line = body
            .split(is_break)
            .find(|line| !line.trim_matches(' ').is_empty())?;
        Some(line.len() - line.trim_start_matches(' ').len())
    }

    /// The header of this block scalar.
    fn header(&self, source: &str) -> Option<Header> {
        Header::before(source, self.before, self.place.start).or_else(|| self.header_here(source))
    }

    /// The header that begins here.
    fn header_here(&self, source: &str) -> Option<Header> {
        let start = self.place.start;
        let rest = source.get(start..)?;
        let end = rest.find(is_break).unwrap_or(rest.len());
        Header::within(source, start..start + end)
    }
}

/// The header of a text after `|` or `>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where it stands: the sign, and what belongs to it.
    pub(crate) place: Range<usize>,
    /// Where the first line of the text begins.
    pub(crate) body: usize,
    /// The digit that says how far it is indented.
    pub(crate) digit: Option<usize>,
    /// Whether line breaks stay as they are.
    pub(crate) is_literal: bool,
    pub(crate) chomp: Chomp,
}

/// Which line breaks at the end of a text are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chomp {
    Strip,
    Clip,
    Keep,
}

impl Header {
    /// The header of the text that begins at `start`, where it has one: the last line between that and `before`, the end of
    /// what is before it, that holds something ends with `|` or `>` and what may stand behind that.
    pub(crate) fn before(text: &str, before: usize, start: usize) -> Option<Self> {
        let gap = text.get(before..start)?;
        let last = gap.trim_end().rfind(is_break);
        let line = last.map_or(0, |end| end + break_length(&gap[end..]));
        let end = line + gap[line..].find(is_break)?;
        Self::within(text, before + line..before + end)
    }

    /// The header that ends the line which stands at `place`.
    pub(crate) fn within(text: &str, place: Range<usize>) -> Option<Self> {
        let body = place.end + break_length(text.get(place.end..)?);
        let start = place.start;
        let line = text.get(place)?;
        if line.trim_start().starts_with('#') {
            return None;
        }
        let comment = line
            .match_indices('#')
            .find(|(at, _)| line[..*at].ends_with([' ', '\t']));
        let header = line[..comment.map_or(line.len(), |(at, _)| at)].trim_end();
        let bare = header.trim_end_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
        let signs = &header[bare.len()..];
        let digit = signs.chars().find_map(|c| c.to_digit(10));
        bare.ends_with(['|', '>']).then(|| Self {
            place: start + bare.len() - 1..start + header.len(),
            body,
            digit: digit.map(|digit| digit as usize),
            is_literal: bare.ends_with('|'),
            chomp: match (signs.contains('+'), signs.contains('-')) {
                (true, _) => Chomp::Keep,
                (_, true) => Chomp::Strip,
                _ => Chomp::Clip,
            },
        })
    }

    /// What the text holds whose lines follow this header, indented so far; nothing stands in it but blanks where that is not
    /// known.
    pub(crate) fn text(&self, text: &str, indent: Option<usize>) -> String {
        let mut read = String::new();
        let mut leading = "";
        let mut trailing = String::new();
        let mut after_blank = false;
        let mut rest = text.get(self.body..).unwrap_or_default();
        while !rest.is_empty() {
            let end = rest.find(is_break).unwrap_or(rest.len());
            let (line, behind) = rest.split_at(end);
            let ended = as_read(&behind[..break_length(behind)]);
            let spaces = line.len() - line.trim_start_matches(' ').len();
            let is_deep = indent.is_some_and(|indent| spaces >= indent && line.len() > indent);
            if !is_deep && spaces < line.len() {
                break;
            }
            rest = &behind[break_length(behind)..];
            let Some(content) = indent.filter(|_| is_deep).and_then(|indent| line.get(indent..)) else {
                trailing.push_str(ended);
                continue;
            };
            let is_blank = content.starts_with([' ', '\t']);
            if self.is_literal || after_blank || is_blank || leading != "\n" {
                read.push_str(leading);
            } else if trailing.is_empty() {
                read.push(' ');
            }
            read.push_str(&trailing);
            trailing.clear();
            read.push_str(content);
            after_blank = is_blank;
            leading = ended;
        }
        if self.chomp != Chomp::Strip {
            read.push_str(leading);
        }
        if self.chomp == Chomp::Keep {
            read.push_str(&trailing);
        }
        read
    }
}

/// What the text holds that this is the source of, quotes included; nothing where an escape in it says nothing.
pub(crate) fn flow(source: &str, written: Written) -> Option<String> {
    let mut rest = match written {
        Written::Plain => source,
        Written::Single => source.strip_prefix('\'')?.strip_suffix('\'')?,
        Written::Double => source.strip_prefix('"')?.strip_suffix('"')?,
    };
    let mut read = String::with_capacity(rest.len());
    while let Some(c) = rest.chars().next() {
        if is_gap(c) {
            rest = fold(&mut read, rest, false);
        } else if written == Written::Double && c == '\\' {
            let escaped = &rest[1..];
            match break_length(escaped) {
                0 => rest = unescape(&mut read, escaped)?,
                length => rest = fold(&mut read, &escaped[length..], true),
            }
        } else {
            read.push(c);
            let is_doubled = written == Written::Single && rest.starts_with("''");
            rest = &rest[c.len_utf8() + usize::from(is_doubled)..];
        }
    }
    Some(read)
}

/// Reads the blanks and line breaks at the beginning of `rest`, and answers with what is behind them. They may follow a line break
/// that is escaped.
fn fold<'t>(read: &mut String, rest: &'t str, is_escaped: bool) -> &'t str {
    let behind = rest.trim_start_matches(is_gap);
    let gap = &rest[..rest.len() - behind.len()];
    let mut breaks = Vec::new();
    let mut at = 0;
    while let Some(found) = gap[at..].find(is_break) {
        let length = break_length(&gap[at + found..]);
        breaks.push(as_read(&gap[at + found..at + found + length]));
        at += found + length;
    }
    match &*breaks {
        [] if is_escaped => {}
        [] => read.push_str(gap),
        ["\n"] if !is_escaped => read.push(' '),
        ["\n", others @ ..] if !is_escaped => read.extend(others.iter().copied()),
        all => read.extend(all.iter().copied()),
    }
    behind
}

/// Reads what follows a backslash, and answers with what is behind it.
fn unescape<'t>(read: &mut String, escaped: &'t str) -> Option<&'t str> {
    let c = escaped.chars().next()?;
    let rest = &escaped[c.len_utf8()..];
    let digits = match c {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => {
            read.push(match c {
                '0' => '\0',
                'a' => '\x07',
                'b' => '\x08',
                't' | '\t' => '\t',
                'n' => '\n',
                'v' => '\x0b',
                'f' => '\x0c',
                'r' => '\r',
                'e' => '\x1b',
                ' ' | '"' | '\'' | '\\' => c,
                'N' => '\u{85}',
                '_' => '\u{a0}',
                'L' => '\u{2028}',
                'P' => '\u{2029}',
                _ => return None,
            });
            return Some(rest);
        }
    };
    let hex = rest.get(..digits)?;
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    read.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
    Some(&rest[digits..])
}

/// Whether the decoder ends a line here.
pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_gap(c: char) -> bool {
    matches!(c, ' ' | '\t') || is_break(c)
}

/// How many bytes the line break has that `text` begins with.
fn break_length(text: &str) -> usize {
    if text.starts_with("\r\n") {
        return 2;
    }
    let first = text.chars().next().filter(|c| is_break(*c));
    first.map_or(0, char::len_utf8)
}

/// What a line break is in a text that keeps it.
fn as_read(found: &str) -> &str {
    match found {
        "" | "\u{2028}" | "\u{2029}" => found,
        _ => "\n",
    }
}
