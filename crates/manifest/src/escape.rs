//! Finds the escape that a double-quoted scalar may not have: the parser names only the scalar's beginning, and takes `\/` and
//! pairs of surrogates, which the cluster's decoder takes in JSON alone.

use crate::control;

/// Whether the cluster's decoder takes this text for JSON: it begins with a brace. A byte-order mark before that kubectl leaves
/// out.
pub(crate) fn is_json(text: &str) -> bool {
    let text = text.strip_prefix(control::MARK).unwrap_or(text);
    text.trim_start().starts_with('{')
}

/// Whether all of this text is JSON, one value or several.
pub(crate) fn is_whole_json(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    is_json(text) && values.all(|value| value.is_ok())
}

/// Whether there may be escapes in this text that the parser takes, and the decoder takes in JSON alone.
pub(crate) fn may_be_bad(text: &str) -> bool {
    text.contains('\\') && ["\\/", "\\ud", "\\uD"].iter().any(|odd| text.contains(odd))
}

/// The first quote of the double-quoted scalar that begins at byte `quote` of `text` that is escaped as only the decoder takes it:
/// `\'`.
pub(crate) fn find_apostrophe(text: &str, quote: usize) -> Option<usize> {
    let inside = text.get(quote..)?.strip_prefix('"')?;
    let mut characters = inside.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return None,
            '\\' if characters.next()?.1 == '\'' => return Some(quote + 1 + at),
            _ => {}
        }
    }
    None
}

/// The first bad escape of the double-quoted scalar that begins at byte `quote` of `text`, as a range of bytes. Those that only JSON
/// has are bad where it `is_json` not.
pub(crate) fn find_bad(text: &str, quote: usize, is_json: bool) -> Option<(usize, usize)> {
    let inside = text.get(quote..)?.strip_prefix('"')?;
    let begin = quote + 1;
    let mut characters = inside.char_indices();
    while let Some((at, c)) = characters.next() {
        if c == '"' {
            return None;
        }
        if c != '\\' {
            continue;
        }
        let (_, escaped) = characters.next()?;
        let digits = match escaped {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '/' if is_json => continue,
            '0' | 'a' | 'b' | 't' | '\t' | 'n' | 'v' | 'f' | 'r' | 'e' | ' ' | '"' | '\'' | '\\' | 'N'
            | '_' | 'L' | 'P' | '\n' | '\r' => continue,
            _ => return Some((begin + at, begin + at + 1 + escaped.len_utf8())),
        };
        let hex = inside[at + 2..]
            .bytes()
            .take(digits)
            .take_while(u8::is_ascii_hexdigit)
            .count();
        if hex < digits {
            return Some((begin + at, begin + at + 2 + hex));
        }
        let value = u32::from_str_radix(&inside[at + 2..at + 2 + digits], 16).ok();
        if value.is_some_and(|value| (0xd800..0xe000).contains(&value)) && !is_json {
            return Some((begin + at, begin + at + 2 + digits));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::find_bad;

    #[test]
    fn finds_the_first_bad_escape() {
        let found = |text: &str| find_bad(text, 0, false).map(|(start, end)| text[start..end].to_owned());
        assert_eq!(found(r#""NT AUTHORITY\SYSTEM""#).as_deref(), Some(r"\S"));
        assert_eq!(found(r#""a\\b\n\é""#).as_deref(), Some(r"\é"));
        assert_eq!(found(r#""C:\users""#).as_deref(), Some(r"\u"));
        assert_eq!(found(r#""\x4""#).as_deref(), Some(r"\x4"));
        assert_eq!(found(r#""a\/b""#).as_deref(), Some(r"\/"));
        assert_eq!(find_bad(r#"{"a\/b": 1}"#, 1, true), None);
        assert_eq!(found(r#""a\ud83d\ude00""#).as_deref(), Some(r"\ud83d"));
        assert_eq!(find_bad(r#"{"a\ud83d\ude00": 1}"#, 1, true), None);
        assert_eq!(found(r#""\x41\t\r\'" \S"#), None);
        assert_eq!(found(r#""\"#), None);
        assert_eq!(found("plain"), None);
    }
}
