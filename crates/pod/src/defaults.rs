//! What containers get that say nothing of a resource, before the pod is validated.

use std::borrow::Cow;
use std::collections::BTreeMap;

use porthole_manifest::PodTemplate;

use crate::finding::Finding;
use crate::options::Options;
use crate::quantity::Quantity;
use crate::validate::{self, Pass};
use crate::warnings;

/// Amounts by the names of their resources.
pub type Amounts<'a> = BTreeMap<Cow<'a, str>, Quantity<'a>>;

/// What the limit ranges of a namespace give to containers and init containers that do not say
/// (`mergePodResourceRequirements`), by the names of the resources.
#[derive(Clone, Debug, Default)]
pub struct ContainerDefaults<'a> {
    /// What they may have.
    pub limits: Amounts<'a>,
    /// What they ask for.
    pub requests: Amounts<'a>,
}

impl ContainerDefaults<'_> {
    /// Whether there is nothing to give.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty() && self.requests.is_empty()
    }
}

/// What the API server says when a Pod is created whose containers have been given that, in its order; of a template what it
/// would say of its pods' containers.
#[must_use]
pub fn validate_filled<'a>(
    template: &PodTemplate<'a>,
    options: &'a Options,
    defaults: &'a ContainerDefaults<'a>,
) -> Vec<Finding> {
    validate::validate_with(template, options, Some(defaults))
}

/// The warnings of the API server on the creation of such a Pod.
#[must_use]
pub fn warnings_filled<'a>(
    template: &PodTemplate<'a>,
    options: &'a Options,
    defaults: &'a ContainerDefaults<'a>,
) -> Vec<Finding> {
    let mut pass = Pass::new(template, options);
    pass.defaults = Some(defaults);
    warnings::check(&mut pass);
    pass.into_findings()
}
