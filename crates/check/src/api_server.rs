//! The API server's answer to the creation of an object, or to its update where the world has an older one, in the order of
//! its pipeline: is it served, can it be read, does admission let it come to validation, is it valid, does admission let it
//! pass, and where host accounts are asked about, does the webhook.
//!
//! There are two tellings of it. The answer is what the server says of each object by itself, letter by letter: that of the
//! cluster that was read, else that of an empty one. The findings are for whoever wrote the object: they know the classes
//! among the files, and what the cluster may have of its own is no error.

use porthole_admission::classes::{self, Denial, Kind, Stage};
use porthole_manifest::{Object, PodTemplate, WorkloadKind};
use porthole_pod::{
    ErrorKind, Finding, Options, Severity, Status, change_warnings, object_status, object_warnings,
    request_warnings, validate_object, validate_update, warnings_of_invalid,
};

use crate::answer::{Answer, sent};
use crate::existence;
use crate::foreign;
use crate::host_accounts;
use crate::limit_ranges::{self, Filled};
use crate::live::{Part, is_namespace};
use crate::node_ports;
use crate::pod_security;
use crate::quotas;
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
            code: match old {
                _ if foreign::is_no_object(object) => None,
                Some(_) => Some(200),
                None => Some(201),
            },
            ..Answer::default()
        },
        findings: errors,
        read,
    };
    let template = template.filter(|_| read);
    // Whatever becomes of a request that can be read, its warnings are sent; of one that cannot, that of its version.
    let mut of_request = request_warnings(object, options);
    of_request.retain(|finding| read || finding.rule.name == "api-version-deprecated");
    asked.warn(&of_request);
    let limits = read.then(|| limit_ranges::ask(object, template, old, world, settings));
    let limits = limits.unwrap_or_default();
    let warnings_if = |valid| warnings_of(object, template, old, valid, options);
    let written = Filled {
        warnings: warnings_if(asked.findings.is_empty()),
        errors: std::mem::take(&mut asked.findings),
    };
    let live = limits.live.as_ref().unwrap_or(&written);
    // Classes are looked for when a Pod is created, and not again.
    let made = template.filter(|_| old.is_none());
    let denial = made.and_then(|template| classes::check(template, world.live_classes()));
    let (early, late) = match denial {
        Some(denial) if denial.stage == Stage::BeforeValidation => (Some(denial), None),
        late => (None, late),
    };
    let security = if read {
        security(object, template, world, settings)
    } else {
        pod_security::Said::default()
    };
    let existence = if read && old.is_none() {
        existence::ask(object, template, world, settings)
    } else {
        existence::Said::default()
    };
    let accounts = template.map(|template| host_accounts::ask(object, template, old, world, settings));
    let accounts = accounts.unwrap_or_default();
    let room = read.then(|| quotas::ask(object, template, old, world, settings));
    let room = room.unwrap_or_default();
    if let Some(status) = existence.refused {
        asked.refuse(status);
    } else if let Some((denial, template)) = early.zip(template) {
        asked.refuse(forbidden(template, &denial));
    } else if let Some(status) = object_status(object, &live.errors) {
        asked.refuse(status);
        asked.warn(&warnings_if(false));
    } else {
        // Of several plug-ins limit ranges are asked first and Pod Security before classes; webhooks are asked of what all of
        // them let pass, and quotas last.
        let late = late.zip(template);
        let late = late.map(|(denial, template)| forbidden(template, &denial));
        // Pod Security is not asked of what limit ranges refuse.
        let warns_of_security = limits.denied.is_none();
        let refused = limits.denied.or(security.denied).or(late);
        let lets_pass = refused.is_none();
        if let Some(status) = refused.or(accounts.denied).or(room.denied) {
            asked.refuse(status);
        }
        asked.warn(&live.warnings);
        if warns_of_security {
            asked.answer.warnings.extend(security.warnings);
        }
        if lets_pass {
            asked.answer.warnings.extend(accounts.warnings);
        }
    }
    asked.answer.warnings = sent(asked.answer.warnings);
    // What is not valid does not come before admission, but whoever mends it wants to know all of it.
    let found = limits.filled.unwrap_or(written);
    asked.findings.extend(found.errors);
    asked.findings.extend(existence.findings);
    asked
        .findings
        .extend(made.and_then(|template| of_classes(template, world)));
    asked.findings.extend(of_request);
    asked.findings.extend(found.warnings);
    asked.findings.extend(security.findings);
    asked.findings.extend(accounts.findings);
    asked.findings.extend(limits.findings);
    asked.findings.extend(room.findings);
    if read {
        asked.findings.extend(unasked(object, old));
    }
    asked
}

/// What no answer tells.
fn unasked(object: &Object<'_>, old: Option<&Object<'_>>) -> Vec<Finding> {
    if is_namespace(object) {
        return host_accounts::ask_namespace(object).into_iter().collect();
    }
    node_ports::ask(object, old)
}

/// The warnings of an object, which are others where it is not `valid`.
fn warnings_of(
    object: &Object<'_>,
    template: Option<&PodTemplate<'_>>,
    old: Option<&Object<'_>>,
    valid: bool,
    options: &Options,
) -> Vec<Finding> {
    match (old, template) {
        (Some(old), _) if valid => change_warnings(old, object, options),
        (None, _) if valid => object_warnings(object, options),
        (None, Some(template)) => warnings_of_invalid(template, options),
        _ => Vec::new(),
    }
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
        None if is_namespace(object) => pod_security::ask_namespace(object, world, settings),
        None => pod_security::Said::default(),
    }
}

pub(crate) fn forbidden(template: &PodTemplate<'_>, denial: &Denial) -> Status {
    let name = classes::name_of(template, denial.stage);
    Status::forbidden("pods", &name, &denial.finding.detail)
}

/// What admission by classes says to the author of a pod: one that is not among the files may be in the cluster, unless the
/// cluster is known. Of a workload whose pods would be refused only that is said.
fn of_classes(template: &PodTemplate<'_>, world: &World<'_>) -> Option<Finding> {
    let pod = PodTemplate {
        kind: WorkloadKind::Pod,
        ..*template
    };
    let mut finding = classes::check(&pod, world.classes())?.finding;
    let is_known = classes::unknown(&finding).map(|kind| {
        world.knows(match kind {
            Kind::Priority => Part::PriorityClasses,
            Kind::Runtime => Part::RuntimeClasses,
        })
    });
    match (template.kind, is_known) {
        (WorkloadKind::Pod, None) => Some(finding),
        (WorkloadKind::Pod, Some(false)) => {
            finding.severity = Severity::Advice;
            Some(finding.with_help("it is not among the files; make sure that the cluster has it"))
        }
        (WorkloadKind::PodTemplate, _) | (_, None | Some(false)) => None,
        (_, Some(true)) => {
            // Of a pod its fields begin at its spec.
            if let Some(below) = finding.field.strip_prefix("spec") {
                finding.field = format!("{}{below}", template.prefix);
            }
            Some(finding.with_help(existence::in_neither(template)))
        }
    }
}
