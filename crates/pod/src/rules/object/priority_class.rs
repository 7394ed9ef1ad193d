//! `PriorityClasses` (`ValidatePriorityClass`).

use porthole_manifest::Node;

use crate::path::Path;
use crate::report::{Report, Shown, int, is_true, place, some_text};
use crate::rule::rules;
use crate::rules::metadata::created_name;

rules! { ApiServer:
    /// The value of a `PriorityClass` is at most 1000000000: what is above that, and names that begin with `system-`, is
    /// Kubernetes' own.
    PRIORITY_CLASS = "priority-class";
}

/// The highest priority that users can have.
const HIGHEST: i64 = 1_000_000_000;
/// The classes that are there in every cluster.
pub(crate) const SYSTEM: [(&str, i64); 2] = [
    ("system-node-critical", 2_000_001_000),
    ("system-cluster-critical", 2_000_000_000),
];

pub(super) fn check(report: &mut Report<'_>, object: Node<'_>) {
    let name = created_name(object.child("metadata"));
    let value = int(object, "value").unwrap_or_default();
    if name.starts_with("system-") {
        if let Some(error) = system_fault(&name, value, is_true(object, "globalDefault")) {
            let metadata = Path::root("metadata");
            let detail = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {error}"
            );
            let span = place(object.child("metadata"), "name");
            report.forbidden(&PRIORITY_CLASS, &metadata.child("name"), detail, span);
        }
    } else if value > HIGHEST {
        let detail = format!("maximum allowed value of a user defined priority is {HIGHEST}");
        report.forbidden(
            &PRIORITY_CLASS,
            &Path::root("value"),
            detail,
            place(object, "value"),
        );
    }
    let known = ["PreemptLowerPriority", "Never"];
    if let Some(policy) = some_text(object, "preemptionPolicy").filter(|policy| !known.contains(policy)) {
        let field = Path::root("preemptionPolicy");
        let span = place(object, "preemptionPolicy");
        if policy.is_empty() {
            report.required(&PRIORITY_CLASS, &field, "", span);
        } else {
            report.not_supported(&PRIORITY_CLASS, &field, Shown::Named(policy), &known, span);
        }
    }
}

fn system_fault(name: &str, value: i64, is_default: bool) -> Option<String> {
    match SYSTEM.iter().find(|(system, _)| *system == name) {
        None => Some(format!("{name} is not a known system priority class")),
        Some((_, known)) if *known != value => Some(format!("value of {name} PriorityClass must be {known}")),
        Some(_) if is_default => Some(format!("globalDefault of {name} PriorityClass must be false")),
        Some(_) => None,
    }
}
