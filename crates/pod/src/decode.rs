//! Decoding as the API server does it under `fieldValidation=Strict`, before anything is validated.
//!
//! Two decoders of Go meet here. The first mistake of type is the answer, unless a type that reads itself (a quantity, a
//! time, a port that may be a name) refuses its value: that ends the reading at once and is the answer. Only an object
//! whose values all fit is told of its unknown and repeated fields, of all in the order of the text, a hundred at most.
//!
//! Before Kubernetes 1.25 unknown and repeated fields are taken without a word; they are found all the same, as
//! [`ErrorKind::Ignored`].

mod base64;
mod custom;
mod help;
mod json_schema;
mod number;
mod quantity;
pub(crate) mod time;
mod walk;

use porthole_manifest::{Node, Span};

use walk::Walk;

use crate::finding::{ErrorKind, Finding, Severity};
use crate::options::Options;
use crate::rules::decoding::{
    DEPRECATED_API_VERSION, DUPLICATE_FIELD, NOT_SERVED, REQUEST_TOO_LARGE, UNKNOWN_FIELD, WRONG_TYPE,
};
use crate::rules::object::credential_spec;
use crate::schema;

/// How many bytes a request may have.
pub const REQUEST_LIMIT: u32 = 3 << 20;

const STRICT: &str = "strict decoding error: ";

/// What is wrong with an object before validation. Nothing where it can be decoded, and of a kind that is neither
/// Kubernetes' own nor `GMSACredentialSpec`.
///
/// The detail of each finding is the server's answer if that were all that is wrong; [`message`] is the answer to all.
#[must_use]
pub fn check(object: Node<'_>, api_version: &str, kind: &str, options: &Options) -> Vec<Finding> {
    let version = options.kubernetes_version;
    let is_custom = credential_spec::is(api_version, kind);
    let structure = schema::kind(api_version, kind)
        .filter(|known| known.is_known(version))
        .and_then(|known| known.structure(version));
    if structure.is_none() && !is_custom {
        return Vec::new();
    }
    if let Some(finding) = check_size(object) {
        return vec![finding];
    }
    let strict = options.at_least(27) || options.enabled("ServerSideFieldValidation");
    let walk = match structure {
        Some(structure) => {
            let mut walk = Walk::new(version);
            walk.object(object, structure);
            walk
        }
        None => custom::walk(object, version),
    };
    if walk.mistake.is_none() && walk.strict.is_empty() {
        return Vec::new();
    }
    let prefix = handled_as(api_version, kind);
    if let Some(mistake) = walk.mistake {
        return vec![Finding {
            rule: &WRONG_TYPE,
            severity: Severity::Error,
            kind: ErrorKind::Undecodable,
            field: mistake.field,
            value: None,
            detail: format!("{prefix}{}", mistake.text),
            span: Some(mistake.span),
            related: Vec::new(),
            help: mistake.help,
            fix: None,
        }];
    }
    let found = walk.strict.into_iter().map(|error| {
        let text = error.text();
        Finding {
            rule: if error.duplicate {
                &DUPLICATE_FIELD
            } else {
                &UNKNOWN_FIELD
            },
            severity: if strict {
                Severity::Error
            } else {
                Severity::Warning
            },
            kind: if strict {
                ErrorKind::Undecodable
            } else {
                ErrorKind::Ignored
            },
            field: error.path,
            value: None,
            detail: if strict {
                format!("{prefix}{STRICT}{text}")
            } else {
                text
            },
            span: Some(error.span),
            related: Vec::new(),
            help: error.help,
            fix: None,
        }
    });
    found.collect()
}

fn handled_as(api_version: &str, kind: &str) -> String {
    let version = api_version
        .rsplit_once('/')
        .map_or(api_version, |(_, version)| version);
    format!("{kind} in version \"{version}\" cannot be handled as a {kind}: ")
}

