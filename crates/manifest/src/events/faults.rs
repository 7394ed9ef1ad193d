//! What the parser's errors say, where they are, and what mends them.

use granit_parser::{ErrorKind, ScanError};

use super::TAB;
use crate::mend::Stumble;
use crate::{Limits, Span, SyntaxError, escape};

/// What the parser has stumbled over, where the decoder might not; `before` is the end of what was read before it.
pub(super) fn stumble(error: &ScanError, base: usize, before: usize) -> Option<Stumble> {
    let place = base + error.marker().byte_offset()?;
    match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => Some(Stumble::Tab(place)),
        ErrorKind::InvalidQuotedScalarIndent => Some(Stumble::Quoted(place)),
        ErrorKind::UnknownQuotedScalarEscape => Some(Stumble::Escape(place)),
        ErrorKind::InvalidBlockScalarIndent => Some(Stumble::Shallow(before, place)),
        ErrorKind::PlainScalarStartsWithDashFlowIndicator => Some(Stumble::Dash(place)),
        ErrorKind::CommentNotSeparated => Some(Stumble::Comment(place)),
        _ => None,
    }
}

/// The error of the parser, which began at byte `base` of `text`, as one of the document of that number.
pub(super) fn told(
    error: &ScanError,
    text: &str,
    base: usize,
    document: usize,
    limits: &Limits,
) -> SyntaxError {
    let mut start = error
        .marker()
        .byte_offset()
        .map_or(text.len(), |offset| base + offset)
        .min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let rest = &text[start..];
    let mut end = start
        + rest
            .chars()
            .next()
            .filter(|c| !matches!(c, '\n' | '\r'))
            .map_or(0, char::len_utf8);
    let mut reason = error.info();
    let mut help = None;
    match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            // The parser may stand behind the tab.
            let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
            let blank = text[line..]
                .bytes()
                .take_while(|byte| matches!(byte, b' ' | b'\t'))
                .count();
            if let Some(tab) = text[line..line + blank].find('\t') {
                (start, end) = (line + tab, line + tab + 1);
            }
            TAB.clone_into(&mut reason);
            help = Some("indent with spaces");
        }
        ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => {
            if let Some(escape) = escape::find_bad(text, start, true) {
                (start, end) = escape;
                reason = format!("`{}` is not an escape of a double-quoted text", &text[start..end]);
            }
            help = Some(
                "write the text in single quotes, where a backslash is itself ('NT AUTHORITY\\SYSTEM'), \
                 or double the backslash",
            );
        }
        ErrorKind::RecursionLimitExceeded => {
            reason = format!("more than {} levels of nesting", limits.max_depth);
        }
        ErrorKind::UnexpectedCharacter {
            character: '`' | '@' | '%',
        } => {
            help = Some("quote the text");
        }
        ErrorKind::UnclosedQuotedScalar => help = Some("close the quote"),
        ErrorKind::InvalidQuotedScalarIndent => {
            help = Some("close the quote on its line, or indent the text's further lines");
        }
        ErrorKind::MappingValueNotAllowed => {
            help = Some("quote a text that holds `: `, and indent the keys of a mapping alike");
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry => {
            help = Some("indent what belongs together alike");
        }
        _ => {}
    }
    if help.is_none() && line_at(text, start).contains("{{") {
        help = Some("render a template (`{{ … }}`) first");
    }
    SyntaxError {
        document,
        span: Span::of(start, end),
        reason,
        help: help.map(str::to_owned),
    }
}

/// The line around a place of the text.
fn line_at(text: &str, place: usize) -> &str {
    let start = text[..place].rfind('\n').map_or(0, |at| at + 1);
    text[start..].lines().next().unwrap_or_default()
}
