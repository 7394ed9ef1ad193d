//! What the API server says beside its answer when it takes an object (`warningsForPodSpecAndMeta`), in its order.

use porthole_manifest::{PodTemplate, WorkloadKind};

use crate::finding::Finding;
use crate::options::Options;
use crate::rules::{container, warnings, workload};
use crate::validate::Pass;

/// The warnings of the API server on the creation of an object that it takes.
#[must_use]
pub fn warnings(template: &PodTemplate<'_>, options: &Options) -> Vec<Finding> {
    let mut pass = Pass::new(template, options);
    if template.kind == WorkloadKind::ReplicationController && !pass.at_least(27) {
        // So the server names it.
        pass.template.prefix = "template.spec";
    }
    warnings::check_made_fields(&mut pass);
    workload::warnings::check_before_pod(&mut pass);
    warnings::check_before_containers(&mut pass);
    container::warnings::check(&mut pass);
    warnings::check_after_containers(&mut pass);
    workload::warnings::check_after_pod(&mut pass);
    pass.into_findings()
}

/// The warnings of the API server on the creation of an object that it does not find valid: those of what it writes anew
/// before it looks.
#[must_use]
pub fn warnings_of_invalid(template: &PodTemplate<'_>, options: &Options) -> Vec<Finding> {
    let mut pass = Pass::new(template, options);
    warnings::check_made_fields(&mut pass);
    pass.into_findings()
}
