//! What the API server says when an object is created, or takes the place of an older one.
//!
//! There are two tellings of it. The answer is what the server of an empty cluster says, letter by letter. The findings are
//! for whoever wrote the object: they know the classes among the files, and what the cluster may have of its own is no error.

use porthole_admission::classes::{self, Classes, Denial, Stage};
use porthole_manifest::{Object, PodTemplate, pod_template};
use porthole_pod::{
    ErrorKind, Finding, Severity, Status, object_status, object_warnings, request_warnings, validate_object,
    validate_update,
};

use crate::answer::Answer;
use crate::settings::Settings;
use crate::world::World;

/// What is said of an object.
pub(crate) struct Creation {
    /// The answer to the request.
    pub(crate) answer: Answer,
    /// What there is to say to the author.
    pub(crate) findings: Vec<Finding>,
    /// Whether the object could be read at all.
    pub(crate) decoded: bool,
}

/// The answer to the creation of an object, or to its update where the world has an older one, and the findings.
pub(crate) fn answer(object: &Object<'_>, world: &World<'_>, settings: &Settings) -> Creation {
    let old = world.old(object, &settings.namespace);
    let mut findings = match old {
        Some(old) => validate_update(old, object, &settings.options),
        None => validate_object(object, &settings.options),
    };
    let decoded = !findings.iter().any(|finding| {
        matches!(
            finding.kind,
            ErrorKind::Undecodable | ErrorKind::NotServed | ErrorKind::TooLarge
        )
    });
    // Classes are looked for when a Pod is created, and not again.
    let template = pod_template(object).filter(|_| decoded && old.is_none());
    let denial = template.and_then(|template| classes::check(&template, &Classes::default()));
    let early = denial
        .as_ref()
        .is_some_and(|denial| denial.stage == Stage::BeforeValidation);
    let refusal = refuse(object, template.as_ref(), denial.as_ref(), &findings);
    let mut warnings = Vec::new();
    if decoded {
        warnings.extend(request_warnings(object, &settings.options));
    }
    let of_request = warnings.len();
    if findings.is_empty() {
        warnings.extend(object_warnings(object, &settings.options));
    }
    // What is refused before it is validated is not warned of.
    let said = if early {
        &warnings[..of_request]
    } else {
        &warnings[..]
    };
    let mut answer = Answer {
        code: Some(if old.is_some() { 200 } else { 201 }),
        warnings: said.iter().map(|warning| warning.detail.clone()).collect(),
        ..Answer::default()
    };
    if let Some(refusal) = refusal {
        answer.code = Some(refusal.code);
        answer.status = Some(refusal);
    }
    if let Some(template) = template
        && let Some(denial) = classes::check(&template, world.classes())
    {
        findings.push(told(denial));
    }
    findings.extend(warnings);
    Creation {
        answer,
        findings,
        decoded,
    }
}

/// The refusal, by admission or by validation, whichever comes first.
fn refuse(
    object: &Object<'_>,
    template: Option<&PodTemplate<'_>>,
    denial: Option<&Denial>,
    findings: &[Finding],
) -> Option<Status> {
    let forbidden = |denial: &Denial| {
        let name = template.map(|template| classes::name_of(template, denial.stage));
        Status::forbidden("pods", &name.unwrap_or_default(), &denial.finding.detail)
    };
    if let Some(denial) = denial.filter(|denial| denial.stage == Stage::BeforeValidation) {
        return Some(forbidden(denial));
    }
    object_status(object, findings).or_else(|| denial.map(forbidden))
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
