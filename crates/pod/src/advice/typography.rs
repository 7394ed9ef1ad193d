//! Typographic dashes, quotes and blanks in what machines read: they come from web pages and word processors.

use porthole_manifest::{Node, Span};

use super::hooks;
use crate::finding::{Edit, Finding, Fix, Severity};
use crate::rule::rules;
use crate::windows_pod::WindowsContainer;

rules! { Advice:
    /// A dash before an option, a quote or a blank is one that a page or a word processor has put in the place of the ASCII one.
    /// Programs other than PowerShell take it for an ordinary character, and names may not have it.
    TYPOGRAPHIC_CHARACTER = "typographic-character";
}

/// Who reads a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// The API server, which takes no such character in a name.
    Names,
    /// PowerShell, which takes typographic dashes and quotes for the ASCII ones.
    PowerShell,
    /// Any other program.
    Program,
}

pub(super) fn check(container: &WindowsContainer<'_>, findings: &mut Vec<Finding>) {
    let node = container.node();
    let mut look = |reader: Reader, field: &dyn Fn() -> String, text: Node<'_>| {
        findings.extend(of_text(container, reader, field, text));
    };
    for (field, reader) in [
        ("name", Reader::Names),
        ("image", Reader::Names),
        ("workingDir", Reader::Program),
    ] {
        if let Some(text) = node.field(field) {
            look(reader, &|| field.to_owned(), text);
        }
    }
    for (index, variable) in node.child("env").items().enumerate() {
        if let Some(name) = variable.field("name") {
            look(Reader::Names, &|| format!("env[{index}].name"), name);
        }
    }
    for (index, mount) in node.child("volumeMounts").items().enumerate() {
        if let Some(path) = mount.field("mountPath") {
            look(
                Reader::Program,
                &|| format!("volumeMounts[{index}].mountPath"),
                path,
            );
        }
    }
    let reader = reader(node.child("command"));
    for field in ["command", "args"] {
        for (index, text) in node.child(field).items().enumerate() {
            look(reader, &|| format!("{field}[{index}]"), text);
        }
    }
    for (field, command) in hooks::commands(container) {
        let reader = self::reader(command);
        for (index, text) in command.items().enumerate() {
            look(reader, &|| format!("{field}.exec.command[{index}]"), text);
        }
    }
}

/// Who reads the words of a command.
fn reader(command: Node<'_>) -> Reader {
    let first = command.items().next().and_then(Node::as_str).unwrap_or_default();
    let name = first
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match name.strip_suffix(".exe").unwrap_or(&name) {
        "powershell" | "pwsh" => Reader::PowerShell,
        _ => Reader::Program,
    }
}

fn of_text(
    container: &WindowsContainer<'_>,
    reader: Reader,
    field: &dyn Fn() -> String,
    node: Node<'_>,
) -> Option<Finding> {
    let text = node.as_str().filter(|text| !text.is_ascii())?;
    let (_, found, instead) = replacements(text, reader).next()?;
    let text = format!(
        "{} (U+{:04X}) stands where `{instead}` is meant",
        name_of(found),
        u32::from(found)
    );
    let severity = if reader == Reader::PowerShell && instead != ' ' {
        Severity::Advice
    } else {
        Severity::Warning
    };
    let field = format!("{}.{}", container.path(), field());
    let mut finding = Finding::remark(&TYPOGRAPHIC_CHARACTER, severity, field, text, node.span())
        .with_help("it was pasted from a page that had made it prettier");
    finding.fix = fix(node, reader);
    Some(finding)
}

/// The characters of `text` that are not what its reader reads, with their places and what is meant.
fn replacements(text: &str, reader: Reader) -> impl Iterator<Item = (usize, char, char)> {
    text.char_indices().filter_map(move |(at, c)| {
        let before = text[..at].chars().next_back();
        let after = text[at + c.len_utf8()..].chars().next();
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let instead = match c {
            // A dash between words is prose; one before a word is an option.
            '\u{2010}'..='\u{2015}' | '\u{2212}'
                if reader == Reader::Names || !letter(before) && letter(after) =>
            {
                '-'
            }
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
fn fix(node: Node<'_>, reader: Reader) -> Option<Fix> {
    let raw = node.raw();
    if node.is_alias() || raw.starts_with(['|', '>']) {
        return None;
    }
    let quoted = raw.chars().next().filter(|c| matches!(c, '"' | '\''));
    let edits: Vec<Edit> = replacements(raw, reader)
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
    if edits.is_empty() || begins_plain && edits.first().is_none_or(|edit| edit.text != "-") {
        return None;
    }
    Some(Fix {
        title: "write it in ASCII".to_owned(),
        safe: true,
        edits,
    })
}
