//! What the rules and the runtime say against a workload, with the places where it is written.

use std::fmt::Write as _;

use porthole_pod::{Finding, Options, Severity, status_message, validate};
use porthole_runtime::spec::Refusal;

use crate::exit;
use crate::failure::Failure;
use crate::manifests::Workload;

/// The API server's findings against a workload.
pub(crate) fn findings(workload: &Workload<'_>) -> Vec<Finding> {
    validate(&workload.template, &Options::default())
}

/// The failure of a workload that the API server would refuse, in its words.
pub(crate) fn refused_by_rules(workload: &Workload<'_>, findings: &[Finding]) -> Option<Failure> {
    let errors: Vec<Finding> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .cloned()
        .collect();
    if errors.is_empty() {
        return None;
    }
    let mut text = status_message(workload.template.kind, &workload.name(), &errors);
    for finding in &errors {
        let place = finding
            .span
            .map_or_else(|| workload.source.name().to_owned(), |span| workload.place(span));
        let _ = write!(text, "\n  {place}: {} [{}]", finding.field, finding.rule);
        if let Some(help) = &finding.help {
            let _ = write!(text, ": {help}");
        }
    }
    Some(Failure::new(exit::OWN_FAILURE, text))
}

/// The failure of a workload that porthole cannot run as it is written.
pub(crate) fn refused(workload: &Workload<'_>, namespace: &str, refusals: &[Refusal]) -> Failure {
    let mut text = format!("run {}:", workload.title(namespace));
    for refusal in refusals {
        let _ = write!(text, "\n  {}: {refusal}", workload.place(refusal.span));
    }
    let failure = Failure::new(exit::OWN_FAILURE, text);
    let mut helps: Vec<&str> = Vec::new();
    for help in refusals.iter().filter_map(|refusal| refusal.help.as_deref()) {
        if !helps.contains(&help) {
            helps.push(help);
        }
    }
    if helps.is_empty() {
        failure
    } else {
        failure.help(helps.join("\n      "))
    }
}
