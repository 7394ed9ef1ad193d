//! Typographic dashes, quotes and blanks in what machines read: they come from web pages and word processors.

use porthole_manifest::{Node, Span};

use super::hooks;
use crate::finding::{Edit, Finding, Fix, Severity};
use crate::rule::rules;
use crate::windows_pod::WindowsContainer;

rules! { Advice:
    /// A dash before an option, a quote or a blank is one that a page or a word processor has put in the place of the ASCII one.
    /// Programs other than PowerShell take it for an ordinary character.
    TYPOGRAPHIC_CHARACTER = "typographic-character";
}

pub(super) fn check(container: &WindowsContainer<'_>, findings: &mut Vec<Finding>) {
    let node = container.node();
    let mut texts: Vec<(String, Node<'_>)> = Vec::new();
    for field in ["image", "workingDir"] {
        texts.extend(node.field(field).map(|text| (field.to_owned(), text)));
    }
    for field in ["command", "args"] {
        texts.extend(lists(field.to_owned(), node.child(field)));
    }
    for (field, command) in hooks::commands(container) {
        texts.extend(lists(format!("{field}.exec.command"), command));
    }
    for (index, mount) in node.child("volumeMounts").items().enumerate() {
        let path = mount.field("mountPath");
        texts.extend(path.map(|path| (format!("volumeMounts[{index}].mountPath"), path)));
    }
    for (field, text) in texts {
        findings.extend(of_text(container, &field, text));
    }
}

fn lists<'a>(field: String, list: Node<'a>) -> impl Iterator<Item = (String, Node<'a>)> {
    list.items()
        .enumerate()
        .map(move |(index, item)| (format!("{field}[{index}]"), item))
}

fn of_text(container: &WindowsContainer<'_>, field: &str, node: Node<'_>) -> Option<Finding> {
    let text = node.as_str().filter(|text| !text.is_ascii())?;
    let (_, found, instead) = replacements(text).next()?;
    let name = name_of(found);
    let text = format!(
        "{name} (U+{:04X}) stands where `{instead}` is meant",
        u32::from(found)
    );
    let mut finding = Finding::remark(
        &TYPOGRAPHIC_CHARACTER,
        Severity::Warning,
        format!("{}.{field}", container.path()),
        text,
        node.span(),
    )
    .with_help("it was pasted from a page that had made it prettier");
    finding.fix = fix(node);
    Some(finding)
}

/// The characters of `text` that are not what a program reads, with their places and what is meant.
fn replacements(text: &str) -> impl Iterator<Item = (usize, char, char)> {
    text.char_indices().filter_map(|(at, c)| {
        let before = text[..at].chars().next_back();
        let after = text[at + c.len_utf8()..].chars().next();
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let instead = match c {
            // A dash between words is prose; one before a word is an option.
            '\u{2010}'..='\u{2015}' | '\u{2212}' if !letter(before) && letter(after) => '-',
            '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' => '"',
            // Between letters it is an apostrophe.
            '\u{2018}'..='\u{201b}' if !(letter(before) && letter(after)) => '\'',
            '\u{a0}' | '\u{2007}' | '\u{202f}' => ' ',
            _ => return None,
        };
        Some((at, c, instead))
    })
}

fn name_of(c: char) -> &'static str {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "a typographic dash",
        '\u{2018}'..='\u{201f}' => "a typographic quote",
        _ => "a no-break space",
    }
}

/// The characters put right one by one, where the source has them as they are.
fn fix(node: Node<'_>) -> Option<Fix> {
    let raw = node.raw();
    if node.is_alias() || raw.starts_with(['|', '>']) {
        return None;
    }
    let quoted = raw.chars().next().filter(|c| matches!(c, '"' | '\''));
    let edits: Vec<Edit> = replacements(raw)
        .map(|(at, found, instead)| {
            // A quote that would end the scalar is escaped as its style has it.
            let text = match (quoted, instead) {
                (Some('"'), '"') => "\\\"".to_owned(),
                (Some('\''), '\'') => "''".to_owned(),
                _ => instead.to_string(),
            };
            let start = node.span().start + u32::try_from(at).unwrap_or(u32::MAX);
            let length = u32::try_from(found.len_utf8()).unwrap_or_default();
            Edit {
                span: Span::new(start, start + length),
                text,
            }
        })
        .collect();
    // A plain scalar that began with a quote would become a quoted one, and one that began with a dash may become a list.
    let begins_plain = quoted.is_none()
        && edits
            .first()
            .is_some_and(|edit| edit.span.start == node.span().start);
    if edits.is_empty() || begins_plain && !edits.first().is_some_and(|edit| edit.text == "-") {
        return None;
    }
    Some(Fix {
        title: "write it in ASCII".to_owned(),
        safe: true,
        edits,
    })
}
