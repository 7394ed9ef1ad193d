//! JSON read as JSON: several times as fast as by the YAML parser, for texts that a machine wrote.

use std::sync::Arc;

use crate::builder::Builder;
use crate::scalar::Tag;
use crate::{Document, Limits, Span};

/// The digits of a whole number that every reader of JSON takes for the same number.
const DIGITS: usize = 18;

/// How many bytes of JSON there are for each node, roughly: the more there are, the fewer nodes.
const BYTES_OF_A_NODE: usize = 12;

/// The one document of a JSON text, as [`parse`](crate::parse) gives it.
///
/// Nothing where the text is anything but an object without doubled keys, is beyond the limits, or where readers of JSON
/// differ: half a surrogate pair, a number with a fraction, an exponent or very many digits. Who wants to know what is wrong
/// with it, or takes it all the same, reads it in another way.
#[must_use]
pub fn parse_json(text: &str, limits: &Limits) -> Option<Document> {
    if text.len() > limits.max_bytes.min(u32::MAX as usize - 1) {
        return None;
    }
    let shared: Arc<str> = Arc::from(text);
    let mut scanner = Scanner {
        text: &shared,
        at: 0,
        builder: Builder::new(&shared, Arc::clone(&shared), *limits),
        unescaped: String::new(),
    };
    scanner.builder.expect(text.len() / BYTES_OF_A_NODE);
    scanner.skip();
    if scanner.peek()? != b'{' {
        return None;
    }
    scanner.value()?;
    scanner.skip();
    if scanner.at != text.len() {
        return None;
    }
    let document = scanner.builder.finish_only()?;
    document.duplicate_keys.is_empty().then_some(document)
}

/// Most strings with escapes are shorter, in bytes.
const ESCAPED: usize = 1024;

/// What has been opened and not yet closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Mapping,
    Sequence,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    builder: Builder<'t>,
    /// The text of the last string that has escapes.
    unescaped: String,
}

impl Scanner<'_> {
    /// One value, with everything in it. The builder limits how much may be open.
    fn value(&mut self) -> Option<()> {
        let mut open: Vec<Open> = Vec::with_capacity(16);
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
                self.skip();
                if self.peek()? != closing(kind) {
                    open.push(kind);
                    if kind == Open::Mapping {
                        self.key()?;
                    }
                    continue;
                }
                let span = self.step();
                self.builder.end(span).ok()?;
            } else {
                self.scalar(first)?;
            }
            // A value has ended; so may what it is in.
            loop {
                let Some(kind) = open.last().copied() else {
                    return Some(());
                };
                self.skip();
                let next = self.peek()?;
                let span = self.step();
                if next == b',' {
                    if kind == Open::Mapping {
                        self.skip();
                        self.key()?;
                    }
                    break;
                }
                if next != closing(kind) {
                    return None;
                }
                self.builder.end(span).ok()?;
                open.pop();
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

    /// A key and its colon.
    fn key(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.string()?;
        self.skip();
        (self.peek()? == b':').then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        let text = self.text;
        let first = self.at + 1;
        let end = self.plain_end(first)?;
        if text.as_bytes()[end] == b'"' {
            self.at = end + 1;
            return self
                .builder
                .scalar(text.get(first..end)?, span(start, self.at), Tag::Str, 0)
                .ok();
        }
        self.unescape(first, end)?;
        self.builder
            .scalar(&self.unescaped, span(start, self.at), Tag::Str, 0)
            .ok()
    }

    /// Where a string ends that goes on at `from`, or its next escape begins.
    fn plain_end(&self, from: usize) -> Option<usize> {
        let rest = self.text.as_bytes().get(from..)?;
        // Control characters, which JSON escapes; the delete character is none of those.
        let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
        let length = rest.iter().position(special)?;
        (rest[length] >= 0x20).then_some(from + length)
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
                    let first = hex(bytes, from)?;
                    from += 4;
                    if matches!(first, 0xd800..0xdc00) && bytes.get(from..from + 2) == Some(b"\\u") {
                        let second = hex(bytes, from + 2).filter(|unit| matches!(unit, 0xdc00..0xe000))?;
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
            escape = self.plain_end(from)?;
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

/// The four hexadecimal digits at a place.
fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    let value = |sum, digit: &u8| Some(sum << 4 | char::from(*digit).to_digit(16)?);
    digits.iter().try_fold(0, value)
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
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn tree(text: &str) -> Option<Value> {
        parse_json(text, &Limits::default()).map(|document| document.root().to_json())
    }

    #[test]
    fn reads_what_stands_there_at_its_place() {
        let text = " {\"a\" : [1,-20, true,false,null, {}, [ ] ],\r\n\t\"b\":{\"c\\n\":\"d\\u00e9\\ud83d\\ude00\",\"e\":\"é\u{7f}\"}} ";
        let document = parse_json(text, &Limits::default()).unwrap();
        let wanted: Value = serde_json::from_str(text).unwrap();
        assert_eq!(document.root().to_json(), wanted);
        let item = document.root().at("a[1]").unwrap();
        assert_eq!(item.raw(), "-20");
        let number = document.root().at("b.e").unwrap();
        assert_eq!(number.raw(), "\"é\u{7f}\"");
        assert_eq!(document.root().raw(), text.trim());
    }

    #[test]
    fn leaves_to_others_what_is_not_plain() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            "{",
            "{}{}",
            "{} x",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1}"#,
            "{a:1}",
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":-0}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1e3}"#,
            r#"{"a":1234567890123456789}"#,
            r#"{"a":tru}"#,
            r#"{"a":truer}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            r#"{"a":"\udc00\ud800"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":"\u+123"}"#,
            "{\"a\":\"\\n\n\"}",
            "{\"a\":\"\\",
            "{\"a\":\"\n\"}",
            r#"{"a":"b"#,
            r#"{"a":"b\"#,
            r#"{"a":1,"a":2}"#,
            "{\"a\":1 # b\n}",
        ] {
            assert_eq!(tree(text), None, "{text}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
        let limits = |max_depth| Limits {
            max_depth,
            ..Limits::default()
        };
        assert!(parse_json(&deep, &limits(41)).is_some());
        assert!(parse_json(&deep, &limits(40)).is_none());
        let few = Limits {
            max_nodes: 2,
            ..Limits::default()
        };
        assert!(parse_json(r#"{"a":1}"#, &few).is_none(), "three nodes");
        let short = Limits {
            max_bytes: 6,
            ..Limits::default()
        };
        assert!(parse_json(r#"{"a":1}"#, &short).is_none(), "seven bytes");
    }

    #[test]
    fn a_merge_key_in_quotes_is_a_key() {
        assert_eq!(tree(r#"{"<<":{"a":1}}"#), Some(json!({"<<": {"a": 1}})));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-1_000_000_000_000_i64..1_000_000_000_000).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ -~]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map("[a-z\"\\\\é<]{0,4}", inner, 0..6)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn is_what_was_written(value in value()) {
            let whole = json!({"value": value});
            prop_assert_eq!(tree(&whole.to_string()), Some(whole.clone()));
            let pretty = serde_json::to_string_pretty(&whole).unwrap();
            prop_assert_eq!(tree(&pretty), Some(whole));
        }

        #[test]
        fn takes_nothing_that_is_no_json(text in "[{}\\[\\]\",:0-9a\\\\tn ]{0,24}") {
            if let Some(tree) = tree(&text) {
                let wanted: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(tree, wanted);
            }
        }
    }
}
