//! `ObjectMeta`: names, namespaces, labels, annotations, owners (`ValidateObjectMeta`).

use crate::validate::Pass;

/// The metadata of the pod, or of what a workload makes its pods of.
pub(crate) fn check_template(_pass: &mut Pass<'_>) {}
