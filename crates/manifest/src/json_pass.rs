//! JSON that is passed over: nothing of it is kept, and it has to be JSON all the same.

use crate::json_string;

/// Where the value ends that begins at `at` or after blanks there. It may nest `depth` levels. `open` is room for what closes
/// what is open: most values that are passed open something.
///
/// Nothing where it is no JSON, or nests deeper.
pub(crate) fn pass(bytes: &[u8], mut at: usize, depth: usize, open: &mut Vec<u8>) -> Option<usize> {
    open.clear();
    loop {
        at = skip(bytes, at);
        let first = *bytes.get(at)?;
        if let Some(close) = closing(first) {
            if open.len() >= depth {
                return None;
            }
            open.push(close);
            at = skip(bytes, at + 1);
            if *bytes.get(at)? != close {
                if close == b'}' {
                    at = key(bytes, at)?;
                }
                continue;
            }
        } else {
            at = scalar(bytes, at, first)?;
        }
        // A value has ended, or is about to; so may what it is in.
        loop {
            let Some(close) = open.last().copied() else {
                return Some(at);
            };
            at = skip(bytes, at);
            let next = *bytes.get(at)?;
            at += 1;
            if next == close {
                open.pop();
                continue;
            }
            if next != b',' {
                return None;
            }
            if close == b'}' {
                at = key(bytes, skip(bytes, at))?;
            }
            break;
        }
    }
}

fn closing(open: u8) -> Option<u8> {
    match open {
        b'{' => Some(b'}'),
        b'[' => Some(b']'),
        _ => None,
    }
}

/// Where blanks end that may stand at `at`.
pub(crate) fn skip(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// A key and its colon.
fn key(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let at = skip(bytes, json_string::pass(bytes, at)?);
    (*bytes.get(at)? == b':').then_some(at + 1)
}

/// Where the value ends that begins at `at` with the byte `first`, and is neither an object nor an array.
pub(crate) fn scalar(bytes: &[u8], at: usize, first: u8) -> Option<usize> {
    let word = match first {
        b'"' => return json_string::pass(bytes, at),
        b't' => &b"true"[..],
        b'f' => b"false",
        b'n' => b"null",
        _ => return number(bytes, at),
    };
    bytes.get(at..)?.starts_with(word).then_some(at + word.len())
}

fn number(bytes: &[u8], mut at: usize) -> Option<usize> {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then_some(from + count)
    };
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at)? {
        b'0' => at + 1,
        _ => digits(at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(at)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn is_json(text: &str) -> bool {
        let end = pass(text.as_bytes(), 0, 100, &mut Vec::new());
        end.is_some_and(|end| text[end..].trim_matches([' ', '\t', '\n', '\r']).is_empty())
    }

    #[test]
    fn all_that_is_json_is_passed_and_nothing_else() {
        for text in [
            "1",
            "-0",
            "0.5",
            "1e3",
            "-1.25E-7",
            "12345678901234567890123",
            "\"\"",
            r#""\u00e9\ud800\/\b""#,
            "true",
            "null",
            "[]",
            "{}",
            " [ 1 , {\"a\" : [ ] } ]\n",
            r#"{"a":1,"a":2}"#,
        ] {
            assert!(is_json(text), "{text}");
        }
        for text in [
            "",
            " ",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "tru",
            "nul",
            "\"",
            r#""\x""#,
            r#""\u12g4""#,
            "\"\n\"",
            "[",
            "[1",
            "[1,]",
            "[,]",
            "[1 2]",
            "{",
            "{1:2}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1]"#,
            "[}",
            "1]",
            "é",
        ] {
            assert!(!is_json(text), "{text}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let mut open = Vec::new();
        let mut pass = |text: &str, depth| pass(text.as_bytes(), 0, depth, &mut open);
        assert_eq!(pass(&deep(7), 7), Some(14));
        assert_eq!(pass(&deep(8), 7), None);
        assert_eq!(pass("1", 0), Some(1));
    }

    proptest! {
        #[test]
        fn takes_what_another_reader_takes(text in "[{}\\[\\]\",:0-9a.eE+\\\\tn -]{0,24}") {
            prop_assert_eq!(is_json(&text), serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }
}
