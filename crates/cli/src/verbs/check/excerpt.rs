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
        let from = places
            .iter()
            .map(|place| place.start)
            .min()
            .unwrap_or_default()
            .min(to);
        let start = text
            .get(..from)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |end| end + 1);
        let end = text
            .get(to..)
            .and_then(|rest| rest.find('\n'))
            .map_or(text.len(), |end| to + end);
        let mut lines = LinesOf::new(text, start..end);
        let line = source.position(u32::try_from(start).unwrap_or(u32::MAX)).line as usize;
        if lines.clone().all(|line| line.len() <= LONG) {
            return Self {
                source,
                text: Cow::Borrowed(text.get(start..end).unwrap_or_default()),
                line,
                pieces: vec![Piece {
                    of: start..end,
                    at: 0,
                }],
            };
        }
        let mut short = String::new();
        let mut pieces = Vec::new();
        for of in &mut lines {
            if of.start > start {
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

    /// What was drawn, with the column that a place has in the source. The renderer counts it in the excerpt.
    pub(super) fn with_column_of(&self, span: Span, mut drawn: String) -> String {
        let at = self.range(span).start;
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.rfind('\n').map_or(before, |end| &before[end + 1..]);
        let position = self.source.position(span.start);
        let of = |column: usize| format!("{}:{}:{column}", self.source.name(), position.line);
        let (counted, column) = (line.chars().count() + 1, position.column as usize);
        if let Cow::Owned(_) = self.text
            && let counted = of(counted)
            && let Some(place) = drawn.find(&counted)
        {
            drawn.replace_range(place..place + counted.len(), &of(column));
        }
        drawn
    }

    /// A place in the excerpt: of a long one its first line.
    pub(super) fn range(&self, span: Span) -> Range<usize> {
        let range = shown(self.source.text(), span);
        self.at(range.start)..self.at(range.end)
    }

    /// The same with all its lines.
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

/// The lines within a range, without their line feeds.
#[derive(Clone)]
struct LinesOf<'a> {
    text: &'a str,
    left: Option<Range<usize>>,
}

impl<'a> LinesOf<'a> {
    fn new(text: &'a str, range: Range<usize>) -> Self {
        Self {
            text,
            left: Some(range),
        }
    }
}

impl Iterator for LinesOf<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let Range { start, end } = self.left.take()?;
        let rest = self.text.get(start..end)?;
        Some(match rest.find('\n') {
            Some(length) => {
                self.left = Some(start + length + 1..end);
                start..start + length
            }
            None => start..end,
        })
    }
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
