//! The lines of a source around some places: a file may be large, and what is drawn is not.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::Snippet;
use porthole_manifest::{Source, Span};

/// Lines that have more bytes are abridged. Of shorter ones the renderer leaves out itself what the terminal has no room for.
const LONG: usize = 400;
/// How many bytes of a long line are kept before a place, and behind it.
const AROUND: usize = 150;
/// What stands where something was left out.
const GAP: &str = "...";

/// The lines around some places.
pub(super) struct Excerpt<'a> {
    source: &'a Source,
    text: Cow<'a, str>,
    /// The number of the first line.
    line: usize,
    /// What of the source the text holds, in its order.
    pieces: Vec<Piece>,
}

/// A part of the source, and where in the excerpt it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    of: Range<usize>,
    at: usize,
}

impl<'a> Excerpt<'a> {
    pub(super) fn of(source: &'a Source, spans: impl IntoIterator<Item = Span>) -> Self {
        let text = source.text();
        let places: Vec<_> = spans.into_iter().map(|span| shown(text, span)).collect();
        let to = places.iter().map(|place| place.end).max().unwrap_or_default();
        let from = places.iter().map(|place| place.start).min().unwrap_or_default();
        let number = |offset: usize| source.position(u32::try_from(offset).unwrap_or(u32::MAX)).line;
        let (first, last) = (number(from), number(to));
        let lines: Vec<_> = (first..=last)
            .filter_map(|line| source.line_range(line))
            .collect();
        let whole = lines.first().map_or(0, |line| line.start)..lines.last().map_or(0, |line| line.end);
        let line = first as usize;
        let whole_text = text.get(whole.clone()).unwrap_or_default();
        // Who draws them knows line feeds only.
        let breaks = || whole_text.bytes().filter(|byte| *byte == b'\n').count();
        if lines.iter().all(|line| line.len() <= LONG) && breaks() + 1 == lines.len() {
            return Self {
                source,
                text: Cow::Borrowed(whole_text),
                line,
                pieces: vec![Piece { of: whole, at: 0 }],
            };
        }
        let mut short = String::new();
        let mut pieces = Vec::new();
        for of in lines {
            if !pieces.is_empty() {
                short.push('\n');
            }
            let mut left = of.start;
            for piece in kept(text, of.clone(), &places) {
                if piece.start > left {
                    short.push_str(GAP);
                }
                pieces.push(Piece {
                    of: piece.clone(),
                    at: short.len(),
                });
                left = piece.end;
                short.push_str(text.get(piece).unwrap_or_default());
            }
            if left < of.end {
                short.push_str(GAP);
            }
        }
        Self {
            source,
            text: Cow::Owned(short),
            line,
            pieces,
        }
    }

    /// The lines, to be drawn.
    pub(super) fn snippet<T: Clone>(&self) -> Snippet<'_, T> {
        Snippet::source(&*self.text)
            .line_start(self.line)
            .path(self.source.name())
    }

    /// Where the renderer says that a place is, which counts in the excerpt, and where it is.
    pub(super) fn said(&self, span: Span) -> (String, String) {
        let before = self.text.get(..self.range(span).start).unwrap_or_default();
        let line = before.rfind('\n').map_or(before, |end| &before[end + 1..]);
        let said = format!(
            "{}:{}",
            self.line + before.matches('\n').count(),
            line.chars().count() + 1
        );
        let is = match self.text {
            Cow::Borrowed(_) => said.clone(),
            Cow::Owned(_) => self.source.position(span.start).to_string(),
        };
        let of = |place: String| format!("{}:{place}", self.source.name());
        (of(said), of(is))
    }

    /// What of a place is underlined in the excerpt: its first line, or what is left of that.
    pub(super) fn range(&self, span: Span) -> Range<usize> {
        let range = shown(self.source.text(), span);
        self.at(range.start)..self.at(range.end)
    }

    /// What of a place is in the excerpt.
    pub(super) fn whole_range(&self, span: Span) -> Range<usize> {
        self.at(span.start as usize)..self.at(span.end as usize)
    }

    /// Where in the excerpt a byte of the source stands, or what was left out around it begins.
    fn at(&self, offset: usize) -> usize {
        let next = self.pieces.partition_point(|piece| piece.of.start <= offset);
        let piece = next.checked_sub(1).and_then(|index| self.pieces.get(index));
        piece.map_or(0, |piece| piece.at + offset.min(piece.of.end) - piece.of.start)
    }
}

