//! Findings for people: the lines of the source, and one line at the end.

use annotate_snippets::Renderer;
use anstyle::{AnsiColor, Style};
use porthole_pod::Severity;

use super::{Outcome, snippet};
use crate::arguments::Global;
use crate::failure::Failure;
use crate::print;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// What is counted for the last line.
#[derive(Default)]
struct Count {
    objects: usize,
    errors: usize,
    warnings: usize,
    advice: usize,
    suppressed: usize,
}

/// Prints everything.
pub(super) fn print(outcome: &Outcome<'_>, global: &Global) -> Result<(), Failure> {
    let renderer = Renderer::styled();
    let mut count = Count::default();
    print::coloured(|out| {
        for file in outcome.unreadable {
            writeln!(out, "{ERROR}error[unreadable]{ERROR:#}: {}\n", file.reason)?;
            count.errors += 1;
        }
        for judged in &outcome.files {
            let source = &judged.file.source;
            for error in &judged.file.stream.errors {
                writeln!(out, "{}\n", snippet::syntax(&renderer, source, error))?;
                count.errors += 1;
            }
            for verdict in &judged.verdicts {
                count.objects += 1;
                count.suppressed += verdict.suppressed;
                for finding in &verdict.findings {
                    let counter = match finding.severity {
                        Severity::Error => &mut count.errors,
                        Severity::Warning => &mut count.warnings,
                        Severity::Advice => &mut count.advice,
                    };
                    *counter += 1;
                    writeln!(out, "{}\n", snippet::finding(&renderer, source, finding))?;
                }
            }
        }
        if !global.quiet {
            writeln!(out, "{}", last_line(&count, outcome))?;
        }
        Ok(())
    })
}

fn last_line(count: &Count, outcome: &Outcome<'_>) -> String {
    let version = outcome.settings.options.kubernetes_version;
    let what = format!(
        "{} in {}, as Kubernetes {version} has it",
        number(count.objects, "object"),
        number(outcome.files.len() + outcome.unreadable.len(), "file")
    );
    let found: Vec<String> = [
        (count.errors, "error"),
        (count.warnings, "warning"),
        (count.suppressed, "suppressed finding"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| number(count, word))
    .chain((count.advice > 0).then(|| format!("{} of advice", number(count.advice, "piece"))))
    .collect();
    if found.is_empty() {
        format!("nothing to say against {what}")
    } else {
        format!("{} in {what}", found.join(", "))
    }
}

fn number(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}
