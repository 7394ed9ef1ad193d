//! What things are called in every output.

use porthole_check::Checked;
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

/// How much of an object was looked at, in one word.
pub(super) const fn checked(checked: Checked) -> &'static str {
    match checked {
        Checked::Rules => "rules",
        Checked::Decoding => "decoding",
        Checked::Nothing => "nothing",
    }
}
