//! JSON as Go's `encoding/json` decodes it, with its words for what is wrong.

use serde_json::{Map, Value};

use crate::render::go_quote;

/// How deep Go's decoder follows.
const DEEPEST: usize = 10_000;

/// Why a text is no JSON object, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

/// Decodes a text into a Go map: the object, or nothing of `null`. Of equal keys the last counts.
///
/// # Errors
///
/// The text is no JSON, or JSON of another type.
pub fn decode_object(text: &str) -> Result<Option<Map<String, Value>>, DecodeError> {
    check_object(text.as_bytes())?;
    match serde_json::from_str(text) {
        Ok(map) => Ok(map),
        // What Go takes and this parser does not: half a surrogate pair, a number beyond all limits, great depth.
        Err(error) => Err(DecodeError(error.to_string())),
    }
}

/// Whether Go decodes the bytes into a map.
pub(crate) fn check_object(bytes: &[u8]) -> Result<(), DecodeError> {
    match type_of(bytes)? {
        "object" | "null" => Ok(()),
        other => Err(unmarshal(other, "map[string]interface {}")),
    }
}

/// The type of a JSON text as Go's decoder calls it.
///
/// # Errors
///
/// The text is no JSON: what Go's scanner says of the first byte that cannot stand where it stands.
pub(crate) fn type_of(bytes: &[u8]) -> Result<&'static str, DecodeError> {
    let mut scanner = Scanner {
        rest: bytes,
        open: Vec::new(),
    };
    let first = scanner.peek();
    scanner.document()?;
    Ok(match first {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        Some(b'n') => "null",
        _ => "number",
    })
}

/// What Go says of a value of one type that was to become one of another.
pub(crate) fn unmarshal(found: &str, wanted: &str) -> DecodeError {
    DecodeError(format!(
        "json: cannot unmarshal {found} into Go value of type {wanted}"
    ))
}

