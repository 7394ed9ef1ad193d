//! Findings as annotations of a GitHub workflow (workflow commands).

use std::fmt::Write as _;

use porthole_manifest::{Source, Span};
use porthole_pod::Severity;

use super::Outcome;
use crate::failure::Failure;
use crate::print;

/// Prints a command a finding.
pub(super) fn print(outcome: &Outcome<'_>) -> Result<(), Failure> {
    print::plain(|out| {
        for file in outcome.unreadable {
            writeln!(
                out,
                "::error file={},title=unreadable::{}",
                property(&file.name),
                data(&file.reason)
            )?;
        }
        for judged in &outcome.files {
            let source = &judged.file.source;
            for error in &judged.file.stream.errors {
                writeln!(
                    out,
                    "{}",
                    command("error", source, Some(error.span), "syntax", &error.reason)
                )?;
            }
            for finding in judged.verdicts.iter().flat_map(|verdict| &verdict.findings) {
                let level = match finding.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                    Severity::Advice => "notice",
                };
                let mut text = finding.to_string();
                if let Some(help) = &finding.help {
                    let _ = write!(text, "\nhelp: {help}");
                }
                writeln!(
                    out,
                    "{}",
                    command(level, source, finding.span, finding.rule.name, &text)
                )?;
            }
        }
        Ok(())
    })
}

fn command(level: &str, source: &Source, span: Option<Span>, title: &str, text: &str) -> String {
    let mut line = format!("::{level} file={}", property(source.name()));
    if let Some(span) = span {
        let (start, end) = (source.position(span.start), source.position(span.end));
        let _ = write!(line, ",line={},col={}", start.line, start.column);
        // Columns count within one line only.
        if start.line == end.line {
            let _ = write!(line, ",endLine={},endColumn={}", end.line, end.column);
        }
    }
    let _ = write!(line, ",title={}::{}", property(title), data(text));
    line
}

/// What follows `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_would_misread_is_escaped() {
        let source = Source::new("a,b.yaml", "x: 1\n");
        assert_eq!(
            command("error", &source, Some(Span::new(3, 4)), "r", "50%\n::x"),
            "::error file=a%2Cb.yaml,line=1,col=4,endLine=1,endColumn=5,title=r::50%25%0A::x"
        );
    }
}
