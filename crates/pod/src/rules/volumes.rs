//! `spec.volumes` (`ValidateVolumes`).

use crate::validate::Pass;

pub(crate) fn check(_pass: &mut Pass<'_>) {}
