//! Finds the escape that a double-quoted scalar may not have: the parser names only the scalar's beginning, and takes `\/`, which
//! the cluster's decoder takes in JSON alone.

/// Whether the cluster's decoder takes this text for JSON: it begins with a brace.
pub(crate) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// The first bad escape of the double-quoted scalar that begins at byte `quote` of `text`, as a range of bytes.
pub(crate) fn find_bad(text: &str, quote: usize) -> Option<(usize, usize)> {
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
            '/' if is_json(text) => continue,
            '0' | 'a' | 'b' | 't' | '\t' | 'n' | 'v' | 'f' | 'e' | ' ' | '"' | '\\' | 'N' | '_' | 'L'
            | 'P' | '\n' | '\r' => continue,
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
    }
    None
}

#[cfg(test)]
mod tests {
    use super::find_bad;

    #[test]
    fn finds_the_first_bad_escape() {
        let found = |text: &str| find_bad(text, 0).map(|(start, end)| text[start..end].to_owned());
        assert_eq!(found(r#""NT AUTHORITY\SYSTEM""#).as_deref(), Some(r"\S"));
        assert_eq!(found(r#""a\\b\n\é""#).as_deref(), Some(r"\é"));
        assert_eq!(found(r#""C:\users""#).as_deref(), Some(r"\u"));
        assert_eq!(found(r#""\x4""#).as_deref(), Some(r"\x4"));
        assert_eq!(found(r#""a\/b""#).as_deref(), Some(r"\/"));
        assert_eq!(find_bad(r#"{"a\/b": 1}"#, 1), None);
        assert_eq!(found(r#""\x41\t" \S"#), None);
        assert_eq!(found(r#""\"#), None);
        assert_eq!(found("plain"), None);
    }
}
