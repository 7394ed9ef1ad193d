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
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn tree(text: &str) -> Option<Value> {
        parse_json(text, &Limits::default(), &Keep::All).map(|document| document.root().to_json())
    }

    #[test]
    fn reads_what_stands_there_at_its_place() {
        let text = " {\"a\" : [1,-20, true,false,null, {}, [ ] ],\r\n\t\"b\":{\"c\\n\":\"d\\u00e9\\ud83d\\ude00\",\"e\":\"é\u{7f}\"}} ";
        let document = parse_json(text, &Limits::default(), &Keep::All).unwrap();
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
        assert!(parse_json(&deep, &limits(41), &Keep::All).is_some());
        assert!(parse_json(&deep, &limits(40), &Keep::All).is_none());
        let few = Limits {
            max_nodes: 2,
            ..Limits::default()
        };
        assert!(
            parse_json(r#"{"a":1}"#, &few, &Keep::All).is_none(),
            "three nodes"
        );
        let short = Limits {
            max_bytes: 6,
            ..Limits::default()
        };
        assert!(
            parse_json(r#"{"a":1}"#, &short, &Keep::All).is_none(),
            "seven bytes"
        );
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        const KEEP: Keep = Keep::Keys(&[
            ("a", Keep::All),
            ("b", Keep::Keys(&[("c", Keep::Keys(&[("d", Keep::All)]))])),
            ("\n", Keep::All),
        ]);
        let tree = |text: &str| {
            let document = parse_json(text, &Limits::default(), &KEEP)?;
            Some(document.root().to_json())
        };
        for (text, kept) in [
            ("{}", json!({})),
            (r#"{"x":1.5,"x":[{"y":"\ud800"}]}"#, json!({})),
            (r#"{"x":1,"a":{"x":[2]},"y":3}"#, json!({"a": {"x": [2]}})),
            (
                r#"{"b":{"c":[{"d":1,"e":2},{},{"e":1e9},7],"x":{}}, "a" : null , "\n":4}"#,
                json!({"b": {"c": [{"d": 1}, {}, {}, 7]}, "a": null, "\n": 4}),
            ),
            (r#"{"\u0061":1}"#, json!({"a": 1})),
        ] {
            assert_eq!(tree(text), Some(kept), "{text}");
        }
        for text in [
            r#"{"x":tru}"#,
            r#"{"x":1,}"#,
            r#"{"x":1"#,
            r#"{"x":1 "a":2}"#,
            r#"{"x":}"#,
            r#"{"x"}"#,
            r#"{"b":{"x":1]}"#,
            r#"{"b":{"x":1}"#,
            r#"{"a":1,"a":2}"#,
        ] {
            assert_eq!(tree(text), None, "{text}");
        }
        let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let limits = Limits {
            max_depth: 8,
            ..Limits::default()
        };
        assert!(parse_json(&nested(7), &limits, &KEEP).is_some());
        assert!(parse_json(&nested(8), &limits, &KEEP).is_none());
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
