//! Scalars within brackets and braces that the cluster's decoder reads otherwise than the parser.
//!
//! Both take JSON alike. Of what else may be left out of quotes there YAML 1.1 allows less: a `?` begins a key wherever it
//! stands, and so does a `:` its value at the beginning of a text; and a `:` behind a text is part of it, unless a blank follows.

use crate::Span;
use crate::builder::Refusal;
use crate::texts::is_break;

const QUOTE: &str = "quote the text";

/// What is wrong with the scalar at `span` in `text`, which has a tag or is plain. What is before it ends at `before`.
pub(crate) fn check(text: &str, before: usize, span: Span, has_tag: bool) -> Result<(), Refusal> {
    let (start, end) = (span.start as usize, span.end as usize);
    let scalar = text.get(start..end).unwrap_or_default();
    let behind = text.get(end..).unwrap_or_default();
    let refuse = |at: usize, length: usize, reason: &str, help| {
        Err(Refusal {
            span: Span::of(at, at + length),
            reason: reason.to_owned(),
            help: Some(help),
        })
    };
    if has_tag {
        let tag = last_tag(text.get(before.min(start)..start).unwrap_or_default()).map(|tag| before + tag);
        let behind = tag.and_then(|tag| text.get(tag..)).unwrap_or_default();
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}' | '#');
        // One that is written out in full has its own end.
        let full = behind.strip_prefix("!<").and_then(|tag| tag.find('>'));
        let from = full.map_or(0, |end| "!<".len() + end + 1);
        let at = behind
            .get(from..)
            .and_then(|behind| Some(from + behind.find(ends)?))
            .filter(|at| !behind[*at..].starts_with(char::is_whitespace));
        if let (Some(tag), Some(at)) = (tag, at) {
            return refuse(tag + at, 1, "a blank is to follow a tag", "put one behind it");
        }
    }
    if scalar.is_empty() {
        return Ok(());
    }
    if scalar.starts_with(['\'', '"']) {
        return Ok(());
    }
    if let Some(at) = scalar.find('?') {
        return refuse(
            start + at,
            1,
            "a `?` within brackets and braces begins a key",
            QUOTE,
        );
    }
    if scalar.starts_with(':') {
        return refuse(start, 1, "a `:` within brackets and braces ends a key", QUOTE);
    }
    let rest = behind.trim_start();
    if rest.starts_with(':') && rest[1..].starts_with([',', '[', ']', '{', '}']) {
        let colon = text.len() - rest.len();
        return refuse(
            colon,
            1,
            "a blank is to follow the colon of a key",
            "put one behind it",
        );
    }
    Ok(())
}

/// Whether a key has several lines, what is between it and its colon, or, within brackets and braces, its tag or anchor: as it may
/// behind a `?`. What is before it ends at `before`.
pub(crate) fn is_key_of_lines(text: &str, before: usize, key: Span, in_flow: bool) -> bool {
    let (start, end) = (key.start as usize, key.end as usize);
    let behind = text.get(end..).unwrap_or_default();
    let properties = text.get(before.min(start)..start).unwrap_or_default();
    let marks = ['&', '!'];
    let first = (in_flow && properties.contains(marks))
        .then(|| outside_comments(properties).find_map(|(at, part)| Some(at + part.find(marks)?)))
        .flatten();
    let whole = first.map_or(start, |first| before + first);
    if behind.starts_with(':') && !text.get(whole..end).is_some_and(|key| key.contains(is_break)) {
        return false;
    }
    let mut gap = behind.trim_start();
    while gap.starts_with('#') {
        let end = gap.find(is_break).unwrap_or(gap.len());
        gap = gap[end..].trim_start();
    }
    let colon = text.len() - gap.len();
    if !gap.starts_with(':') || !text.get(whole..colon).is_some_and(|key| key.contains(is_break)) {
        return false;
    }
    let mut words = outside_comments(properties).flat_map(|(_, part)| part.split_whitespace());
    !words.any(|word| word.trim_start_matches(['{', '[', ',']).starts_with('?'))
}

/// The last tag before a scalar, of what is between that and what is before it.
fn last_tag(gap: &str) -> Option<usize> {
    let tags = outside_comments(gap).filter_map(|(at, part)| {
        // A tag may have several marks.
        let last = part.rfind('!')?;
        let word = part[..last].rfind(char::is_whitespace).map_or(0, |end| end + 1);
        let first = part[word..].find('!')?;
        Some(at + word + first)
    });
    tags.last()
}

/// The lines of what is between two scalars, each without its comment, and where they begin.
fn outside_comments(gap: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    gap.split_inclusive(is_break).map(move |line| {
        let at = start;
        start += line.len();
        let begins = |(at, _): &(usize, &str)| {
            let before = line[..*at].chars().next_back();
            before.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}'))
        };
        let end = line
            .match_indices('#')
            .find(begins)
            .map_or(line.len(), |(end, _)| end);
        (at, &line[..end])
    })
}
