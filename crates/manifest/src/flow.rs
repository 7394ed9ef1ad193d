//! Scalars within brackets and braces that the cluster's decoder reads otherwise than the parser.
//!
//! Both take JSON alike. Of what else may be left out of quotes there YAML 1.1 allows less: a `?` begins a key wherever it
//! stands, and so does a `:` its value at the beginning of a text; and a `:` behind a text is part of it, unless a blank follows.

use crate::Span;
use crate::builder::Refusal;

const QUOTE: &str = "quote the text";

/// What is wrong with the scalar at `span` in `text`, which has a tag or is plain.
pub(crate) fn check(text: &str, span: Span, has_tag: bool) -> Result<(), Refusal> {
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
    if scalar.is_empty() {
        let before = text.get(..start).unwrap_or_default();
        let is_glued = before.ends_with(|c: char| !c.is_whitespace()) && behind.starts_with([',', ']', '}']);
        if has_tag && is_glued {
            return refuse(
                end,
                1,
                "a blank is to follow a tag",
                "write `\"\"` for an empty text",
            );
        }
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

/// Whether the key between `before`, the end of what is before it, and `end` has several lines, or what is between it and its colon
/// does: as it may behind a `?`.
pub(crate) fn is_key_of_lines(text: &str, before: usize, key: Span) -> bool {
    let (start, end) = (key.start as usize, key.end as usize);
    let is_break = crate::texts::is_break;
    let behind = text.get(end..).unwrap_or_default();
    if behind.starts_with(':') && !text.get(start..end).is_some_and(|key| key.contains(is_break)) {
        return false;
    }
    let mut gap = behind.trim_start();
    while gap.starts_with('#') {
        let end = gap.find(is_break).unwrap_or(gap.len());
        gap = gap[end..].trim_start();
    }
    let colon = text.len() - gap.len();
    if !gap.starts_with(':') || !text.get(start..colon).is_some_and(|key| key.contains(is_break)) {
        return false;
    }
    let before = text.get(before.min(start)..start).unwrap_or_default();
    let mut words = before.split_whitespace();
    !words.any(|word| word.trim_start_matches(['{', '[', ',']).starts_with('?'))
}
