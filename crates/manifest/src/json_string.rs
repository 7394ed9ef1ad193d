//! A string of JSON: where it ends, and what it says.

/// Most strings with escapes are shorter, in bytes.
const ESCAPED: usize = 1024;

/// What a string says.
pub(crate) enum Said<'t> {
    /// What stands between its quotes.
    Plain(&'t str),
    /// Something with escapes in it.
    Escaped,
}

/// Where the string ends that begins at `at`. Halves of surrogate pairs may stand alone in it.
pub(crate) fn pass(text: &str, at: usize) -> Option<usize> {
    let from = at + 1;
    let end = plain_end(text, from)?;
    ended(text, end, |bytes, from| hex(bytes, from).map(|_| from + 4))
}

/// What the string says that begins at `at`, and where it ends. Half a surrogate pair says nothing.
pub(crate) fn read(text: &str, at: usize) -> Option<(Said<'_>, usize)> {
    let from = at + 1;
    let end = plain_end(text, from)?;
    if text.as_bytes()[end] == b'"' {
        return Some((Said::Plain(text.get(from..end)?), end + 1));
    }
    let end = ended(text, end, |bytes, from| {
        character(bytes, from).map(|(_, end)| end)
    })?;
    Some((Said::Escaped, end))
}

/// The text of what [`read`] found to be [`Said::Escaped`], of `written` with its quotes.
pub(crate) fn unescape(written: &str) -> Option<String> {
    let bytes = written.as_bytes();
    let mut unescaped = Vec::with_capacity(ESCAPED.min(bytes.len()));
    let mut escape = copy_plain(written, 1, &mut unescaped)?;
    while bytes[escape] != b'"' {
        let mut from = escape + 2;
        match *bytes.get(escape + 1)? {
            itself @ (b'"' | b'\\' | b'/') => unescaped.push(itself),
            b'b' => unescaped.push(0x8),
            b'f' => unescaped.push(0xc),
            b'n' => unescaped.push(b'\n'),
            b'r' => unescaped.push(b'\r'),
            b't' => unescaped.push(b'\t'),
            b'u' => {
                let (character, end) = character(bytes, from)?;
                from = end;
                unescaped.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
        escape = copy_plain(written, from, &mut unescaped)?;
    }
    // Escapes stand between characters, so it is a text.
    String::from_utf8(unescaped).ok()
}

/// Where a string ends that has an escape or its end at `at`. After `\u`, `unit` says where what its digits mean ends.
#[inline]
fn ended(text: &str, mut at: usize, unit: impl Fn(&[u8], usize) -> Option<usize>) -> Option<usize> {
    let bytes = text.as_bytes();
    while bytes[at] != b'"' {
        let from = match *bytes.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at + 2,
            b'u' => unit(bytes, at + 2)?,
            _ => return None,
        };
        at = plain_end(text, from)?;
    }
    Some(at + 1)
}

/// The character whose digits begin at `from`, or that a pair of halves makes, and where they end. Half a pair is none.
fn character(bytes: &[u8], from: usize) -> Option<(char, usize)> {
    let first = hex(bytes, from)?;
    let end = from + 4;
    if !matches!(first, 0xd800..0xdc00) {
        return Some((char::from_u32(first)?, end));
    }
    if bytes.get(end..end + 2) != Some(b"\\u") {
        return None;
    }
    let second = hex(bytes, end + 2).filter(|unit| matches!(unit, 0xdc00..0xe000))?;
    let character = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
    Some((character, end + 6))
}

/// The four hexadecimal digits at a place.
fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    let value = |sum, digit: &u8| Some(sum << 4 | char::from(*digit).to_digit(16)?);
    digits.iter().try_fold(0, value)
}

/// Where a string ends that goes on at `from`, or its next escape begins.
fn plain_end(text: &str, from: usize) -> Option<usize> {
    plain(text, from, |_, _| {})
}

/// As [`plain_end`]; what stands before that place is added to `copy`.
fn copy_plain(text: &str, from: usize, copy: &mut Vec<u8>) -> Option<usize> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        fn says_what_another_reader_reads(text in r#"([a-c "\\/bfnrtué]|\\"|\\u00[0-9a-f]{2}|\\ud8[0-9a-f]{2}|\\ude[0-9a-f]{2}){0,12}"#) {
            let text = format!("\"{text}\"");
            let said = read(&text, 0).filter(|(_, end)| *end == text.len()).map(|(said, _)| match said {
                Said::Plain(said) => Some(said.to_owned()),
                Said::Escaped => unescape(&text),
            });
            let other = serde_json::from_str::<String>(&text).ok();
            prop_assert_eq!(said, other.map(Some), "{}", text);
        }
    }
}
