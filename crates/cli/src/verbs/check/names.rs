//! What things are called in every output.

use porthole_pod::{Enforcer, Severity};

/// A severity in one word.
pub(crate) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "advice",
    }
}

/// Who enforces a rule, in one word.
pub(crate) const fn enforcer(enforcer: Enforcer) -> &'static str {
    match enforcer {
        Enforcer::ApiServer => "api-server",
        Enforcer::PodSecurity => "pod-security",
        Enforcer::Webhook => "webhook",
        Enforcer::Node => "node",
        Enforcer::Advice => "porthole",
    }
}
