//! Positions as editors count them, and bytes.

use porthole_manifest::{Columns, Count};
use serde_json::{Value, json};

/// What a position's character counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// Code units of UTF-16, as every editor can.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// The best of those that an editor offers: bytes need no counting.
    pub(super) fn of(offered: &Value) -> Self {
        let offers = |name: &str| {
            offered
                .as_array()
                .is_some_and(|offered| offered.iter().any(|one| one == name))
        };
        if offers("utf-8") {
            Self::Utf8
        } else if offers("utf-32") && !offers("utf-16") {
            Self::Utf32
        } else {
            Self::Utf16
        }
    }

    /// Its name in the protocol.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Utf32 => "utf-32",
        }
    }

    const fn length(self, character: char) -> usize {
        match self {
            Self::Utf8 => character.len_utf8(),
            Self::Utf16 => character.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// Where the lines of a text begin.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    columns: Columns,
    encoding: Encoding,
}

impl<'t> Lines<'t> {
    /// The lines of a text; `\n`, `\r\n` and `\r` end one.
    pub(super) fn of(text: &'t str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(index, byte)| {
            **byte == b'\n' || (**byte == b'\r' && bytes.get(index + 1) != Some(&b'\n'))
        });
        let starts = std::iter::once(0)
            .chain(ends.map(|(index, _)| index + 1))
            .collect();
        Self {
            text,
            starts,
            columns: Columns::default(),
            encoding,
        }
    }

    /// The position of a byte.
    pub(super) fn position(&self, offset: usize) -> Value {
        let offset = offset.min(self.text.len());
        let line = self
            .starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or_default();
        let count = || self.columns.count(self.text, start..offset);
        let character = match self.encoding {
            Encoding::Utf8 => offset - start,
            Encoding::Utf16 => {
                let Count { characters, wide, .. } = count();
                characters + wide
            }
            Encoding::Utf32 => count().characters,
        };
        json!({"line": line, "character": character})
    }

    /// The range of bytes.
    pub(super) fn range(&self, start: usize, end: usize) -> Value {
        json!({"start": self.position(start), "end": self.position(end)})
    }

    /// The byte of a position; one behind the end of its line is that end.
    pub(super) fn offset(&self, position: &Value) -> Option<usize> {
        let number = |key: &str| {
            position[key]
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
        };
        let (line, character) = (number("line")?, number("character")?);
        let Some(start) = self.starts.get(line).copied() else {
            return Some(self.text.len());
        };
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end)?.trim_end_matches(['\n', '\r']);
        let mut counted = 0;
        for (index, of) in text.char_indices() {
            if counted >= character {
                return Some(start + index);
            }
            counted += self.encoding.length(of);
        }
        Some(start + text.len())
    }

    /// The bytes of a range, in their order.
    pub(super) fn span(&self, range: &Value) -> Option<(usize, usize)> {
        let (start, end) = (self.offset(&range["start"])?, self.offset(&range["end"])?);
        Some((start.min(end), start.max(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_what_was_agreed_on() {
        let text = "a\r\nü😀x\rend";
        for (encoding, character) in [(Encoding::Utf8, 6), (Encoding::Utf16, 3), (Encoding::Utf32, 2)] {
            let lines = Lines::of(text, encoding);
            let at = text.find('x').expect("it is there");
            let position = json!({"line": 1, "character": character});
            assert_eq!(lines.position(at), position, "{encoding:?}");
            assert_eq!(lines.offset(&position), Some(at), "{encoding:?}");
            assert_eq!(lines.position(text.len()), json!({"line": 2, "character": 3}));
        }
    }

    #[test]
    fn positions_that_are_none_are_the_nearest() {
        let lines = Lines::of("ab\n😀\n", Encoding::Utf16);
        let offset = |line, character| lines.offset(&json!({"line": line, "character": character}));
        assert_eq!(offset(0, 99), Some(2));
        assert_eq!(offset(9, 0), Some(8));
        assert_eq!(offset(1, 1), Some(7), "never inside of a character");
        assert_eq!(lines.offset(&json!({"line": -1, "character": 0})), None);
        assert_eq!(lines.offset(&json!(null)), None);
    }
}
