//! Findings for programs.

use porthole_check::Answer;
use porthole_manifest::{Position, Source, Span};
use porthole_pod::{Finding, Fix};
use serde::Serialize;

use super::{Judged, Outcome, names};
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::print;

/// Everything.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// Grows when a field changes its meaning.
    format: u8,
    kubernetes_version: String,
    files: Vec<FileReport<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileReport<'a> {
    file: &'a str,
    /// What cannot be read of it.
    errors: Vec<SyntaxReport<'a>>,
    objects: Vec<ObjectReport<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SyntaxReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<usize>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectReport<'a> {
    document: usize,
    api_version: Option<&'a str>,
    kind: Option<&'a str>,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    /// What the API server answers.
    answer: &'a Answer,
    findings: Vec<FindingReport<'a>>,
    suppressed: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingReport<'a> {
    rule: &'static str,
    severity: &'static str,
    enforcer: &'static str,
    field: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<RelatedReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<FixReport<'a>>,
}

#[derive(Serialize)]
struct RelatedReport<'a> {
    message: &'a str,
    place: Place,
}

#[derive(Serialize)]
struct FixReport<'a> {
    title: &'a str,
    safe: bool,
    edits: Vec<EditReport<'a>>,
}

#[derive(Serialize)]
struct EditReport<'a> {
    place: Place,
    text: &'a str,
}

/// Lines and columns from 1, columns in characters; offsets in bytes.
#[derive(Serialize)]
struct Place {
    start: Point,
    end: Point,
}

#[derive(Serialize)]
struct Point {
    line: u32,
    column: u32,
    offset: u32,
}

impl Place {
    fn of(source: &Source, span: Span) -> Self {
        let point = |offset| {
            let Position { line, column } = source.position(offset);
            Point { line, column, offset }
        };
        Self {
            start: point(span.start),
            end: point(span.end),
        }
    }
}

/// Prints everything as JSON.
pub(super) fn print_json(outcome: &Outcome<'_>) -> Result<(), Failure> {
    let doing = || "print the findings".to_owned();
    let text = serde_json::to_string_pretty(&report(outcome)).attempt(exit::UNASKED, doing)?;
    write(&format!("{text}\n"))
}

/// Prints everything as YAML.
pub(super) fn print_yaml(outcome: &Outcome<'_>) -> Result<(), Failure> {
    let doing = || "print the findings".to_owned();
    write(&serde_saphyr::to_string(&report(outcome)).attempt(exit::UNASKED, doing)?)
}

fn write(text: &str) -> Result<(), Failure> {
    print::plain(|out| out.write_all(text.as_bytes()))
}

fn report<'a>(outcome: &'a Outcome<'a>) -> Report<'a> {
    let unreadable = outcome.unreadable.iter().map(|file| FileReport {
        file: &file.name,
        errors: vec![SyntaxReport {
            document: None,
            message: &file.reason,
            place: None,
            help: None,
        }],
        objects: Vec::new(),
    });
    Report {
        format: 1,
        kubernetes_version: outcome.settings.options.kubernetes_version.to_string(),
        files: unreadable.chain(outcome.files.iter().map(of_file)).collect(),
    }
}

fn of_file<'a>(judged: &'a Judged<'a>) -> FileReport<'a> {
    let source = &judged.file.source;
    let errors = judged.file.stream.errors.iter().map(|error| SyntaxReport {
        document: Some(error.document),
        message: &error.reason,
        place: Some(Place::of(source, error.span)),
        help: error.help.as_deref(),
    });
    let objects = judged.verdicts.iter().map(|verdict| ObjectReport {
        document: verdict.document,
        api_version: verdict.object.api_version,
        kind: verdict.object.kind,
        namespace: verdict.object.namespace,
        name: verdict.object.name,
        answer: &verdict.answer,
        findings: verdict
            .findings
            .iter()
            .map(|finding| of_finding(source, finding))
            .collect(),
        suppressed: verdict.suppressed,
    });
    FileReport {
        file: source.name(),
        errors: errors.collect(),
        objects: objects.collect(),
    }
}

fn of_finding<'a>(source: &Source, finding: &'a Finding) -> FindingReport<'a> {
    FindingReport {
        rule: finding.rule.name,
        severity: names::severity(finding.severity),
        enforcer: names::enforcer(finding.rule.enforcer),
        field: &finding.field,
        message: finding.to_string(),
        place: finding.span.map(|span| Place::of(source, span)),
        related: finding
            .related
            .iter()
            .map(|(span, message)| RelatedReport {
                message,
                place: Place::of(source, *span),
            })
            .collect(),
        help: finding.help.as_deref(),
        fix: finding.fix.as_ref().map(|fix| of_fix(source, fix)),
    }
}

fn of_fix<'a>(source: &Source, fix: &'a Fix) -> FixReport<'a> {
    FixReport {
        title: &fix.title,
        safe: fix.safe,
        edits: fix
            .edits
            .iter()
            .map(|edit| EditReport {
                place: Place::of(source, edit.span),
                text: &edit.text,
            })
            .collect(),
    }
}
