//! Values as Go prints them.
//!
//! The API server prints a plain string by `%q` (`strconv.Quote`). What is behind a pointer, as all strings of
//! `windowsOptions` are, it prints from 1.34 on as `encoding/json` does, HTML escapes included.

use std::fmt::Write as _;

/// `text` as Go's `%q` prints it.
#[must_use]
pub fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0b' => quoted.push_str("\\v"),
            _ if is_printable(c) => quoted.push(c),
            _ => {
                let code = u32::from(c);
                // Writing to a string cannot fail.
                let _ = match code {
                    0..0x20 | 0x7f => write!(quoted, "\\x{code:02x}"),
                    0x80..0x1_0000 => write!(quoted, "\\u{code:04x}"),
                    _ => write!(quoted, "\\U{code:08x}"),
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

/// `text` as Go's `encoding/json` prints it.
#[must_use]
pub fn go_json(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `number` as Go's `encoding/json` prints it.
pub(crate) fn go_float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    number.to_string()
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII blank. Rust's debug format escapes
/// the same characters, but for marks at the beginning of a text: hence the letter before.
pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    let mut text = String::from("a");
    text.push(c);
    text.escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_printed_as_go_prints_them() {
        // text, %q, encoding/json
        let cases: &[(&str, &str, &str)] = &[
            ("", r#""""#, r#""""#),
            (r"CORP\a<b", r#""CORP\\a<b""#, r#""CORP\\a\u003cb""#),
            ("a&b>c", r#""a&b>c""#, r#""a\u0026b\u003ec""#),
            (r#"say "x""#, r#""say \"x\"""#, r#""say \"x\"""#),
            (
                "\x07\x08\x0c\n\r\t\x0b",
                r#""\a\b\f\n\r\t\v""#,
                r#""\u0007\b\f\n\r\t\u000b""#,
            ),
            ("\x01\x1b\0", r#""\x01\x1b\x00""#, r#""\u0001\u001b\u0000""#),
            ("a\u{7f}b", r#""a\x7fb""#, "\"a\u{7f}b\""),
            ("\u{2028}\u{2029}", r#""\u2028\u2029""#, r#""\u2028\u2029""#),
            (
                "\u{85}\u{a0}\u{ad}",
                r#""\u0085\u00a0\u00ad""#,
                "\"\u{85}\u{a0}\u{ad}\"",
            ),
            ("é😀日", "\"é😀日\"", "\"é😀日\""),
            ("\u{301}e\u{301}", "\"\u{301}e\u{301}\"", "\"\u{301}e\u{301}\""),
            (
                "\u{200b}\u{feff}\u{e000}",
                r#""\u200b\ufeff\ue000""#,
                "\"\u{200b}\u{feff}\u{e000}\"",
            ),
            ("\u{fffd}", "\"\u{fffd}\"", "\"\u{fffd}\""),
            (
                "\u{e0001}\u{10ffff}",
                r#""\U000e0001\U0010ffff""#,
                "\"\u{e0001}\u{10ffff}\"",
            ),
            ("'`/", r#""'`/""#, r#""'`/""#),
        ];
        for (text, quoted, json) in cases {
            assert_eq!(go_quote(text), *quoted, "{text:?}");
            assert_eq!(go_json(text), *json, "{text:?}");
        }
    }
}
