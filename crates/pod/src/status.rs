//! The API server's answer as a whole.

use std::borrow::Cow;
use std::collections::HashSet;

use porthole_manifest::{Object, PodTemplate, WorkloadKind, pod_template};
use serde::Serialize;

use crate::decode;
use crate::finding::{ErrorKind, Finding};
use crate::render::go_quote;
use crate::rules::metadata::created_name;
use crate::rules::object::credential_spec;
use crate::schema;

/// The message of the answer to an invalid object: `Pod "hpc" is invalid: …`. Equal errors are named once; several stand
/// in brackets.
#[must_use]
pub fn status_message(kind: WorkloadKind, name: &str, findings: &[Finding]) -> String {
    match findings.first().map(|finding| finding.kind) {
        Some(ErrorKind::Undecodable) => return decode::message(findings),
        Some(ErrorKind::NotServed | ErrorKind::TooLarge) => return findings[0].to_string(),
        _ => {}
    }
    invalid_message(&kind.qualified(), name, findings)
}

fn invalid_message(kind: &str, name: &str, findings: &[Finding]) -> String {
    format!("{kind} {} is invalid: {}", go_quote(name), aggregate(findings))
}

/// Several findings in one text. Equal ones are named once; several stand in brackets.
pub(crate) fn aggregate(findings: &[Finding]) -> String {
    let mut seen = HashSet::new();
    let texts: Vec<String> = findings
        .iter()
        .map(ToString::to_string)
        .filter(|text| seen.insert(text.clone()))
        .collect();
    match texts.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
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
    /// As [`status_message`] has it; of what admission refuses, what it says.
    pub message: String,
    /// `Invalid`, `Forbidden` for what admission refuses, `BadRequest` for what cannot be decoded, `NotFound` for what is not
    /// served, `RequestEntityTooLarge`, `Conflict`, or nothing where the server fails.
    #[serde(skip_serializing_if = "str::is_empty")]
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
    /// Its kind; of what admission refuses its resource, such as `pods`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub kind: Cow<'static, str>,
    /// Every error, equal ones as well. What admission refuses has none.
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

impl Status {
    /// The answer to an object whose fields are not valid.
    #[must_use]
    pub fn invalid(kind: &'static str, group: &'static str, name: &str, findings: &[Finding]) -> Self {
        let qualified = match group {
            "" => kind.to_owned(),
            group => format!("{kind}.{group}"),
        };
        let causes = findings.iter().map(|finding| Cause {
            reason: finding.kind.reason(),
            message: finding.body(),
            field: finding.field.clone(),
        });
        let details = Details {
            name: name.to_owned(),
            group,
            kind: kind.into(),
            causes: causes.collect(),
        };
        Self::failure(
            422,
            "Invalid",
            invalid_message(&qualified, name, findings),
            Some(details),
        )
    }

    /// The answer to an object that cannot be read.
    #[must_use]
    pub fn bad_request(message: String) -> Self {
        Self::failure(400, "BadRequest", message, None)
    }

    /// The answer to an object of the core group that admission refuses for `error`: `pods "hpc" is forbidden: …`.
    #[must_use]
    pub fn forbidden(resource: &'static str, name: &str, error: &str) -> Self {
        let message = match name {
            "" => format!("{resource} is forbidden: {error}"),
            name => format!("{resource} {} is forbidden: {error}", go_quote(name)),
        };
        Self::failure(403, "Forbidden", message, Some(Self::details_of(resource, name)))
    }

    /// The answer to an object of that kind that admission refuses for `error`: `deployments.apps "web" is forbidden: …`.
    #[must_use]
    pub fn refused(kind: &str, group: &'static str, name: &str, error: &str) -> Self {
        let (message, details) = Self::of_object(kind, group, name);
        let message = format!("{message} is forbidden: {error}");
        Self::failure(403, "Forbidden", message, Some(details))
    }

    /// How an object is called, and which one it is.
    fn of_object(kind: &str, group: &'static str, name: &str) -> (String, Details) {
        let resource = resource_of(kind);
        let qualified = match group {
            "" => resource.clone(),
            group => format!("{resource}.{group}"),
        };
        let details = Details {
            name: name.to_owned(),
            group,
            kind: resource.into(),
            causes: Vec::new(),
        };
        (format!("{qualified} {}", go_quote(name)), details)
    }

    /// The answer to an object of the core group that the webhook of that name refuses with 403, for the first of these
    /// findings and because of all of them.
    #[must_use]
    pub fn denied_by(webhook: &str, resource: &'static str, name: &str, findings: &[Finding]) -> Self {
        let first = findings.first().map(Finding::body).unwrap_or_default();
        let message = format!(
            "admission webhook {} denied the request: {first}",
            go_quote(webhook)
        );
        let causes = findings.iter().map(|finding| Cause {
            reason: ErrorKind::Forbidden.reason(),
            message: finding.body(),
            field: finding.field.clone(),
        });
        let details = Details {
            causes: causes.collect(),
            ..Self::details_of(resource, name)
        };
        Self::failure(403, "Forbidden", message, Some(details))
    }

    /// The answer where an object of the core group is not there: `namespaces "team" not found`.
    #[must_use]
    pub fn not_found(resource: &'static str, name: &str) -> Self {
        let message = format!("{resource} {} not found", go_quote(name));
        Self::failure(404, "NotFound", message, Some(Self::details_of(resource, name)))
    }

    /// The answer to the change of an object that is another one since: `Operation cannot be fulfilled on services "web": …`.
    #[must_use]
    pub fn conflict(kind: &str, group: &'static str, name: &str, error: &str) -> Self {
        let (object, details) = Self::of_object(kind, group, name);
        let message = format!("Operation cannot be fulfilled on {object}: {error}");
        Self::failure(409, "Conflict", message, Some(details))
    }

    /// Details that only say which object it is.
    pub(crate) fn details_of(resource: &'static str, name: &str) -> Details {
        Details {
            name: name.to_owned(),
            group: "",
            kind: resource.into(),
            causes: Vec::new(),
        }
    }

    const fn failure(code: u16, reason: &'static str, message: String, details: Option<Details>) -> Self {
        Self {
            kind: "Status",
            api_version: "v1",
            metadata: Empty {},
            status: "Failure",
            message,
            reason,
            details,
            code,
        }
    }
}

/// The resource of a kind, such as `pods` or `networkpolicies`, as the API has it where nobody says another
/// (`UnsafeGuessKindToResource`).
#[must_use]
pub fn resource_of(kind: &str) -> String {
    let kind = kind.to_lowercase();
    if kind.ends_with("endpoints") {
        kind
    } else if let Some(stem) = kind.strip_suffix('y') {
        format!("{stem}ies")
    } else if kind.ends_with('s') {
        format!("{kind}es")
    } else {
        format!("{kind}s")
    }
}

/// The answer to the creation of `template`'s object, or nothing where there is nothing to find fault with.
#[must_use]
pub fn status(template: &PodTemplate<'_>, findings: &[Finding]) -> Option<Status> {
    let name = created_name(template.object.child("metadata"));
    let name = name.as_ref();
    let message = || status_message(template.kind, name, findings);
    Some(match findings.first()?.kind {
        ErrorKind::Undecodable => Status::bad_request(message()),
        // The server sends details, and they are empty.
        ErrorKind::NotServed => Status::failure(404, "NotFound", message(), Some(Status::details_of("", ""))),
        ErrorKind::TooLarge => Status::failure(413, "RequestEntityTooLarge", message(), None),
        ErrorKind::Conflict => {
            let (kind, group) = (template.kind.name(), template.kind.group());
            Status::conflict(kind, group, name, &findings[0].detail)
        }
        _ => Status::invalid(template.kind.name(), template.kind.group(), name, findings),
    })
}

/// The answer to the creation of an object of any kind that is Kubernetes' own, or of a
/// `GMSACredentialSpec`, or nothing where there is nothing to find
/// fault with.
#[must_use]
pub fn object_status(object: &Object<'_>, findings: &[Finding]) -> Option<Status> {
    if let Some(template) = pod_template(object) {
        return status(&template, findings);
    }
    let (kind, group) = match schema::kind(object.api_version?, object.kind?) {
        Some(known) => (known.kind, known.group()),
        None if credential_spec::is(object.api_version?, object.kind?) => {
            (credential_spec::KIND, credential_spec::GROUP)
        }
        None => return None,
    };
    let name = created_name(object.node.child("metadata"));
    Some(match findings.first()?.kind {
        ErrorKind::Undecodable => Status::bad_request(decode::message(findings)),
        ErrorKind::NotServed => {
            let message = findings[0].to_string();
            Status::failure(404, "NotFound", message, Some(Status::details_of("", "")))
        }
        ErrorKind::TooLarge => Status::failure(413, "RequestEntityTooLarge", findings[0].to_string(), None),
        ErrorKind::Conflict => Status::conflict(kind, group, &name, &findings[0].detail),
        ErrorKind::Failed => Status::failure(500, "", findings[0].to_string(), None),
        _ => Status::invalid(kind, group, &name, findings),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_the_plurals_that_the_api_has() {
        for (kind, plural) in [
            ("Pod", "pods"),
            ("Endpoints", "endpoints"),
            ("NetworkPolicy", "networkpolicies"),
            ("CSIStorageCapacity", "csistoragecapacities"),
            ("RuntimeClass", "runtimeclasses"),
        ] {
            assert_eq!(resource_of(kind), plural);
        }
    }
}
