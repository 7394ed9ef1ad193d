//! The API server's answers, one JSON document a line.

use porthole_pod::Status;
use serde::Serialize;

use super::Outcome;
use crate::failure::Failure;
use crate::print;

/// One answer.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    document: usize,
    code: Option<u16>,
    status: Option<&'a Status>,
    warnings: &'a [String],
    /// Why no request can be made of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Prints a line an object, in the order of the input. A document that cannot be read has one as well.
pub(super) fn print(outcome: &Outcome<'_>) -> Result<(), Failure> {
    print::plain(|out| {
        for file in outcome.unreadable {
            let error = Some(file.reason.as_str());
            write(out, &unread(&file.name, 0, error))?;
        }
        for judged in &outcome.files {
            let file = judged.file.source.name();
            let errors = judged.file.stream.errors.iter();
            let mut lines: Vec<_> = errors
                .map(|error| (error.document, unread(file, error.document, Some(&error.reason))))
                .collect();
            lines.extend(judged.verdicts.iter().map(|verdict| {
                let line = Line {
                    file,
                    document: verdict.document,
                    code: verdict.answer.code,
                    status: verdict.answer.status.as_ref(),
                    warnings: &verdict.answer.warnings,
                    error: None,
                };
                (verdict.document, line)
            }));
            // Items of one List keep their order.
            lines.sort_by_key(|(document, _)| *document);
            for (_, line) in &lines {
                write(out, line)?;
            }
        }
        Ok(())
    })
}

fn unread<'a>(file: &'a str, document: usize, error: Option<&'a str>) -> Line<'a> {
    Line {
        file,
        document,
        code: None,
        status: None,
        warnings: &[],
        error,
    }
}

fn write(out: &mut dyn std::io::Write, line: &Line<'_>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
