//! Texts that the cluster's decoder takes and the parser refuses, changed so that the parser takes them.
//!
//! All places stay what they are, and what the parser reads of what was changed is read again from the source. Whether the decoder
//! takes a tab is said of the source as well.

use crate::escape;
use crate::texts::Header;

/// What the parser stumbled over, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stumble {
    /// A tab before what goes on within brackets or a text, behind this place.
    Tab(usize),
    /// A text in quotes that goes on here, not behind the column of its block.
    Quoted(usize),
    /// An escape in the text in double quotes that begins here.
    Escape(usize),
    /// A dash that is all of a text within brackets or braces.
    Dash(usize),
    /// A comment that follows what is before it without a blank.
    Comment(usize),
    /// A line that is indented less than a block of text says of itself; before that text something ends at the first place.
    Shallow(usize, usize),
}

/// How many bytes are read anew at most for the sake of one text.
const MOST: usize = 16 << 20;

/// A text that is being mended.
pub(crate) struct Mended {
    bytes: Vec<u8>,
    left: usize,
}

impl Mended {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            left: MOST,
        }
    }

    /// Changes what the parser has stumbled over. Whether anything was changed: some of it cannot be, and all of it may take too
    /// long.
    pub(crate) fn change(&mut self, stumbles: &[Stumble]) -> bool {
        let Some(left) = self.left.checked_sub(self.bytes.len()) else {
            return false;
        };
        self.left = left;
        let Ok(text) = str::from_utf8(&self.bytes) else {
            return false;
        };
        let found = stumbles.iter().filter_map(|stumble| changes(text, *stumble));
        let changes: Vec<(usize, u8)> = found.flatten().collect();
        for (at, byte) in &changes {
            if let Some(changed) = self.bytes.get_mut(*at) {
                *changed = *byte;
            }
        }
        !changes.is_empty()
    }

    /// The text as it is now.
    pub(crate) fn text(&self) -> Option<&str> {
        str::from_utf8(&self.bytes).ok()
    }
}

/// The bytes that are to be others; at least one.
fn changes(text: &str, stumble: Stumble) -> Option<Vec<(usize, u8)>> {
    let changes = match stumble {
        Stumble::Tab(place) => tabs(text, place),
        Stumble::Quoted(place) => {
            // Lines that are one have no indentation.
            let before = text.get(..place)?;
            if before.ends_with(['\n', '\r']) && begins_document(&text[place..]) {
                return None;
            }
            let gap = before.trim_end_matches([' ', '\t', '\n', '\r']).len();
            (gap..place).map(|at| (at, b' ')).collect()
        }
        Stumble::Escape(place) => vec![(escape::find_apostrophe(text, place)?, b'\'')],
        Stumble::Dash(place) => vec![(place, b'x')],
        Stumble::Comment(place) => {
            let comment = text.get(place..)?.split(['\n', '\r']).next()?;
            (place..place + comment.len()).map(|at| (at, b' ')).collect()
        }
        Stumble::Shallow(before, place) => empty(text, before, place)?,
    };
    (!changes.is_empty()).then_some(changes)
}

/// Whether this line ends a document or begins one.
fn begins_document(line: &str) -> bool {
    let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// Blanks for the tabs at the beginning of the first line that has any, from `place` on, and of the lines that follow it and have
/// some, too.
fn tabs(text: &str, place: usize) -> Vec<(usize, u8)> {
    let mut start = text
        .get(..place)
        .and_then(|before| before.rfind(['\n', '\r']))
        .map_or(0, |end| end + 1);
    let mut changes = Vec::new();
    for line in text[start..].split_inclusive(['\n', '\r']) {
        let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
        let tabs = line[..blank].match_indices('\t');
        let before = changes.len();
        changes.extend(tabs.map(|(at, _)| (start + at, b' ')));
        if changes.len() == before && before > 0 {
            break;
        }
        start += line.len();
    }
    changes
}

/// An empty text in quotes for the header of the block of text at whose first line, a comment, the parser stands.
fn empty(text: &str, before: usize, place: usize) -> Option<Vec<(usize, u8)>> {
    if !text.get(place..)?.starts_with('#') {
        return None;
    }
    let header = Header::before(text, before, place)?.place;
    // A digit follows the sign, so that there are two bytes at least.
    let quotes = [(header.start, b'"'), (header.start + 1, b'"')];
    let blanks = (header.start + 2..header.end).map(|at| (at, b' '));
    Some(quotes.into_iter().chain(blanks).collect())
}