struct Scanner<'a> {
    rest: &'a [u8],
    /// The closing bytes of what is open.
    open: Vec<u8>,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), DecodeError> {
        'value: loop {
            let first = self.skip()?;
            match first {
                b'{' => {
                    self.enter(b'}')?;
                    if self.peek() == Some(b'}') {
                        self.take()?;
                        self.open.pop();
                    } else {
                        self.key("looking for beginning of object key string")?;
                        continue 'value;
                    }
                }
                b'[' => {
                    self.enter(b']')?;
                    if self.peek() == Some(b']') {
                        self.take()?;
                        self.open.pop();
                    } else {
                        continue 'value;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word("rue", "true")?,
                b'f' => self.word("alse", "false")?,
                b'n' => self.word("ull", "null")?,
                b'-' | b'0'..=b'9' => self.number(first)?,
                other => return Err(unexpected(other, "looking for beginning of value")),
            }
            // After a value.
            loop {
                let Some(closing) = self.open.last().copied() else {
                    return match self.peek() {
                        None => Ok(()),
                        Some(other) => Err(unexpected(other, "after top-level value")),
                    };
                };
                let context = if closing == b'}' {
                    "after object key:value pair"
                } else {
                    "after array element"
                };
                match self.skip()? {
                    b',' if closing == b'}' => {
                        self.key("looking for beginning of object key string")?;
                        continue 'value;
                    }
                    b',' => continue 'value,
                    byte if byte == closing => {
                        self.open.pop();
                    }
                    other => return Err(unexpected(other, context)),
                }
            }
        }
    }

    fn enter(&mut self, closing: u8) -> Result<(), DecodeError> {
        if self.open.len() == DEEPEST {
            return Err(DecodeError("exceeded max depth".to_owned()));
        }
        self.open.push(closing);
        Ok(())
    }

    /// A key and its colon.
    fn key(&mut self, context: &str) -> Result<(), DecodeError> {
        match self.skip()? {
            b'"' => self.string()?,
            other => return Err(unexpected(other, context)),
        }
        match self.skip()? {
            b':' => Ok(()),
            other => Err(unexpected(other, "after object key")),
        }
    }

    /// What follows white space.
    fn peek(&mut self) -> Option<u8> {
        let blank = self
            .rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            .count();
        self.rest = &self.rest[blank..];
        self.rest.first().copied()
    }

    fn skip(&mut self) -> Result<u8, DecodeError> {
        self.peek();
        self.take()
    }

    fn take(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or_else(ended)?;
        self.rest = rest;
        Ok(*first)
    }

    fn string(&mut self) -> Result<(), DecodeError> {
        loop {
            match self.take()? {
                b'"' => return Ok(()),
                b'\\' => match self.take()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let digit = self.take()?;
                            if !digit.is_ascii_hexdigit() {
                                return Err(unexpected(digit, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    other => return Err(unexpected(other, "in string escape code")),
                },
                other @ 0..0x20 => return Err(unexpected(other, "in string literal")),
                _ => {}
            }
        }
    }

    fn word(&mut self, rest: &str, whole: &str) -> Result<(), DecodeError> {
        for expected in rest.bytes() {
            let byte = self.take()?;
            if byte != expected {
                let context = format!("in literal {whole} (expecting '{}')", char::from(expected));
                return Err(unexpected(byte, &context));
            }
        }
        Ok(())
    }

    /// A number whose first byte is read. It ends before the first byte that is none of it.
    fn number(&mut self, first: u8) -> Result<(), DecodeError> {
        let first = if first == b'-' { self.take()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            other => return Err(unexpected(other, "in numeric literal")),
        }
        if self.rest.first() == Some(&b'.') {
            self.take()?;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if matches!(self.rest.first(), Some(b'e' | b'E')) {
            self.take()?;
            if matches!(self.rest.first(), Some(b'+' | b'-')) {
                self.take()?;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn some_digits(&mut self, context: &str) -> Result<(), DecodeError> {
        let first = self.take()?;
        if !first.is_ascii_digit() {
            return Err(unexpected(first, context));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = &self.rest[digits..];
    }
}

fn ended() -> DecodeError {
    DecodeError("unexpected end of JSON input".to_owned())
}

fn unexpected(byte: u8, context: &str) -> DecodeError {
    // Go prints the byte as the character of that code.
    let shown = match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        other => {
            let quoted = go_quote(&char::from(other).to_string());
            format!("'{}'", quoted.trim_matches('"'))
        }
    };
    DecodeError(format!("invalid character {shown} {context}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        decode_object(text).expect_err(text).to_string()
    }

    #[test]
    fn errors_are_gos() {
        for (text, expected) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("{\"a\"", "unexpected end of JSON input"),
            ("[1, ", "unexpected end of JSON input"),
            ("tru", "unexpected end of JSON input"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            (
                "{a: 1}",
                "invalid character 'a' looking for beginning of object key string",
            ),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            (
                "{\"a\": 1 \"b\"}",
                "invalid character '\"' after object key:value pair",
            ),
            (
                "{\"a\": 1,}",
                "invalid character '}' looking for beginning of object key string",
            ),
            ("{\"a\": [1 2]}", "invalid character '2' after array element"),
            (
                "{\"a\": [1,]}",
                "invalid character ']' looking for beginning of value",
            ),
            ("{} {}", "invalid character '{' after top-level value"),
            ("{\"a\nb\": 1}", "invalid character '\\n' in string literal"),
            ("{\"\\x\": 1}", "invalid character 'x' in string escape code"),
            (
                "{\"\\u12g4\": 1}",
                "invalid character 'g' in \\u hexadecimal character escape",
            ),
            (
                "{\"a\": nul1}",
                "invalid character '1' in literal null (expecting 'l')",
            ),
            ("{\"a\": 01}", "invalid character '1' after object key:value pair"),
            ("{\"a\": -x}", "invalid character 'x' in numeric literal"),
            (
                "{\"a\": 1.}",
                "invalid character '}' after decimal point in numeric literal",
            ),
            (
                "{\"a\": 1e}",
                "invalid character '}' in exponent of numeric literal",
            ),
            (
                "{'a': 1}",
                "invalid character '\\'' looking for beginning of object key string",
            ),
            ("é", "invalid character 'Ã' looking for beginning of value"),
            (
                "\"x\"",
                "json: cannot unmarshal string into Go value of type map[string]interface {}",
            ),
            (
                "true",
                "json: cannot unmarshal bool into Go value of type map[string]interface {}",
            ),
            (
                "12",
                "json: cannot unmarshal number into Go value of type map[string]interface {}",
            ),
        ] {
            assert_eq!(error(text), expected, "{text:?}");
        }
        assert_eq!(error(&"[".repeat(10_001)), "exceeded max depth");
    }

    #[test]
    fn objects_and_null_are_taken() {
        assert_eq!(decode_object(" null "), Ok(None));
        let map = decode_object("{\"a\": {\"b\": [true, false, null, -1.5e+3, \"\\u00e9\"]}}")
            .unwrap()
            .unwrap();
        assert_eq!(map["a"]["b"][3], serde_json::json!(-1500.0));
    }
}
