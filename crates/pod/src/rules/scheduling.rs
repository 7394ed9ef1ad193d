//! Where a pod may run: node selector, affinity, gates, topology spread, tolerations.

use crate::validate::Pass;

/// `spec.nodeSelector`.
pub(crate) fn check_node_selector(_pass: &mut Pass<'_>) {}

/// `spec.affinity`.
pub(crate) fn check_affinity(_pass: &mut Pass<'_>) {}

/// `spec.readinessGates` and `spec.schedulingGates`.
pub(crate) fn check_gates(_pass: &mut Pass<'_>) {}

/// `spec.topologySpreadConstraints`.
pub(crate) fn check_topology_spread(_pass: &mut Pass<'_>) {}

/// `spec.tolerations`.
pub(crate) fn check_tolerations(_pass: &mut Pass<'_>) {}