/// What is underlined of a place: nothing beyond its first line, and something of an empty one.
fn shown(text: &str, span: Span) -> Range<usize> {
    let start = (span.start as usize).min(text.len());
    let whole = text
        .get(start..(span.end as usize).min(text.len()))
        .unwrap_or_default();
    let line = whole.split('\n').next().unwrap_or_default().trim_end();
    start..start + line.len()
}

/// What is kept of a line: all of it, or what is around the places in it, or its beginning.
fn kept(text: &str, line: Range<usize>, places: &[Range<usize>]) -> Vec<Range<usize>> {
    if line.len() <= LONG {
        return vec![line];
    }
    let ends = places.iter().flat_map(|place| [place.start, place.end]);
    let mut ends: Vec<usize> = ends
        .filter(|end| line.start <= *end && *end <= line.end)
        .collect();
    ends.sort_unstable();
    if ends.is_empty() {
        ends.push(line.start);
    }
    let mut kept: Vec<Range<usize>> = Vec::new();
    for end in ends {
        let start = text.floor_char_boundary(end.saturating_sub(AROUND).max(line.start));
        let end = text.floor_char_boundary((end + AROUND).min(line.end));
        match kept.last_mut() {
            // As much as what would say that it is not there.
            Some(last) if start <= last.end + GAP.len() => last.end = end,
            _ => kept.push(start..end),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str, part: &str) -> Span {
        let at = text.find(part).unwrap();
        Span::new(
            u32::try_from(at).unwrap(),
            u32::try_from(at + part.len()).unwrap(),
        )
    }

    fn excerpt(text: &str, parts: &[&str]) -> (String, Vec<String>) {
        let source = Source::new("x", text);
        let spans: Vec<Span> = parts.iter().map(|part| span(text, part)).collect();
        let excerpt = Excerpt::of(&source, spans.iter().copied());
        let shown = spans
            .iter()
            .map(|span| excerpt.text[excerpt.range(*span)].to_owned());
        (excerpt.text.clone().into_owned(), shown.collect())
    }

    #[test]
    fn lines_are_shown_whole() {
        assert_eq!(
            excerpt("a: b\nc: d\ne: f\n", &["c", "f"]),
            ("c: d\ne: f".to_owned(), vec!["c".to_owned(), "f".to_owned()])
        );
        assert_eq!(excerpt("a", &["a"]).0, "a");
    }

    #[test]
    fn of_long_lines_is_shown_what_is_around_the_places() {
        let blank = "é ".repeat(2000);
        let text = format!("first\n{blank}one{blank}two{blank}\n{blank}\nlast{blank}");
        let (shown, places) = excerpt(&text, &["one", "last"]);
        assert_eq!(places, ["one", "last"]);
        let around = "é ".repeat(AROUND / 3);
        let lines: Vec<&str> = shown.split('\n').collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].starts_with("...") && lines[0].contains(&format!("{around}one{around}")),
            "{shown}"
        );
        assert!(
            lines[0].len() < 3 * AROUND && lines[1].len() < 2 * AROUND,
            "{shown}"
        );
        assert_eq!(lines[1].trim_end_matches(GAP).trim(), around.trim());
        assert!(
            lines[2].starts_with("lasté") && lines[2].ends_with("..."),
            "{shown}"
        );
        let (shown, places) = excerpt(&text, &["one", "two"]);
        assert_eq!(places, ["one", "two"]);
        assert_eq!(shown.matches(GAP).count(), 3, "{shown}");
        // A place of which not all is shown.
        let (shown, places) = excerpt(&text, &[&text[6 + blank.len()..6 + 3 * blank.len()]]);
        assert!(places[0].starts_with("one") && places[0].contains(GAP), "{shown}");
    }
}
