//! What the API server says beside its answer when it takes an object (`warningsForPodSpecAndMeta`), in its order.

use porthole_manifest::PodTemplate;

use crate::finding::Finding;
use crate::options::Options;
use crate::rules::container;
use crate::validate::Pass;

/// The warnings of the API server on the creation of an object that it takes.
#[must_use]
pub fn warnings(template: &PodTemplate<'_>, options: &Options) -> Vec<Finding> {
    let mut pass = Pass::new(template, options);
    container::warnings::check(&mut pass);
    pass.into_findings()
}
