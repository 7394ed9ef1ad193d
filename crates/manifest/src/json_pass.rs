//! JSON that is passed over: nothing of it is kept, and it has to be JSON all the same.

/// Where the value ends that begins at `at` or after blanks there. It may nest `depth` levels. `open` is room for what closes
/// what is open: most values that are passed open something.
///
/// Nothing where it is no JSON, or nests deeper.
pub(crate) fn pass(text: &str, mut at: usize, depth: usize, open: &mut Vec<u8>) -> Option<usize> {
    let bytes = text.as_bytes();
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
                    at = key(text, at)?;
                }
                continue;
            }
        } else {
            at = scalar(text, at, first)?;
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
                at = key(text, skip(bytes, at))?;
            }
            break;
        }
    }
}

/// Where a string ends that goes on at `from`, or its next escape begins.
pub(crate) fn plain_end(text: &str, from: usize) -> Option<usize> {
    plain(text, from, |_, _| {})
}

/// As [`plain_end`]; what stands before that place is added to `copy`.
pub(crate) fn copy_plain(text: &str, from: usize, copy: &mut Vec<u8>) -> Option<usize> {
    // Eight bytes are copied at once and cut: pieces between escapes are short.
    plain(text, from, |piece, length| {
        let end = copy.len() + length;
        copy.extend_from_slice(piece);
        copy.truncate(end);
    })
}

/// Where a string ends that goes on at `from`, or its next escape begins. What stands before that place is `seen`, piece by
/// piece, each with how many of its bytes are meant.
#[inline]
fn plain(text: &str, from: usize, mut seen: impl FnMut(&[u8], usize)) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    // Eight bytes at a time: most of a text are strings.
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = specials(u64::from_le_bytes(*eight));
        if found != 0 {
            let place = found.trailing_zeros() as usize / 8;
            seen(eight, place);
            return (eight[place] >= 0x20).then_some(at + place);
        }
        seen(eight, 8);
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let length = rest.iter().position(|byte| is_special(*byte))?;
    seen(rest, length);
    (rest[length] >= 0x20).then_some(at + length)
}

/// A quote, a backslash, or a control character, which JSON escapes; the delete character is none of those.
const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// The high bit of the first byte that [`is_special`]; what is above it says nothing.
const fn specials(eight: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    // A byte below the limit borrows from its high bit, unless it had that itself; only bytes after it may borrow falsely.
    const fn below(eight: u64, limit: u64) -> u64 {
        eight.wrapping_sub(ONES * limit) & !eight
    }
    let quotes = below(eight ^ (ONES * b'"' as u64), 1);
    let backslashes = below(eight ^ (ONES * b'\\' as u64), 1);
    (quotes | backslashes | below(eight, 0x20)) & HIGH
}

/// The four hexadecimal digits at a place.
pub(crate) fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    let value = |sum, digit: &u8| Some(sum << 4 | char::from(*digit).to_digit(16)?);
    digits.iter().try_fold(0, value)
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
fn key(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let at = skip(bytes, string(text, at)?);
    (*bytes.get(at)? == b':').then_some(at + 1)
}

/// Where the value ends that begins at `at` with the byte `first`, and is neither an object nor an array.
pub(crate) fn scalar(text: &str, at: usize, first: u8) -> Option<usize> {
    let word = match first {
        b'"' => return string(text, at),
        b't' => "true",
        b'f' => "false",
        b'n' => "null",
        _ => return number(text.as_bytes(), at),
    };
    text.get(at..)?.starts_with(word).then_some(at + word.len())
}

fn string(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = at + 1;
    loop {
        let end = plain_end(text, from)?;
        if bytes[end] == b'"' {
            return Some(end + 1);
        }
        from = end + 2;
        match *bytes.get(end + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
            b'u' => {
                hex(bytes, from)?;
                from += 4;
            }
            _ => return None,
        }
    }
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
        let end = pass(text, 0, 100, &mut Vec::new());
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
        let mut pass = |text: &str, depth| pass(text, 0, depth, &mut open);
        assert_eq!(pass(&deep(7), 7), Some(14));
        assert_eq!(pass(&deep(8), 7), None);
        assert_eq!(pass("1", 0), Some(1));
    }

    #[test]
    fn a_strings_end_is_found_wherever_it_is() {
        for special in 0..=u8::MAX {
            for before in [b'a', 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']', 0x20, 0x21] {
                for place in 0..8 {
                    let mut eight = [before; 8];
                    eight[place] = special;
                    let first = eight.iter().position(|byte| is_special(*byte));
                    let found = specials(u64::from_le_bytes(eight));
                    let found = (found != 0).then(|| found.trailing_zeros() as usize / 8);
                    assert_eq!(found, first, "{eight:?}");
                }
            }
        }
        let text = "äöü € 0123456789\u{7f}\"".repeat(2);
        assert_eq!(plain_end(&text, 0), text.find('"'));
        assert_eq!(plain_end("abc", 0), None);
        assert_eq!(plain_end("abc\n\"", 0), None);
        assert_eq!(plain_end("abcdefgh\\", 3), Some(8));
        assert_eq!(plain_end("a", 7), None);
    }

    proptest! {
        #[test]
        fn takes_what_another_reader_takes(text in "[{}\\[\\]\",:0-9a.eE+\\\\tn -]{0,24}") {
            prop_assert_eq!(is_json(&text), serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }
}
