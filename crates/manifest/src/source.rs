//! A file's name and text, and the way from bytes to lines and columns.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::columns::{Columns, Count};
use crate::{Limits, Span, Stream, events, pieces};

/// A file with its text.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: Arc<str>,
    /// The first byte of each line, found when first asked for.
    lines: OnceLock<Vec<u32>>,
    columns: Columns,
}

/// A place as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why bytes are not the text of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A byte that no UTF-8 text has at its place.
    #[error("read {name} as text: byte {offset} (0x{byte:02x}) is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The file.
        name: String,
        /// Where, from 0.
        offset: usize,
        /// What stands there.
        byte: u8,
    },
    /// The byte-order mark of UTF-16, as `>` of Windows PowerShell writes it.
    #[error(
        "read {name} as text: it begins with the byte-order mark of UTF-16; save it as UTF-8 \
         (in PowerShell: `… | Out-File -Encoding utf8 FILE`)"
    )]
    Utf16 {
        /// The file.
        name: String,
    },
}

impl Source {
    /// A source of `text`, named `name` in messages.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            lines: OnceLock::new(),
            columns: Columns::default(),
        }
    }

    /// A source of the bytes of a file.
    ///
    /// # Errors
    /// [`SourceError`] when the bytes are not UTF-8, with the first byte that is not.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, SourceError> {
        let name = name.into();
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(SourceError::Utf16 { name });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
                Err(SourceError::NotUtf8 { name, offset, byte })
            }
        }
    }

    /// The name in messages: a path, or `-`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, as it was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The documents of the text.
    #[must_use]
    pub fn parse(&self, limits: &Limits) -> Stream {
        events::parse_shared(&self.text, limits)
    }

    /// The same on so many threads, where the text is long enough for them.
    #[must_use]
    pub fn parse_on(&self, limits: &Limits, threads: usize) -> Stream {
        pieces::parse(&self.text, limits, threads)
    }

    /// Where byte `offset` is. An offset past the end is the end.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let (line, before) = self.before(offset);
        let Count {
            characters, marks, ..
        } = self.columns.count(&self.text, before);
        position(line, characters - marks)
    }

    /// The same, the column in units of UTF-16. Of byte-order marks only one at the beginning of the line is left out, which whoever
    /// shows the line does as well.
    #[must_use]
    pub fn position_utf16(&self, offset: u32) -> Position {
        let (line, before) = self.before(offset);
        let is_marked = self.text[before.clone()].starts_with('\u{feff}');
        let Count { characters, wide, .. } = self.columns.count(&self.text, before);
        position(line, characters + wide - usize::from(is_marked))
    }

    /// The line of byte `offset`, from 1, and what of it stands before that byte.
    fn before(&self, offset: u32) -> (usize, Range<usize>) {
        let lines = self.lines();
        let end = self.text.floor_char_boundary(offset as usize);
        let line = lines.partition_point(|start| *start as usize <= end).max(1);
        (line, lines[line - 1] as usize..end)
    }

    /// `name:line:column` of the start of `span`.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.name, self.position(span.start))
    }

    /// The text of line `number` (from 1) without its line break.
    #[must_use]
    pub fn line(&self, number: u32) -> Option<&str> {
        self.text.get(self.line_range(number)?)
    }

    /// Where line `number` (from 1) stands without its line break, in bytes.
    #[must_use]
    pub fn line_range(&self, number: u32) -> Option<Range<usize>> {
        let lines = self.lines();
        let index = (number as usize).checked_sub(1)?;
        let start = *lines.get(index)? as usize;
        let end = lines
            .get(index + 1)
            .map_or(self.text.len(), |next| *next as usize);
        let line = self.text.get(start..end)?;
        Some(start..start + line.trim_end_matches(['\n', '\r']).len())
    }

    /// How many lines the text has.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines().len()
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let bytes = self.text.as_bytes();
            let mut lines = vec![0];
            for (index, byte) in bytes.iter().enumerate() {
                // A carriage return alone breaks a line in YAML; before a line feed it is part of that break.
                if *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n')) {
                    lines.extend(u32::try_from(index + 1));
                }
            }
            lines
        })
    }
}

fn position(line: usize, before: usize) -> Position {
    Position {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(before + 1).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_columns_in_characters() {
        let source = Source::new("s", "é: 1\n😀: x");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(4).to_string(), "1:4");
        let x = u32::try_from(source.text().find('x').expect("there")).expect("small");
        assert_eq!(source.position(x).to_string(), "2:4");
        assert_eq!(source.position(9999).to_string(), "2:5");
        assert_eq!(source.position_utf16(x).to_string(), "2:5");
        assert_eq!(source.place(Span::new(x, x + 1)), "s:2:4");
        let long = Source::new("s", "\u{feff}é😀\n".to_owned() + &"é😀".repeat(999));
        assert_eq!(long.position(10).to_string(), "2:1");
        assert_eq!(long.position(10 + 6 * 900).to_string(), "2:1801");
        assert_eq!(long.position_utf16(10 + 6 * 900).to_string(), "2:2701");
        assert_eq!(long.position_utf16(9).to_string(), "1:4");
    }

    #[test]
    fn knows_every_line_break() {
        let source = Source::new("s", "\u{feff}a\r\nb\rc\n");
        assert_eq!(source.line(1), Some("\u{feff}a"));
        assert_eq!(source.line(2), Some("b"));
        assert_eq!(source.line(3), Some("c"));
        assert_eq!(source.line(4), Some(""));
        assert_eq!(source.line(5), None);
        assert_eq!(source.line(0), None);
        assert_eq!(source.position(3).to_string(), "1:1");
    }

    #[test]
    fn names_the_byte_that_is_not_utf8() {
        let error = Source::from_bytes("x.yaml", b"a: \xff".to_vec()).expect_err("not UTF-8");
        assert_eq!(
            error,
            SourceError::NotUtf8 {
                name: "x.yaml".into(),
                offset: 3,
                byte: 0xff
            }
        );
        let error = Source::from_bytes("x.yaml", b"\xff\xfea\0".to_vec()).expect_err("UTF-16");
        assert!(error.to_string().contains("UTF-16"), "{error}");
    }
}
