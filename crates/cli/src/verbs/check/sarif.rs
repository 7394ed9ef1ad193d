//! Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines.

use std::collections::BTreeMap;

use porthole_manifest::{Source, Span};
use porthole_pod::{Finding, Rule, Severity};
use serde::Serialize;

use super::Outcome;
use crate::failure::Failure;
use crate::print;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Result<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    full_description: Text<String>,
    help: Text<String>,
}

#[derive(Serialize)]
struct Text<T> {
    text: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Result<'a> {
    rule_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Text<String>,
    locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<FixReport<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are those of SARIF")]
struct Location<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text<&'a str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation<'a> {
    fully_qualified_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

/// Columns count from 1, in UTF-16 units as the format has it; an end is behind the last character.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FixReport<'a> {
    description: Text<&'a str>,
    artifact_changes: [ArtifactChange<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange<'a> {
    artifact_location: Artifact,
    replacements: Vec<Replacement<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement<'a> {
    deleted_region: Region,
    inserted_content: Text<&'a str>,
}

/// Prints the log.
pub(super) fn print(outcome: &Outcome<'_>) -> std::result::Result<(), Failure> {
    let log = log(outcome);
    print::plain(|out| {
        serde_json::to_writer_pretty(&mut *out, &log)?;
        out.write_all(b"\n")
    })
}

fn log<'a>(outcome: &'a Outcome<'a>) -> Log<'a> {
    let mut used: BTreeMap<&str, &Rule> = BTreeMap::new();
    let all = outcome.files.iter().flat_map(|judged| &judged.verdicts);
    for finding in all.flat_map(|verdict| &verdict.findings) {
        used.insert(finding.rule.name, finding.rule);
    }
    let indices: BTreeMap<&str, usize> = used
        .keys()
        .enumerate()
        .map(|(index, name)| (*name, index))
        .collect();
    let mut results = Vec::new();
    for file in outcome.unreadable {
        results.push(plain_result("unreadable", &file.reason, whole(&file.name)));
    }
    for judged in &outcome.files {
        let source = &judged.file.source;
        for error in &judged.file.stream.errors {
            results.push(plain_result(
                "syntax",
                &error.reason,
                location(source, Some(error.span)),
            ));
        }
        for finding in judged.verdicts.iter().flat_map(|verdict| &verdict.findings) {
            let index = indices.get(finding.rule.name).copied();
            results.push(result(source, finding, index));
        }
    }
    Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "porthole",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: used.values().map(|rule| descriptor(rule)).collect(),
                },
            },
            column_kind: "utf16CodeUnits",
            results,
        }],
    }
}

fn descriptor(rule: &Rule) -> Descriptor {
    let text = rule.explanation.split_whitespace().collect::<Vec<_>>().join(" ");
    Descriptor {
        id: rule.name,
        help: Text {
            text: format!(
                "{text}\nSuppress it with a comment: # porthole:ignore {}",
                rule.name
            ),
        },
        full_description: Text { text },
    }
}

fn plain_result<'a>(rule: &'static str, text: &str, location: Location<'a>) -> Result<'a> {
    Result {
        rule_id: rule,
        rule_index: None,
        level: "error",
        message: Text {
            text: text.to_owned(),
        },
        locations: vec![location],
        related_locations: Vec::new(),
        fixes: Vec::new(),
    }
}

fn result<'a>(source: &'a Source, finding: &'a Finding, rule_index: Option<usize>) -> Result<'a> {
    let mut text = finding.to_string();
    if let Some(help) = &finding.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    let mut at = location(source, finding.span);
    if !finding.field.is_empty() {
        at.logical_locations.push(LogicalLocation {
            fully_qualified_name: &finding.field,
        });
    }
    let related = finding
        .related
        .iter()
        .enumerate()
        .map(|(index, (span, text))| Location {
            id: Some(index),
            message: Some(Text { text: text.as_str() }),
            ..location(source, Some(*span))
        });
    let fixes = finding.fix.iter().map(|fix| FixReport {
        description: Text {
            text: fix.title.as_str(),
        },
        artifact_changes: [ArtifactChange {
            artifact_location: artifact(source.name()),
            replacements: fix
                .edits
                .iter()
                .map(|edit| Replacement {
                    deleted_region: region(source, edit.span),
                    inserted_content: Text {
                        text: edit.text.as_str(),
                    },
                })
                .collect(),
        }],
    });
    Result {
        rule_id: finding.rule.name,
        rule_index,
        level: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "note",
        },
        message: Text { text },
        locations: vec![at],
        related_locations: related.collect(),
        fixes: fixes.collect(),
    }
}

fn whole<'a>(name: &str) -> Location<'a> {
    Location {
        id: None,
        physical_location: PhysicalLocation {
            artifact_location: artifact(name),
            region: None,
        },
        message: None,
        logical_locations: Vec::new(),
    }
}

fn location<'a>(source: &Source, span: Option<Span>) -> Location<'a> {
    let mut location = whole(source.name());
    location.physical_location.region = span.map(|span| region(source, span));
    location
}

fn region(source: &Source, span: Span) -> Region {
    // SARIF counts columns in units of UTF-16.
    let (start, end) = (source.position_utf16(span.start), source.position_utf16(span.end));
    Region {
        start_line: start.line,
        start_column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}

/// A file as a URI: relative ones stay relative, with the characters escaped that a URI has no room for.
fn artifact(name: &str) -> Artifact {
    let mut uri = String::new();
    if name.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in name.replace('\\', "/").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                uri.push(char::from(byte));
            }
            other => {
                uri.push('%');
                for half in [other >> 4, other & 15] {
                    uri.push(
                        char::from_digit(u32::from(half), 16)
                            .unwrap_or('0')
                            .to_ascii_uppercase(),
                    );
                }
            }
        }
    }
    Artifact { uri }
}
