//! JSON read as JSON: several times as fast as by the YAML parser, for texts that a machine wrote, of which not all is asked
//! for.

use std::sync::Arc;

use crate::builder::Builder;
use crate::document::key_print;
use crate::json_pass;
use crate::json_string::{self, Said};
use crate::scalar::Tag;
use crate::{Document, Limits, Span};

/// The digits of a whole number that every reader of JSON takes for the same number.
const DIGITS: usize = 18;

/// How many bytes of JSON there are for each node, roughly: the more there are, the fewer nodes.
const BYTES_OF_A_NODE: usize = 12;

/// What of a JSON text is kept. The rest is read, and forgotten.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// All of it.
    All,
    /// Of mappings these keys. Of sequences every item, in the same way.
    Keys(Keys),
}

/// Keys, and how much of the value of each is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    names: &'static [(&'static str, Keep)],
    /// The bits ([`Keys::bit`]) of the names: most of the keys of a text are none of them.
    bits: u64,
}

impl Keys {
    /// One of 64 bits for a key of this print.
    const fn bit(print: u16) -> u64 {
        1 << (print & 63)
    }
}

impl Keep {
    /// Of mappings these keys, and of the value of each so much. Of sequences every item, in the same way.
    #[must_use]
    pub const fn keys(names: &'static [(&'static str, Self)]) -> Self {
        let mut bits = 0;
        let mut rest = names;
        while let [(name, _), others @ ..] = rest {
            bits |= Keys::bit(key_print(name.as_bytes()));
            rest = others;
        }
        Self::Keys(Keys { names, bits })
    }

    /// What of the value of `key`, whose print is `print`, is kept.
    #[inline]
    fn of(&'static self, key: &[u8], print: u16) -> Option<&'static Self> {
        match self {
            Self::All => Some(self),
            Self::Keys(Keys { bits, .. }) if bits & Keys::bit(print) == 0 => None,
            Self::Keys(Keys { names, .. }) => {
                let mut names = names.iter();
                let found = names.find(|(name, _)| name.as_bytes() == key);
                found.map(|(_, keep)| keep)
            }
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
        passed: Vec::new(),
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
    /// Room for what is open of a value that is passed over.
    passed: Vec<u8>,
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
            let bytes = self.text.as_bytes();
            let (said, end) = json_string::read(bytes, self.at)?;
            let span = Span::of(self.at, end);
            let keep = match said {
                Said::Plain => {
                    let key = bytes.get(self.at + 1..end - 1)?;
                    let print = key_print(key);
                    let keep = of.of(key, print);
                    if keep.is_some() {
                        self.builder.quoted_key(key, print, span).ok()?;
                    }
                    keep
                }
                Said::Escaped => {
                    let key = json_string::unescape(span.slice(self.text)?)?;
                    let keep = of.of(key.as_bytes(), key_print(key.as_bytes()));
                    if keep.is_some() {
                        self.builder.scalar(&key, span, Tag::Str, 0).ok()?;
                    }
                    keep
                }
            };
            self.at = end;
            self.skip();
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            if let Some(keep) = keep {
                return Some(Next::Value(keep));
            }
            self.at = json_pass::pass(bytes, self.at, self.builder.room(), &mut self.passed)?;
            self.skip();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => return Some(Next::End),
                _ => return None,
            }
        }
    }

    fn scalar(&mut self, first: u8) -> Option<()> {
        if first == b'"' {
            let (said, end) = json_string::read(self.text.as_bytes(), self.at)?;
            let span = Span::of(self.at, end);
            self.at = end;
            return match said {
                Said::Plain => self.builder.quoted(span).ok(),
                Said::Escaped => self.builder.escaped(span).ok(),
            };
        }
        let end = json_pass::scalar(self.text.as_bytes(), self.at, first)?;
        let text = self.text.get(self.at..end)?;
        if !first.is_ascii_alphabetic() && !is_whole(text) {
            return None;
        }
        let span = Span::of(self.at, end);
        self.at = end;
        self.builder.scalar(text, span, Tag::None, 0).ok()
    }

    /// Passes one byte, and says where it stood.
    fn step(&mut self) -> Span {
        self.at += 1;
        Span::of(self.at - 1, self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self) {
        self.at = json_pass::skip(self.text.as_bytes(), self.at);
    }
}

/// Whether a number is one that every reader takes for the same: whole, without an exponent, of not too many digits.
fn is_whole(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    number != "-0" && digits.len() <= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn closing(kind: Open) -> u8 {
    match kind {
        Open::Mapping => b'}',
        Open::Sequence => b']',
    }
}

#[cfg(test)]
mod tests;
