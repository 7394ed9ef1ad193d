//! The API server's answer to the creation of an object, or to its update where the world has an older one, in the order of
//! its pipeline: is it served, can it be read, does admission let it come to validation, is it valid, does admission let it
//! pass.
//!
//! There are two tellings of it. The answer is what the server of an empty cluster says, letter by letter. The findings are
//! for whoever wrote the object: they know the classes among the files, and what the cluster may have of its own is no error.

use porthole_admission::classes::{self, Classes, Denial, Stage};
use porthole_manifest::{Object, PodTemplate};
use porthole_pod::{
    ErrorKind, Finding, Severity, Status, object_status, object_warnings, request_warnings, validate_object,
    validate_update, warnings_of_invalid,
};

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
    fn refuse(&mut self, status: Status) {
        self.answer.code = Some(status.code);
        self.answer.status = Some(status);
    }

    fn warn(&mut self, warnings: &[Finding]) {
        let texts = warnings.iter().map(|finding| finding.detail.clone());
        self.answer.warnings.extend(texts);
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
    let old = world.old(object, &settings.namespace);
    let errors = match old {
        Some(old) => validate_update(old, object, options),
        None => validate_object(object, options),
    };
    let read = !errors.iter().any(|finding| {
        matches!(
            finding.kind,
            ErrorKind::Undecodable | ErrorKind::NotServed | ErrorKind::TooLarge
        )
    });
    let mut asked = Asked {
        answer: Answer {
            code: Some(if old.is_some() { 200 } else { 201 }),
            ..Answer::default()
        },
        findings: errors,
        read,
    };
    let template = template.filter(|_| read);
    let valid = asked.findings.is_empty();
    // Whatever becomes of a request that can be read, its warnings are sent.
    let of_request = if read {
        request_warnings(object, options)
    } else {
        Vec::new()
    };
    asked.warn(&of_request);
    let of_object = match template {
        _ if valid => object_warnings(object, options),
        Some(template) => warnings_of_invalid(template, options),
        None => Vec::new(),
    };
    // Classes are looked for when a Pod is created, and not again.
    let made = template.filter(|_| old.is_none());
    let denial = made.and_then(|template| classes::check(template, &Classes::default()));
    let (early, late) = match denial {
        Some(denial) if denial.stage == Stage::BeforeValidation => (Some(denial), None),
        late => (None, late),
    };
    let security = if read {
        security(object, template, world, settings)
    } else {
        pod_security::Said::default()
    };
    if let Some((denial, template)) = early.zip(template) {
        asked.refuse(forbidden(template, &denial));
    } else if let Some(status) = object_status(object, &asked.findings) {
        asked.refuse(status);
        asked.warn(&of_object);
    } else {
        // Of several plug-ins Pod Security is asked before classes.
        if let Some(status) = security.denied {
            asked.refuse(status);
        } else if let Some((denial, template)) = late.zip(template) {
            asked.refuse(forbidden(template, &denial));
        }
        asked.warn(&of_object);
        asked.answer.warnings.extend(security.warnings);
    }
    // What is not valid does not come before admission, but whoever mends it wants to know all of it.
    if let Some(denial) = made.and_then(|template| classes::check(template, world.classes())) {
        asked.findings.push(told(denial));
    }
    asked.findings.extend(of_request);
    asked.findings.extend(of_object);
    asked.findings.extend(security.findings);
    asked
}

/// What Pod Security says of a workload, or of a Namespace.
fn security(
    object: &Object<'_>,
    template: Option<&PodTemplate<'_>>,
    world: &World<'_>,
    settings: &Settings,
) -> pod_security::Said {
    match template {
        Some(template) => pod_security::ask(template, world, settings),
        None if (object.group(), object.kind) == ("", Some("Namespace")) => {
            pod_security::ask_namespace(object, world, settings)
        }
        None => pod_security::Said::default(),
    }
}

fn forbidden(template: &PodTemplate<'_>, denial: &Denial) -> Status {
    let name = classes::name_of(template, denial.stage);
    Status::forbidden("pods", &name, &denial.finding.detail)
}

/// A refusal by admission as the author is told of it: a class that is not among the files may be in the cluster.
fn told(denial: Denial) -> Finding {
    let mut finding = denial.finding;
    if classes::is_unknown(&finding) {
        finding.severity = Severity::Advice;
        return finding.with_help("it is not among the files; make sure that the cluster has it");
    }
    finding
}