/// The server's one message of what [`check`] found: the strict errors one after the other.
#[must_use]
pub fn message(findings: &[Finding]) -> String {
    let mut undecodable = findings
        .iter()
        .filter(|finding| finding.kind == ErrorKind::Undecodable);
    let Some(first) = undecodable.next() else {
        return String::new();
    };
    let mut message = first.detail.clone();
    for finding in undecodable {
        let text = finding.detail.split_once(STRICT);
        message.push_str(", ");
        message.push_str(text.map_or(finding.detail.as_str(), |(_, text)| text));
    }
    message
}

/// Whether the object as JSON has more bytes than the server reads. It is written only where the text is so long that
/// this may be.
fn check_size(object: Node<'_>) -> Option<Finding> {
    let span = object.span();
    if span.end - span.start < REQUEST_LIMIT / 6 {
        return None;
    }
    let length = object.to_json().to_string().len();
    let taken = u32::try_from(length).is_ok_and(|length| length <= REQUEST_LIMIT);
    (!taken).then(|| Finding {
        rule: &REQUEST_TOO_LARGE,
        severity: Severity::Error,
        kind: ErrorKind::TooLarge,
        field: String::new(),
        value: None,
        detail: format!("Request entity too large: limit is {REQUEST_LIMIT}"),
        span: Some(span),
        related: Vec::new(),
        help: None,
        fix: None,
    })
}

/// What the server says to an object's `apiVersion` and `kind`, where that version is Kubernetes' own or that of a
/// `GMSACredentialSpec`: that it does not serve them, or that they are deprecated. `span` is the place of `apiVersion`.
#[must_use]
pub fn check_api_version(api_version: &str, kind: &str, span: Span, options: &Options) -> Option<Finding> {
    let version = options.kubernetes_version;
    let finding = |rule, severity, kind, detail, help| Finding {
        rule,
        severity,
        kind,
        field: "apiVersion".to_owned(),
        value: None,
        detail,
        span: Some(span),
        related: Vec::new(),
        help,
        fix: None,
    };
    let deprecated = |warning| {
        finding(
            &DEPRECATED_API_VERSION,
            Severity::Warning,
            ErrorKind::Warning,
            warning,
            None,
        )
    };
    if api_version == credential_spec::DEPRECATED && kind == credential_spec::KIND {
        return Some(deprecated(credential_spec::DEPRECATION.to_owned()));
    }
    let not_served = |help: String| {
        finding(
            &NOT_SERVED,
            Severity::Error,
            ErrorKind::NotServed,
            "the server could not find the requested resource".to_owned(),
            Some(help),
        )
    };
    let Some(known) = schema::kind(api_version, kind) else {
        return lacks(api_version, kind).then(|| not_served(help::unknown_kind(api_version, kind, version)));
    };
    if known.is_served(version) {
        return known.deprecation_warning(version).map(deprecated);
    }
    let when = match (known.removed(), known.first_served(), known.last_served()) {
        (Some(removed), ..) if version.at_least(removed) => {
            format!("is gone from Kubernetes 1.{removed} on")
        }
        (_, Some(first), _) if version < first => format!("is served from Kubernetes {first} on"),
        (_, _, Some(last)) if version > last => format!("is served up to Kubernetes {last}"),
        _ => "is served only where --runtime-config says so".to_owned(),
    };
    let instead = known
        .replacement()
        .map_or_else(String::new, |(api_version, kind)| {
            format!("; use {api_version} {kind}")
        });
    Some(not_served(format!("{api_version} {kind} {when}{instead}")))
}

/// Whether no cluster can have the kind: definitions of others' resources add none to Kubernetes' own versions of its
/// groups. Its `Binding` is created of a pod alone and is no part of the schema here.
fn lacks(api_version: &str, kind: &str) -> bool {
    schema::kinds::of_version(api_version).next().is_some() && (api_version, kind) != ("v1", "Binding")
}
