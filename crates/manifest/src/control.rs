//! Characters that no manifest may hold.
//!
//! The parser takes a null for the end of its input, which would hide everything after it, and the cluster's decoder
//! refuses control characters. They are found beforehand, and blanked for the parser, so that the other documents
//! of the stream are still read.

use std::borrow::Cow;

/// The bytes of `text` that may not be there, each with its place.
pub(crate) fn find(text: &str) -> Vec<(u32, u8)> {
    // One a document is enough for any message; many are the mark of a binary file.
    const MOST: usize = 10_000;
    // The usual text has none, and is passed over at the speed of memory: in blocks, of which no byte is a branch.
    let (blocks, rest) = text.as_bytes().as_chunks::<64>();
    let any = |bytes: &[u8]| bytes.iter().fold(false, |any, byte| any | is_forbidden(*byte));
    if !blocks.iter().any(|block| any(block)) && !any(rest) {
        return Vec::new();
    }
    text.bytes()
        .enumerate()
        .filter(|(_, byte)| is_forbidden(*byte))
        .filter_map(|(offset, byte)| Some((u32::try_from(offset).ok()?, byte)))
        .take(MOST)
        .collect()
}

/// `text` with every such byte replaced by a space, and therefore with the same places.
pub(crate) fn blank(text: &str) -> Cow<'_, str> {
    let replace = |c: char| {
        if u8::try_from(c).is_ok_and(is_forbidden) {
            ' '
        } else {
            c
        }
    };
    Cow::Owned(text.chars().map(replace).collect())
}

/// Every ASCII control character but tab, line feed and carriage return. DEL passes: JSON allows it.
fn is_forbidden(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}
