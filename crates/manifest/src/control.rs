//! Characters that no manifest may hold, and line breaks that only the cluster's decoder knows.
//!
//! The parser takes a null for the end of its input, which would hide everything after it, and the cluster's decoder
//! refuses control characters. They are found beforehand, and blanked for the parser, so that the other documents
//! of the stream are still read.
//!
//! The decoder follows YAML 1.1, where U+0085, U+2028 and U+2029 end a line wherever they stand, as line feeds do. The parser
//! is given line breaks of as many bytes in their place.

use std::ops::Range;

use crate::escape;

/// The byte-order mark.
pub(crate) const MARK: char = '\u{feff}';

/// What of a text the parser is not to see.
#[derive(Default)]
pub(crate) struct Odd {
    /// The bytes that may not be there, each with its place.
    pub(crate) forbidden: Vec<(u32, u8)>,
    /// Whether there are line breaks of YAML 1.1.
    pub(crate) has_breaks: bool,
}

impl Odd {
    /// Whether the parser may see all of the text.
    pub(crate) fn is_nothing(&self) -> bool {
        self.forbidden.is_empty() && !self.has_breaks
    }
}

/// What of `text` the parser is not to see.
pub(crate) fn find(text: &str) -> Odd {
    // One a document is enough for any message; many are the mark of a binary file.
    const MOST: usize = 10_000;
    // The usual text has none, and is passed over at the speed of memory: in blocks, of which no byte is a branch.
    let (blocks, rest) = text.as_bytes().as_chunks::<64>();
    let any = |bytes: &[u8]| bytes.iter().fold(false, |any, byte| any | is_odd(*byte));
    if !blocks.iter().any(|block| any(block)) && !any(rest) {
        return Odd::default();
    }
    let forbidden = text
        .bytes()
        .enumerate()
        .filter(|(_, byte)| is_forbidden(*byte))
        .filter_map(|(offset, byte)| Some((u32::try_from(offset).ok()?, byte)))
        .take(MOST)
        .collect();
    Odd {
        forbidden,
        has_breaks: text.contains(is_old_break) && !escape::is_whole_json(text),
    }
}

/// `text` as the parser is to see it, with the same places: blanks for bytes that may not be there, and line breaks that the
/// parser knows. U+2028 and U+2029 have three bytes and become three of them: where one is, empty lines change nothing but
/// texts, and those are read from the source.
pub(crate) fn clean(text: &str, odd: &Odd) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{85}' if odd.has_breaks => clean.push_str("\r\n"),
            '\u{2028}' | '\u{2029}' if odd.has_breaks => clean.push_str("\n\n\n"),
            c if u8::try_from(c).is_ok_and(is_forbidden) => clean.push(' '),
            c => clean.push(c),
        }
    }
    clean
}

/// Whether this is a line break to YAML 1.1 alone.
fn is_old_break(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether the byte may not be there, or may begin a line break of YAML 1.1.
fn is_odd(byte: u8) -> bool {
    is_forbidden(byte) || matches!(byte, 0xc2 | 0xe2)
}

/// Every ASCII control character but tab, line feed and carriage return. DEL passes: JSON allows it.
fn is_forbidden(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// The first byte-order mark within `range` of `text`, where a document begins, that the decoder does not pass over: it begins a
/// line or follows another, and is not the first of the text.
pub(crate) fn find_mark(text: &str, range: Range<usize>) -> Option<usize> {
    let start = range.start;
    let marks = text.get(range)?.match_indices(MARK);
    let mut places = marks.map(|(at, _)| start + at);
    places.find(|at| text[..*at].ends_with(['\n', '\r', MARK]))
}
