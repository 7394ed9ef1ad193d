//! Comments that suppress findings: `# porthole:ignore RULE[, RULE…]`.
//!
//! Behind a value the comment speaks of its line; on a line of its own, of the next line that is not a comment; before
//! the first line of a document, of the whole document. `all` means every rule.

use porthole_manifest::{Document, Source, Span};
use porthole_pod::Finding;

/// What begins such a comment, after its `#`.
const WORD: &str = "porthole:ignore";

/// The suppressions of a document.
#[derive(Debug, Default)]
pub struct Suppressions {
    all: Vec<Suppression>,
}

#[derive(Debug)]
struct Suppression {
    rules: Vec<String>,
    /// The text that it is about: of one line, or of the whole document.
    from: u32,
    to: u32,
}

impl Suppressions {
    /// Reads the comments of a document.
    #[must_use]
    pub fn of(source: &Source, document: &Document) -> Self {
        let mut all = Vec::new();
        for comment in document.comments() {
            let Some(rules) = named(document.slice(comment.span)) else {
                continue;
            };
            let root = document.root().span();
            let (from, to) = if comment.own_line {
                let next = next_line(source.text(), comment.span.end);
                if next.end > root.start && comment.span.end <= root.start {
                    (0, u32::MAX)
                } else {
                    (next.start, next.end)
                }
            } else {
                let line = line_of(source.text(), comment.span.start);
                (line.start, line.end)
            };
            all.push(Suppression { rules, from, to });
        }
        Self { all }
    }

    /// Whether a finding is suppressed: it begins in a line that a comment speaks of.
    #[must_use]
    pub fn cover(&self, finding: &Finding) -> bool {
        let Some(span) = finding.span else { return false };
        self.all.iter().any(|suppression| {
            suppression.from <= span.start
                && span.start < suppression.to
                && suppression
                    .rules
                    .iter()
                    .any(|rule| rule == "all" || rule == finding.rule.name)
        })
    }
}

/// The rules that a comment names; nothing of another comment.
fn named(comment: &str) -> Option<Vec<String>> {
    let rest = comment.trim_start_matches('#').trim_start().strip_prefix(WORD)?;
    let names = rest.split([',', ' ', '\t']).filter(|name| !name.is_empty());
    // What follows a dash says why.
    let rules: Vec<String> = names
        .take_while(|name| !name.starts_with("--"))
        .map(str::to_owned)
        .collect();
    Some(rules)
}

fn line_of(text: &str, offset: u32) -> Span {
    let at = offset as usize;
    let start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |end| end + 1);
    let end = text
        .get(at..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |end| at + end);
    span(start, end)
}

/// The first line after `offset` that is neither blank nor a comment.
fn next_line(text: &str, offset: u32) -> Span {
    let mut start = offset as usize;
    for line in text
        .get(start..)
        .unwrap_or_default()
        .split_inclusive('\n')
        .skip(1)
    {
        // The first piece is the end of the comment's own line.
        start = line.as_ptr() as usize - text.as_ptr() as usize;
        let bare = line.trim();
        if !bare.is_empty() && !bare.starts_with('#') {
            return span(start, start + line.len());
        }
    }
    span(start, start)
}

fn span(start: usize, end: usize) -> Span {
    let number = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
    Span::new(number(start), number(end))
}
