//! A string of JSON: where it ends, and what it says.

/// Most strings with escapes are shorter, in bytes.
const ESCAPED: usize = 1024;

/// What a string says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// What stands between its quotes.
    Plain,
    /// Something with escapes in it.
    Escaped,
}

/// Where the string ends that begins at `at`. Halves of surrogate pairs may stand alone in it.
pub(crate) fn pass(bytes: &[u8], at: usize) -> Option<usize> {
    let (_, end) = scan(bytes, at + 1, |bytes, from| hex(bytes, from).map(|_| from + 4))?;
    Some(end)
}

/// What the string says that begins at `at`, and where it ends. Half a surrogate pair says nothing.
#[inline]
pub(crate) fn read(bytes: &[u8], at: usize) -> Option<(Said, usize)> {
    scan(bytes, at + 1, |bytes, from| {
        character(bytes, from).map(|(_, end)| end)
    })
}

/// The text of what [`read`] found to be [`Said::Escaped`]: of `written`, with its quotes.
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

/// Where a string ends that goes on at `from`. After `\u`, `unit` says where what its digits mean ends.
#[inline]
fn scan(bytes: &[u8], from: usize, unit: impl Fn(&[u8], usize) -> Option<usize>) -> Option<(Said, usize)> {
    let at = first_special(bytes, from)?;
    match *bytes.get(at)? {
        b'"' => Some((Said::Plain, at + 1)),
        b'\\' => scan_escaped(bytes, at, unit).map(|end| (Said::Escaped, end)),
        _ => None,
    }
}

/// Where the first quote, backslash or control character stands from `at` on. Eight bytes are looked at at once: most of a text
/// are strings.
#[inline]
fn first_special(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = Specials::first(u64::from_le_bytes(*eight));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some(at + length)
}

/// As [`scan`], of a string whose first escape stands at `at`.
///
/// The contents of credential specs have an escaped quote in nearly every eight bytes, so that no more is done for these eight
/// than for others.
fn scan_escaped(bytes: &[u8], mut at: usize, unit: impl Fn(&[u8], usize) -> Option<usize>) -> Option<usize> {
    // The high bit of the first byte, where a backslash stands before it.
    let mut carried = 0;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let Specials {
            quotes,
            backslashes,
            controls,
        } = Specials::of(u64::from_le_bytes(*eight));
        let escaped = backslashes << 8 | carried;
        if backslashes & escaped | escaped & !quotes != 0 {
            // Something else than a quote is escaped.
            let first = at - usize::from(carried != 0);
            match walk(bytes, first, at + 8, &unit)? {
                Walked::End(end) => return Some(end),
                Walked::On(next) => (at, carried) = (next, 0),
            }
            continue;
        }
        let stops = quotes & !escaped | controls;
        if stops != 0 {
            let first = stops & stops.wrapping_neg();
            let end = at + stops.trailing_zeros() as usize / 8 + 1;
            return (controls & first == 0).then_some(end);
        }
        carried = backslashes >> 56;
        at += 8;
    }
    match walk(bytes, at - usize::from(carried != 0), usize::MAX, unit)? {
        Walked::End(end) => Some(end),
        Walked::On(_) => None,
    }
}

/// How far a string was walked through.
enum Walked {
    /// It ends there.
    End(usize),
    /// It goes on there.
    On(usize),
}

/// Goes through a string byte by byte from `at`, where no escape is under way, until `until` or a little further.
#[inline]
fn walk(
    bytes: &[u8],
    mut at: usize,
    until: usize,
    unit: impl Fn(&[u8], usize) -> Option<usize>,
) -> Option<Walked> {
    while at < until {
        at = match *bytes.get(at)? {
            b'"' => return Some(Walked::End(at + 1)),
            b'\\' => escape_end(bytes, at, &unit)?,
            control if control < 0x20 => return None,
            _ => at + 1,
        }
    }
    Some(Walked::On(at))
}

/// Where the escape ends whose backslash stands at `at`.
#[inline]
fn escape_end(bytes: &[u8], at: usize, unit: impl Fn(&[u8], usize) -> Option<usize>) -> Option<usize> {
    match *bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => unit(bytes, at + 2),
        _ => None,
    }
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

