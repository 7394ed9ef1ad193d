//! What Go's `encoding/json` says of bytes that are no JSON object.

use crate::render::go_quote;

/// What is wrong with a text that has to be a JSON object, in Go's words.
pub(crate) fn of_object(bytes: &[u8]) -> Option<String> {
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(value) => {
            let kind = match value {
                serde_json::Value::Object(_) | serde_json::Value::Null => return None,
                serde_json::Value::Bool(_) => "bool",
                serde_json::Value::Number(_) => "number",
                serde_json::Value::String(_) => "string",
                serde_json::Value::Array(_) => "array",
            };
            Some(format!(
                "json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
            ))
        }
        Err(error) if error.is_eof() => Some("unexpected end of JSON input".to_owned()),
        Err(error) => Some(syntax_error(bytes, &error)),
    }
}

/// An error of syntax: the byte that does not fit, and what was looked for. What Go looks for further inside is known for
/// the usual mistakes.
fn syntax_error(bytes: &[u8], error: &serde_json::Error) -> String {
    let first = bytes
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or_default();
    let begins = |byte: &u8| matches!(byte, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n');
    let text = String::from_utf8_lossy(bytes);
    if bytes.get(first).is_some_and(|byte| !begins(byte)) {
        let c = char::from(bytes[first]);
        return format!("invalid character {} looking for beginning of value", shown(c));
    }
    let lines: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let at = lines + error.column().saturating_sub(1);
    let c = bytes.get(at).map_or(' ', |byte| char::from(*byte));
    let told = error.to_string();
    let sought = if told.starts_with("trailing characters") {
        "after top-level value"
    } else if told.starts_with("key must be a string") {
        "looking for beginning of object key string"
    } else if told.starts_with("expected value") {
        "looking for beginning of value"
    } else if told.starts_with("expected `:`") {
        "after object key"
    } else if told.starts_with("expected `,` or `}`") {
        "after object key:value pair"
    } else if told.starts_with("expected `,` or `]`") {
        "after array element"
    } else if told.starts_with("trailing comma") {
        "looking for beginning of object key string"
    } else {
        "in JSON"
    };
    format!("invalid character {} {sought}", shown(c))
}

/// A character as Go's `quoteChar` writes it.
fn shown(c: char) -> String {
    match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        _ => {
            let quoted = go_quote(&c.to_string());
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_as_go_does() {
        for (text, expected) in [
            ("{}", None),
            ("null", None),
            ("", Some("unexpected end of JSON input")),
            ("{", Some("unexpected end of JSON input")),
            (
                "abc",
                Some("invalid character 'a' looking for beginning of value"),
            ),
            (
                "'",
                Some("invalid character '\\'' looking for beginning of value"),
            ),
            (
                "{a",
                Some("invalid character 'a' looking for beginning of object key string"),
            ),
            ("{} x", Some("invalid character 'x' after top-level value")),
            (
                "[]",
                Some("json: cannot unmarshal array into Go value of type map[string]interface {}"),
            ),
        ] {
            assert_eq!(of_object(text.as_bytes()).as_deref(), expected, "{text:?}");
        }
    }
}
