//! Probes (`validateProbe` and what is asked of each kind of probe).

use porthole_manifest::Node;

use super::Scope;
use super::handlers::{self, Owner};
use crate::path::Path;
use crate::report::{Shown, int, place};
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// The seconds and thresholds of a probe are not negative. Zero, like nothing, stands for the default.
    PROBE_NUMBER_NEGATIVE = "probe-number-negative";
    /// A liveness or startup probe succeeds with the first success: `successThreshold` is 1. Only readiness comes and goes.
    PROBE_SUCCESS_THRESHOLD = "probe-success-threshold";
    /// `terminationGracePeriodSeconds` of a liveness or startup probe is positive; a readiness probe ends nothing and has none.
    PROBE_GRACE_PERIOD = "probe-grace-period";
}

/// The numbers of a probe, in the API server's order, and what they are by default.
const NUMBERS: [&str; 5] = [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
];

/// The lifecycle hooks and probes of a container, as since 1.25.
pub(super) fn check_all(pass: &mut Pass<'_>, scope: &Scope<'_>, at: &Path<'_>, container: Node<'_>) {
    if let Some(lifecycle) = handlers::lifecycle(pass.options, container) {
        handlers::check_lifecycle(pass, scope, &at.child("lifecycle"), lifecycle);
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.field(key) else {
            continue;
        };
        let at = at.child(key);
        check(pass, scope, &at, probe, key);
        if key == "readinessProbe" {
            check_no_grace_period(pass, &at, probe);
        } else {
            check_success(pass, &at, probe);
        }
    }
}

/// The probes as up to 1.24: the readiness probe after the termination message policy, which `between` asks, and the
/// startup probe twice.
pub(super) fn check_before_1_25(
    pass: &mut Pass<'_>,
    scope: &Scope<'_>,
    at: &Path<'_>,
    container: Node<'_>,
    between: impl FnOnce(&mut Pass<'_>),
) {
    let probe = |key| container.field(key);
    let liveness = at.child("livenessProbe");
    let readiness = at.child("readinessProbe");
    let startup = at.child("startupProbe");
    if let Some(probe) = probe("livenessProbe") {
        check(pass, scope, &liveness, probe, "livenessProbe");
    }
    if let Some(probe) = probe("readinessProbe") {
        check_no_grace_period(pass, &readiness, probe);
    }
    if let Some(probe) = probe("startupProbe") {
        check(pass, scope, &startup, probe, "startupProbe");
    }
    if let Some(probe) = probe("livenessProbe") {
        check_success(pass, &liveness, probe);
    }
    if let Some(probe) = probe("startupProbe") {
        check(pass, scope, &startup, probe, "startupProbe");
        check_success(pass, &startup, probe);
    }
    between(pass);
    if let Some(probe) = probe("readinessProbe") {
        check(pass, scope, &readiness, probe, "readinessProbe");
    }
}

/// Whether `terminationGracePeriodSeconds` of a probe counts: up to 1.27 a gate drops it, but from readiness probes.
pub(super) fn knows_grace_period(pass: &Pass<'_>, kind: &str) -> bool {
    kind == "readinessProbe" || pass.at_least(28) || pass.enabled("ProbeTerminationGracePeriod")
}

/// `validateProbe`.
fn check(pass: &mut Pass<'_>, scope: &Scope<'_>, at: &Path<'_>, probe: Node<'_>, kind: &str) {
    handlers::check(pass, scope, at, probe, Owner::Probe);
    for key in NUMBERS {
        let number = int(probe, key).unwrap_or_default();
        if number < 0 {
            let detail = "must be greater than or equal to 0";
            let span = place(probe, key);
            let field = at.child(key);
            pass.invalid(&PROBE_NUMBER_NEGATIVE, &field, Shown::Int(number), detail, span);
        }
    }
    let is_known = knows_grace_period(pass, kind);
    let seconds = int(probe, "terminationGracePeriodSeconds").filter(|_| is_known);
    if let Some(seconds) = seconds.filter(|seconds| *seconds <= 0) {
        let key = "terminationGracePeriodSeconds";
        let detail = "must be greater than 0";
        let span = place(probe, key);
        pass.invalid(
            &PROBE_GRACE_PERIOD,
            &at.child(key),
            Shown::Int(seconds),
            detail,
            span,
        );
    }
}

fn check_success(pass: &mut Pass<'_>, at: &Path<'_>, probe: Node<'_>) {
    let key = "successThreshold";
    let successes = int(probe, key).unwrap_or_default();
    if !matches!(successes, 0 | 1) {
        let span = place(probe, key);
        let field = at.child(key);
        pass.invalid(
            &PROBE_SUCCESS_THRESHOLD,
            &field,
            Shown::Int(successes),
            "must be 1",
            span,
        );
    }
}

fn check_no_grace_period(pass: &mut Pass<'_>, at: &Path<'_>, probe: Node<'_>) {
    let key = "terminationGracePeriodSeconds";
    if let Some(seconds) = int(probe, key) {
        let detail = "must not be set for readinessProbes";
        let span = place(probe, key);
        pass.invalid(
            &PROBE_GRACE_PERIOD,
            &at.child(key),
            Shown::Int(seconds),
            detail,
            span,
        );
    }
}
