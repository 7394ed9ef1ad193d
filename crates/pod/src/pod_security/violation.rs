//! What a check of Pod Security finds, and the texts that are made of it.

use std::fmt;

use porthole_manifest::Span;

use crate::finding::{ErrorKind, Finding, Severity};
use crate::rule::Rule;

/// A check that a pod does not pass. Displayed as the API server does: the reason, and the detail in parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static Rule,
    /// The check as Kubernetes calls it, such as `windowsHostProcess`.
    pub check: &'static str,
    /// What is not allowed, such as `hostProcess`.
    pub reason: &'static str,
    /// Who does it; may be empty.
    pub detail: String,
    /// Every place that does it, or that lacks what is asked for.
    pub places: Vec<Place>,
}

/// A place of the manifest that breaks a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The field, such as `spec.containers[0].securityContext.privileged`.
    pub field: String,
    /// Where its value stands; of a field that is missing, what would hold it.
    pub span: Span,
}

impl Violation {
    /// The violation as a finding at its first place, with the others beside it.
    #[must_use]
    pub fn finding(&self, severity: Severity) -> Finding {
        let first = self.places.first();
        let others = self.places.iter().skip(1);
        Finding {
            rule: self.rule,
            severity,
            kind: ErrorKind::Denied,
            field: first.map(|place| place.field.clone()).unwrap_or_default(),
            value: None,
            detail: self.to_string(),
            span: first.map(|place| place.span),
            related: others.map(|place| (place.span, place.field.clone())).collect(),
            help: None,
            fix: None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)?;
        if self.detail.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.detail)
    }
}

/// The reasons and details of several violations, as the API server says them of one pod.
#[must_use]
pub fn detail_text(violations: &[Violation]) -> String {
    join(violations.iter().map(ToString::to_string))
}

/// The reasons of several violations, as the API server says them of the pods of a namespace.
#[must_use]
pub fn reason_text(violations: &[Violation]) -> String {
    join(violations.iter().map(|violation| violation.reason.to_owned()))
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}
