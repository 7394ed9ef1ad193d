//! What the API server says beside its answer when it takes an object (`warningsForPodSpecAndMeta`), in its order.

use porthole_manifest::{Object, PodTemplate, WorkloadKind, pod_template};

use crate::decode;
use crate::finding::{ErrorKind, Finding};
use crate::options::Options;
use crate::report::Report;
use crate::rules::object::{credential_spec, service};
use crate::rules::{container, metadata, warnings, workload};
use crate::validate::Pass;

/// The warnings of the API server on the creation of a workload that it takes.
#[must_use]
pub fn warnings(template: &PodTemplate<'_>, options: &Options) -> Vec<Finding> {
    let prefix = match template.kind {
        // So the server names it.
        WorkloadKind::ReplicationController if !options.at_least(27) => "template.spec",
        _ => template.prefix,
    };
    warnings_at(template, prefix, options)
}

/// The warnings of a workload whose pods' spec has this path.
pub(crate) fn warnings_at(
    template: &PodTemplate<'_>,
    prefix: &'static str,
    options: &Options,
) -> Vec<Finding> {
    let mut pass = Pass::new(template, options);
    pass.template.prefix = prefix;
    check(&mut pass);
    pass.into_findings()
}

/// All of them.
pub(crate) fn check(pass: &mut Pass<'_>) {
    workload::warnings::check_before(pass);
    warnings::check_made_fields(pass);
    warnings::check_before_containers(pass);
    container::warnings::check(pass);
    warnings::check_after_containers(pass);
    workload::warnings::check_after(pass);
}

/// The warnings of the API server on the creation of an object of any kind that it takes, or that admission refuses once it
/// is valid.
#[must_use]
pub fn object_warnings(object: &Object<'_>, options: &Options) -> Vec<Finding> {
    if let Some(template) = pod_template(object) {
        return warnings(&template, options);
    }
    let mut report = Report::new(options);
    match (object.group(), object.kind) {
        ("", Some("PersistentVolumeClaim")) => warnings::claim::check(&mut report, object.node),
        (credential_spec::GROUP, Some(credential_spec::KIND)) => {
            credential_spec::warn(&mut report, object.node, None);
        }
        ("", Some("Service")) => service::warn(&mut report, None, object.node),
        _ => {}
    }
    report.into_findings()
}

/// The warnings of the API server on reading the request, whatever becomes of it: that the `apiVersion` will not be served
/// for ever, and owners that are named twice.
#[must_use]
pub fn request_warnings(object: &Object<'_>, options: &Options) -> Vec<Finding> {
    let mut report = Report::new(options);
    metadata::warn_of_owners(&mut report, object.node);
    let deprecation = object.node.field("apiVersion").and_then(|node| {
        decode::check_api_version(object.api_version?, object.kind?, node.span(), options)
            .filter(|finding| finding.kind == ErrorKind::Warning)
    });
    deprecation.into_iter().chain(report.into_findings()).collect()
}

/// The warnings of the API server on the creation of an object that it does not find valid: those of what it writes anew
/// before it looks.
#[must_use]
pub fn warnings_of_invalid(template: &PodTemplate<'_>, options: &Options) -> Vec<Finding> {
    let mut pass = Pass::new(template, options);
    warnings::check_made_fields(&mut pass);
    pass.into_findings()
}
