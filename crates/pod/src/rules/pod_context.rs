//! `spec.securityContext` (`validatePodSpecSecurityContext`).

use crate::rules::{host_ports, windows_options};
use crate::validate::Pass;

pub(crate) fn check(pass: &mut Pass<'_>) {
    host_ports::check_host_network_before_1_28(pass);
    windows_options::check_pod(pass);
}
