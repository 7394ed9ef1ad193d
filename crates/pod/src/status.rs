//! The API server's answer as a whole.

use std::collections::HashSet;

use porthole_manifest::{PodTemplate, WorkloadKind};
use serde::Serialize;

use crate::decode;
use crate::finding::{ErrorKind, Finding};

/// The message of the answer to an invalid object: `Pod "hpc" is invalid: …`. Equal errors are named once; several stand
/// in brackets.
#[must_use]
pub fn status_message(kind: WorkloadKind, name: &str, findings: &[Finding]) -> String {
    match findings.first().map(|finding| finding.kind) {
        Some(ErrorKind::Undecodable) => return decode::message(findings),
        Some(ErrorKind::NotServed | ErrorKind::TooLarge) => return findings[0].to_string(),
        _ => {}
    }
    let mut seen = HashSet::new();
    let texts: Vec<String> = findings
        .iter()
        .map(ToString::to_string)
        .filter(|text| seen.insert(text.clone()))
        .collect();
    let all = match texts.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    format!("{} \"{name}\" is invalid: {all}", kind.qualified())
}

/// The `Status` object that the API server answers with, its fields in the order of its JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `Status`.
    pub kind: &'static str,
    /// `v1`.
    pub api_version: &'static str,
    /// Empty.
    pub metadata: Empty,
    /// `Failure`.
    pub status: &'static str,
    /// As [`status_message`] has it.
    pub message: String,
    /// `Invalid`, or `BadRequest` for what cannot be decoded, `NotFound` for what is not served, `RequestEntityTooLarge`.
    pub reason: &'static str,
    /// What is wrong, one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// The HTTP status code.
    pub code: u16,
}

/// An empty JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Empty {}

/// The details of a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Details {
    /// The object's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its API group, but the core.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub group: &'static str,
    /// Its kind.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub kind: &'static str,
    /// Every error, equal ones as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// One error in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The type of error.
    pub reason: &'static str,
    /// The text without the field.
    pub message: String,
    /// The field.
    pub field: String,
}

/// The answer to the creation of `template`'s object, or nothing where there is nothing to find fault with.
#[must_use]
pub fn status(template: &PodTemplate<'_>, findings: &[Finding]) -> Option<Status> {
    let (reason, code) = match findings.first()?.kind {
        ErrorKind::Undecodable => ("BadRequest", 400),
        ErrorKind::NotServed => ("NotFound", 404),
        ErrorKind::TooLarge => ("RequestEntityTooLarge", 413),
        _ => ("Invalid", 422),
    };
    let name = template.name.unwrap_or_default();
    let details = match code {
        422 => Some(Details {
            name: name.to_owned(),
            group: template.kind.group(),
            kind: template.kind.name(),
            causes: findings
                .iter()
                .map(|finding| Cause {
                    reason: finding.kind.reason(),
                    message: finding.body(),
                    field: finding.field.clone(),
                })
                .collect(),
        }),
        // The server sends them, and they are empty.
        404 => Some(Details {
            name: String::new(),
            group: "",
            kind: "",
            causes: Vec::new(),
        }),
        _ => None,
    };
    Some(Status {
        kind: "Status",
        api_version: "v1",
        metadata: Empty {},
        status: "Failure",
        message: status_message(template.kind, name, findings),
        reason,
        details,
        code,
    })
}
