//! `spec.securityContext` (`validatePodSpecSecurityContext`).

use crate::rules::windows_options;
use crate::validate::Pass;

pub(crate) fn check(pass: &mut Pass<'_>) {
    windows_options::check_pod(pass);
}
