//! JSON read as JSON: several times as fast as by the YAML parser, for texts that a machine wrote, of which not all is asked
//! for.

use std::sync::Arc;

use crate::builder::Builder;
use crate::json_pass;
use crate::scalar::Tag;
use crate::{Document, Limits, Span};

/// The digits of a whole number that every reader of JSON takes for the same number.
const DIGITS: usize = 18;

/// How many bytes of JSON there are for each node, roughly: the more there are, the fewer nodes.
const BYTES_OF_A_NODE: usize = 12;

/// Most strings with escapes are shorter, in bytes.
const ESCAPED: usize = 1024;

/// What of a JSON text is kept. The rest is read, and forgotten.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// All of it.
    All,
    /// Of mappings these keys, and of the value of each so much. Of sequences every item, in the same way.
    Keys(&'static [(&'static str, Keep)]),
}

impl Keep {
    /// What of the value of `key` is kept.
    fn of(&'static self, key: &str) -> Option<&'static Self> {
        match self {
            Self::All => Some(self),
            Self::Keys(keys) => keys.iter().find(|(name, _)| *name == key).map(|(_, keep)| keep),
        }
    }
}

/// The one document of a JSON text, as [`parse`](crate::parse) gives it, with what is to be kept of it.
///
/// Nothing where the text is anything but an object without doubled keys, is beyond the limits, or where readers of JSON
/// differ: half a surrogate pair, a number with a fraction, an exponent or very many digits. What is not kept may have all of
/// these. Who wants to know what is wrong with it, or takes it all the same, reads it in another way.
#[must_use]
pub fn parse_json(text: &str, limits: &Limits, keep: &'static Keep) -> Option<Document> {
    if text.len() > limits.max_bytes.min(u32::MAX as usize - 1) {
        return None;
    }
    let shared: Arc<str> = Arc::from(text);
    let mut scanner = Scanner {
        text: &shared,
        at: 0,
        builder: Builder::new(&shared, Arc::clone(&shared), *limits),
        unescaped: String::new(),
        depth: 0,
        max_depth: limits.max_depth,
    };
    scanner.builder.expect(text.len() / BYTES_OF_A_NODE);
    scanner.skip();
    if scanner.peek()? != b'{' {
        return None;
    }
    scanner.value(keep)?;
    scanner.skip();
    if scanner.at != text.len() {
        return None;
    }
    let document = scanner.builder.finish_only()?;
    document.duplicate_keys.is_empty().then_some(document)
}

/// What has been opened and not yet closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Mapping,
    Sequence,
}

/// What comes next in a mapping.
enum Next {
    /// A value of which so much is kept.
    Value(&'static Keep),
    /// Its end.
    End,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    builder: Builder<'t>,
    /// The text of the last string that has escapes.
    unescaped: String,
    /// How much is open of what is kept.
    depth: usize,
    max_depth: usize,
}

impl Scanner<'_> {
    /// One value, with everything in it that is kept. The builder limits how much may be open.
    fn value(&mut self, mut keep: &'static Keep) -> Option<()> {
        let mut open: Vec<(Open, &'static Keep)> = Vec::with_capacity(16);
        loop {
            self.skip();
            let first = self.peek()?;
            let entered = match first {
                b'{' => Some(Open::Mapping),
                b'[' => Some(Open::Sequence),
                _ => None,
            };
            if let Some(kind) = entered {
                let span = self.step();
                self.builder.start(kind == Open::Mapping, true, span, 0).ok()?;
                open.push((kind, keep));
                self.depth = open.len();
                self.skip();
                if self.peek()? != closing(kind) {
                    if kind == Open::Sequence {
                        continue;
                    }
                    if let Next::Value(of) = self.next(keep)? {
                        keep = of;
                        continue;
                    }
                }
                let span = self.step();
                self.builder.end(span).ok()?;
                open.pop();
            } else {
                self.scalar(first)?;
            }
            // A value has ended; so may what it is in.
            loop {
                let Some((kind, of)) = open.last().copied() else {
                    return Some(());
                };
                self.depth = open.len();
                self.skip();
                let next = self.peek()?;
                let span = self.step();
                if next == b',' {
                    keep = of;
                    if kind == Open::Sequence {
                        break;
                    }
                    if let Next::Value(of) = self.next(of)? {
                        keep = of;
                        break;
                    }
                    continue;
                }
                if next != closing(kind) {
                    return None;
                }
                self.builder.end(span).ok()?;
                open.pop();
            }
        }
    }

    /// Goes to the next value of a mapping of which anything is kept, or to its end.
    fn next(&mut self, of: &'static Keep) -> Option<Next> {
        loop {
            self.skip();
            if self.peek()? != b'"' {
                return None;
            }
            let start = self.at;
            let is_escaped = self.text_of_string()?;
            let span = span(start, self.at);
            let key = if is_escaped {
                self.unescaped.as_str()
            } else {
                self.text.get(start + 1..self.at - 1)?
            };
            let keep = of.of(key);
            if keep.is_some() {
                self.builder.scalar(key, span, Tag::Str, 0).ok()?;
            }
            self.skip();
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            if let Some(keep) = keep {
                return Some(Next::Value(keep));
            }
            self.at = json_pass::pass(self.text, self.at, self.max_depth.saturating_sub(self.depth))?;
            self.skip();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => return Some(Next::End),
                _ => return None,
            }
        }
    }