/// Where a string ends that goes on at `from`, or its next escape begins. What stands before that place is added to `copy`.
fn copy_plain(text: &str, from: usize, copy: &mut Vec<u8>) -> Option<usize> {
    let bytes = text.as_bytes();
    let end = first_special(bytes, from)?;
    copy.extend_from_slice(&bytes[from..end]);
    (bytes[end] >= 0x20).then_some(end)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// Which of eight bytes stand for more than themselves, or for nothing: the high bit of each. The first byte is the lowest.
struct Specials {
    quotes: u64,
    backslashes: u64,
    /// Control characters, which JSON escapes; the delete character is none of those.
    controls: u64,
}

impl Specials {
    #[inline]
    const fn of(eight: u64) -> Self {
        // Of a byte without its high bit a sum below 0x100 carries nothing over to the next.
        const fn below(eight: u64, limit: u64) -> u64 {
            !(((eight & !HIGH) + (0x80 - limit) * ONES) | eight) & HIGH
        }
        Self {
            quotes: below(eight ^ (ONES * b'"' as u64), 1),
            backslashes: below(eight ^ (ONES * b'\\' as u64), 1),
            controls: below(eight, 0x20),
        }
    }

    /// The high bit of the first that is special at all; what is above it says nothing.
    #[inline]
    const fn first(eight: u64) -> u64 {
        // A byte below the limit borrows from its high bit, unless it had that itself; only bytes after it may borrow falsely.
        const fn below(eight: u64, limit: u64) -> u64 {
            eight.wrapping_sub(ONES * limit) & !eight
        }
        let quotes = below(eight ^ (ONES * b'"' as u64), 1);
        let backslashes = below(eight ^ (ONES * b'\\' as u64), 1);
        (quotes | backslashes | below(eight, 0x20)) & HIGH
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_special_is_found() {
        for special in 0..=u8::MAX {
            for before in [
                b'a', 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']', 0x20, 0x21, b'"', b'\\', 0,
            ] {
                for place in 0..8 {
                    let mut eight = [before; 8];
                    eight[place] = special;
                    let found = Specials::of(u64::from_le_bytes(eight));
                    let first = Specials::first(u64::from_le_bytes(eight));
                    let all = found.quotes | found.backslashes | found.controls;
                    assert_eq!(first.trailing_zeros(), all.trailing_zeros(), "{eight:?}");
                    let expected =
                        |is: fn(u8) -> bool| u64::from_le_bytes(eight.map(|byte| u8::from(is(byte)) << 7));
                    assert_eq!(found.quotes, expected(|byte| byte == b'"'), "{eight:?}");
                    assert_eq!(found.backslashes, expected(|byte| byte == b'\\'), "{eight:?}");
                    assert_eq!(found.controls, expected(|byte| byte < 0x20), "{eight:?}");
                }
            }
        }
    }

    #[test]
    fn a_strings_end_is_found_wherever_it_is() {
        let end = |text: &str| read(text.as_bytes(), 0);
        for length in 0..40 {
            // A blank, `#` and `]` look special behind what is.
            for filler in ["a", " ", "#", "]", "ä", "\u{7f}"] {
                for escape in ["", r"\\", r#"\""#, r"\u0022", r"\ud83d\ude00", r#"\"\""#] {
                    let text = format!("\"{}{escape}{filler}{filler}\"", filler.repeat(length));
                    let said = if escape.is_empty() {
                        Said::Plain
                    } else {
                        Said::Escaped
                    };
                    let longer = format!("{text}, \"more\"");
                    for longer in [&text, &longer] {
                        assert_eq!(end(longer), Some((said, text.len())), "{longer}");
                    }
                    assert_eq!(pass(longer.as_bytes(), 0), Some(text.len()), "{longer}");
                    let unended = &text[..text.len() - 1];
                    assert_eq!(end(unended), None, "{unended}");
                    for wrong in ["\n", "\u{1f}", r"\x", r"\u00g0", r"\ud83d"] {
                        let text = format!("\"{}{escape}{wrong}{filler}\"", filler.repeat(length));
                        assert_eq!(end(&text), None, "{text}");
                    }
                }
            }
        }
        assert_eq!(end("\"a"), None);
        assert_eq!(read(b"a", 7), None);
    }

    proptest! {
        #[test]
        fn says_what_another_reader_reads(text in r#"([a-c "\\/bfnrtué]|\\"|\\u00[0-9a-f]{2}|\\ud8[0-9a-f]{2}|\\ude[0-9a-f]{2}){0,12}"#) {
            let text = format!("\"{text}\"");
            let said = read(text.as_bytes(), 0).filter(|(_, end)| *end == text.len()).map(|(said, end)| match said {
                Said::Plain => Some(text[1..end - 1].to_owned()),
                Said::Escaped => unescape(&text),
            });
            let other = serde_json::from_str::<String>(&text).ok();
            prop_assert_eq!(said, other.map(Some), "{}", text);
        }
    }
}
