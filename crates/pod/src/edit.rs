//! Changes of a manifest that leave it valid, in block and flow style and as JSON.
//!
//! What cannot be changed without touching something else (an alias, a block scalar, a mapping behind an anchor) is left
//! alone: then there is no edit.

use porthole_manifest::{Node, Span};

use crate::finding::Edit;

/// A value that is inserted: a scalar or a mapping of one entry.
#[derive(Clone, Copy, Debug)]
pub enum Insert<'v> {
    /// `true` or `false`.
    Bool(bool),
    /// A string.
    Text(&'v str),
    /// A mapping with one entry, a string.
    Entry(&'v str, &'v str),
}

/// How a mapping is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Block,
    Flow,
    Json,
}

/// An edit that puts `key` with `value` before the other keys of `mapping`.
#[must_use]
pub fn insert(mapping: Node<'_>, key: &str, value: Insert<'_>) -> Option<Edit> {
    if !mapping.is_mapping() || mapping.is_alias() || !mapping.is_written() {
        return None;
    }
    let raw = mapping.raw();
    let span = mapping.span();
    if let Some(inside) = raw.strip_prefix('{') {
        let first = inside.trim_start();
        let json = first.starts_with('"') || first.starts_with('}') && is_json(mapping);
        let style = if json { Style::Json } else { Style::Flow };
        let comma = if first.starts_with('}') { "" } else { ", " };
        let text = format!("{}{comma}", entry(style, key, value));
        return Some(at(span.start + 1, text));
    }
    if raw.starts_with(['&', '!', '?', '"', '\'', '*']) {
        return None;
    }
    let before = mapping.document().slice(Span::new(0, span.start));
    let (line_end, line) = match before.rfind('\n') {
        Some(end) => (
            if before[..end].ends_with('\r') {
                "\r\n"
            } else {
                "\n"
            },
            &before[end + 1..],
        ),
        None => ("\n", before.trim_start_matches('\u{feff}')),
    };
    // What stands before the first key is blank, or the dashes of lists.
    if !line.bytes().all(|byte| matches!(byte, b' ' | b'-')) || line.starts_with("---") {
        return None;
    }
    let indent = " ".repeat(line.len());
    let text = match value {
        Insert::Entry(name, text) => format!(
            "{key}:{line_end}{indent}  {name}: {}{line_end}{indent}",
            scalar(Style::Block, text)
        ),
        Insert::Bool(_) | Insert::Text(_) => {
            format!("{}{line_end}{indent}", entry(Style::Block, key, value))
        }
    };
    Some(at(span.start, text))
}

/// An edit that makes the scalar `node` the string `text`, in the style that it has.
#[must_use]
pub fn replace(node: Node<'_>, text: &str) -> Option<Edit> {
    if node.is_alias() || !node.is_written() {
        return None;
    }
    let raw = node.raw();
    let written = match raw.chars().next()? {
        '"' => json(text),
        '\'' => single_quoted(text),
        '|' | '>' | '&' | '!' | '{' | '[' => return None,
        _ => scalar(Style::Block, text),
    };
    Some(Edit {
        span: node.span(),
        text: written,
    })
}

/// An edit that makes the value `node` a boolean.
#[must_use]
pub fn replace_bool(node: Node<'_>, value: bool) -> Option<Edit> {
    let plain = node.as_bool().is_some() && !node.is_alias() && node.is_written();
    plain.then(|| Edit {
        span: node.span(),
        text: value.to_string(),
    })
}

fn at(offset: u32, text: String) -> Edit {
    Edit {
        span: Span::new(offset, offset),
        text,
    }
}

/// Whether the document is JSON, as far as its first key says.
fn is_json(node: Node<'_>) -> bool {
    let root = node.document().root().raw();
    root.strip_prefix('{')
        .is_some_and(|inside| inside.trim_start().starts_with('"'))
}

fn entry(style: Style, key: &str, value: Insert<'_>) -> String {
    let name = |key: &str| {
        if style == Style::Json {
            json(key)
        } else {
            key.to_owned()
        }
    };
    match value {
        Insert::Bool(value) => format!("{}: {value}", name(key)),
        Insert::Text(text) => format!("{}: {}", name(key), scalar(style, text)),
        Insert::Entry(inner, text) => {
            format!("{}: {{{}: {}}}", name(key), name(inner), scalar(style, text))
        }
    }
}

/// A string as a scalar: plain where that is a string in any position, else quoted.
fn scalar(style: Style, text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '$')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '\\' | '.' | '-' | '_' | '$' | '/'))
        && !is_keyword(text);
    match style {
        Style::Json => json(text),
        Style::Block | Style::Flow if plain => text.to_owned(),
        Style::Block | Style::Flow => single_quoted(text),
    }
}

/// Whether YAML 1.1 reads the word as something else than a string.
fn is_keyword(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "true" | "false" | "on" | "off" | "null"
    )
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