    fn scalar(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        let is_escaped = self.text_of_string()?;
        let text = if is_escaped {
            self.unescaped.as_str()
        } else {
            self.text.get(start + 1..self.at - 1)?
        };
        self.builder.scalar(text, span(start, self.at), Tag::Str, 0).ok()
    }

    /// Passes a string; whether it has escapes, so that its text is the unescaped one.
    fn text_of_string(&mut self) -> Option<bool> {
        let first = self.at + 1;
        let end = json_pass::plain_end(self.text, first)?;
        if self.text.as_bytes()[end] == b'"' {
            self.at = end + 1;
            return Some(false);
        }
        self.unescape(first, end)?;
        Some(true)
    }

    /// Reads a string that begins at `from` and has an escape at `escape`, up to its closing quote.
    fn unescape(&mut self, mut from: usize, mut escape: usize) -> Option<()> {
        let text = self.text;
        let bytes = text.as_bytes();
        self.unescaped.clear();
        self.unescaped.reserve(ESCAPED);
        loop {
            self.unescaped.push_str(text.get(from..escape)?);
            if bytes[escape] == b'"' {
                self.at = escape + 1;
                return Some(());
            }
            from = escape + 2;
            let character = match *bytes.get(escape + 1)? {
                plain @ (b'"' | b'\\' | b'/') => char::from(plain),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => {
                    let first = json_pass::hex(bytes, from)?;
                    from += 4;
                    if matches!(first, 0xd800..0xdc00) && bytes.get(from..from + 2) == Some(b"\\u") {
                        let second =
                            json_pass::hex(bytes, from + 2).filter(|unit| matches!(unit, 0xdc00..0xe000))?;
                        from += 6;
                        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?
                    } else {
                        // Half a pair is no character.
                        char::from_u32(first)?
                    }
                }
                _ => return None,
            };
            self.unescaped.push(character);
            escape = json_pass::plain_end(text, from)?;
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        if !self.text.get(self.at..)?.starts_with(word) {
            return None;
        }
        self.plain(word.len())
    }

    /// A whole number.
    fn number(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest[sign..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let padded = digits > 1 && rest[sign] == b'0';
        let negative_zero = sign == 1 && digits == 1 && rest[sign] == b'0';
        let goes_on = matches!(rest.get(sign + digits), Some(b'.' | b'e' | b'E'));
        if digits == 0 || digits > DIGITS || padded || negative_zero || goes_on {
            return None;
        }
        self.plain(sign + digits)
    }

    fn plain(&mut self, length: usize) -> Option<()> {
        let start = self.at;
        self.at += length;
        let text = self.text.get(start..self.at)?;
        self.builder.scalar(text, span(start, self.at), Tag::None, 0).ok()
    }

    /// Passes one byte, and says where it stood.
    fn step(&mut self) -> Span {
        self.at += 1;
        span(self.at - 1, self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

fn closing(kind: Open) -> u8 {
    match kind {
        Open::Mapping => b'}',
        Open::Sequence => b']',
    }
}

/// Offsets fit: the text is shorter than 32 bits count.
fn span(start: usize, end: usize) -> Span {
    let offset = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Span::new(offset(start), offset(end))
}

#[cfg(test)]
mod tests;
