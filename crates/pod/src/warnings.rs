//! What the API server says beside its answer when it takes an object (`warningsForPodSpecAndMeta`), in its order.

use porthole_manifest::PodTemplate;

use crate::finding::Finding;
use crate::options::Options;
use crate::rules::{container, warnings};
use crate::validate::Pass;

/// The warnings of the API server on the creation of an object that it takes.
#[must_use]
pub fn warnings(template: &PodTemplate<'_>, options: &Options) -> Vec<Finding> {
    let mut pass = Pass::new(template, options);
    warnings::check_made_fields(&mut pass);
    warnings::check_before_containers(&mut pass);
    container::warnings::check(&mut pass);
    warnings::check_after_containers(&mut pass);
    pass.into_findings()
}
