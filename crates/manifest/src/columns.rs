//! How many characters stand before a byte of its line, in a text whose lines may be very long.

use std::ops::Range;
use std::sync::OnceLock;

/// Every so many bytes it is noted what stands before them.
const BLOCK: usize = 1024;

/// What is counted of a range of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Characters.
    pub characters: usize,
    /// Those of them that UTF-16 has two units for.
    pub wide: usize,
    /// Those of them that are byte-order marks.
    pub marks: usize,
}

impl Count {
    fn of(bytes: &[u8], range: Range<usize>) -> Self {
        let mut count = Self::default();
        for (at, byte) in bytes.iter().enumerate().take(range.end).skip(range.start) {
            count.characters += usize::from(byte & 0xc0 != 0x80);
            count.wide += usize::from(*byte >= 0xf0);
            count.marks += usize::from(*byte == 0xef && bytes[at..].starts_with(b"\xef\xbb\xbf"));
        }
        count
    }

    fn and(self, other: Self) -> Self {
        Self {
            characters: self.characters + other.characters,
            wide: self.wide + other.wide,
            marks: self.marks + other.marks,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            characters: self.characters - other.characters,
            wide: self.wide - other.wide,
            marks: self.marks - other.marks,
        }
    }
}

/// Counts of a text, made when they are first needed.
#[derive(Debug, Default)]
pub struct Columns {
    /// What stands before each block.
    before: OnceLock<Vec<Count>>,
}

impl Columns {
    /// What stands in a range of `text`, which is always the same text. The range begins and ends between characters.
    #[must_use]
    pub fn count(&self, text: &str, range: Range<usize>) -> Count {
        let bytes = text.as_bytes();
        if range.len() <= 2 * BLOCK {
            return Count::of(bytes, range);
        }
        let before = self.before.get_or_init(|| {
            let starts = (0..bytes.len()).step_by(BLOCK);
            let counts = starts.scan(Count::default(), |count, start| {
                let before = *count;
                *count = before.and(Count::of(bytes, start..(start + BLOCK).min(bytes.len())));
                Some(before)
            });
            counts.collect()
        });
        let until = |end: usize| {
            // Of a text that ends where a block does nothing is noted of the next.
            let block = (end / BLOCK).min(before.len().saturating_sub(1));
            let noted = before.get(block).copied().unwrap_or_default();
            noted.and(Count::of(bytes, block * BLOCK..end))
        };
        until(range.end).without(until(range.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_what_stands_there() {
        for piece in ["a", "aé€😀\u{feff}", "\u{feff}", "😀"] {
            for length in [0, 100, 1023, 1024, 1025, 2049, 5000] {
                let text = format!("x{}", piece.repeat(length));
                let columns = Columns::default();
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                let end = text.len();
                for start in places.iter().copied().step_by(997) {
                    for end in places.iter().copied().step_by(1009).chain([end]) {
                        if start > end {
                            continue;
                        }
                        let part = &text[start..end];
                        let of = |is: fn(char) -> bool| part.chars().filter(|c| is(*c)).count();
                        let expected = Count {
                            characters: of(|_| true),
                            wide: of(|c| c.len_utf16() == 2),
                            marks: of(|c| c == '\u{feff}'),
                        };
                        assert_eq!(
                            columns.count(&text, start..end),
                            expected,
                            "{piece} {start}..{end}"
                        );
                    }
                }
            }
        }
    }
}
