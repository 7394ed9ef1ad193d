//! The API server's answer to one object, in the order of its pipeline: is it served, can it be read, is it valid, does
//! Pod Security let it pass.

use porthole_manifest::{Object, PodTemplate};
use porthole_pod::{ErrorKind, Finding, decode, reading_status, status, validate, warnings};

use crate::answer::Answer;
use crate::pod_security;
use crate::settings::Settings;
use crate::world::World;

/// What the API server says.
pub(crate) struct Asked {
    /// Its answer.
    pub(crate) answer: Answer,
    /// Why.
    pub(crate) findings: Vec<Finding>,
    /// Whether the object was read: else nobody else is asked.
    pub(crate) read: bool,
}

impl Asked {
    fn new() -> Self {
        let answer = Answer {
            code: Some(201),
            ..Answer::default()
        };
        Self {
            answer,
            findings: Vec::new(),
            read: true,
        }
    }

    fn refuse(&mut self, status: Option<porthole_pod::Status>) {
        if let Some(status) = status {
            self.answer.code = Some(status.code);
            self.answer.status = Some(status);
        }
    }

    fn warn(&mut self, warnings: Vec<Finding>) {
        let texts = warnings.iter().map(|finding| finding.detail.clone());
        self.answer.warnings.extend(texts);
        self.findings.extend(warnings);
    }
}

/// Asks of an object; `template` is its pod, where it has one.
pub(crate) fn ask(
    object: &Object<'_>,
    template: Option<&PodTemplate<'_>>,
    world: &World<'_>,
    settings: &Settings,
) -> Asked {
    let options = &settings.options;
    let mut asked = Asked::new();
    let (Some(api_version), Some(kind)) = (object.api_version, object.kind) else {
        return asked;
    };
    let span = object.node.child("apiVersion").span();
    match decode::check_api_version(api_version, kind, span, options) {
        Some(finding) if finding.kind == ErrorKind::Warning => asked.warn(vec![finding]),
        Some(finding) => {
            asked.read = false;
            asked.refuse(reading_status(std::slice::from_ref(&finding)));
            asked.findings.push(finding);
            return asked;
        }
        None => {}
    }
    let Some(template) = template else {
        let findings = decode::check(object.node, api_version, kind, options);
        asked.read = reading_status(&findings).is_none();
        asked.refuse(reading_status(&findings));
        asked.findings.extend(findings);
        if asked.read && (object.group(), kind) == ("", "Namespace") {
            let namespace = pod_security::ask_namespace(object, world, settings);
            asked.refuse(namespace.denied);
            asked.findings.extend(namespace.findings);
            asked.answer.warnings.extend(namespace.warnings);
        }
        return asked;
    };
    let (warned, errors): (Vec<_>, Vec<_>) = validate(template, options)
        .into_iter()
        .partition(|finding| finding.kind == ErrorKind::Warning);
    asked.read = reading_status(&errors).is_none();
    asked.refuse(status(template, &errors));
    let valid = errors.is_empty();
    asked.findings.extend(errors);
    asked.warn(warned);
    if !asked.read {
        return asked;
    }
    if valid {
        asked.warn(warnings(template, options));
    }
    let security = pod_security::ask(template, world, settings);
    // What is not valid does not come before admission, but whoever mends it wants to know all of it.
    if valid {
        asked.refuse(security.denied);
        asked.answer.warnings.extend(security.warnings);
    }
    asked.findings.extend(security.findings);
    asked
}
