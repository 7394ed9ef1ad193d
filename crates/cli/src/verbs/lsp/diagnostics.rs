//! Findings as the protocol's diagnostics.

use porthole_check::{File, Verdict};
use porthole_pod::{Enforcer, ErrorKind, Finding, Severity};
use serde_json::{Value, json};

use super::position::Lines;

/// What an editor can show.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Abilities {
    pub(super) related: bool,
    pub(super) description: bool,
    pub(super) tags: bool,
}

/// Everything that is said of a file.
pub(super) fn of_file(
    file: &File,
    verdicts: &[Verdict<'_>],
    uri: &str,
    lines: &Lines<'_>,
    can: Abilities,
) -> Vec<Value> {
    let broken = file.stream.errors.iter().map(|error| {
        let message = match &error.help {
            Some(help) => format!("{}\n{help}", error.reason),
            None => error.reason.clone(),
        };
        let range = lines.range(error.span.start as usize, error.span.end as usize);
        json!({"range": range, "severity": 1, "source": "porthole", "code": "syntax", "message": message})
    });
    let findings = verdicts.iter().flat_map(|verdict| &verdict.findings);
    broken
        .chain(findings.map(|finding| of_finding(finding, uri, lines, can)))
        .collect()
}

/// A finding.
pub(super) fn of_finding(finding: &Finding, uri: &str, lines: &Lines<'_>, can: Abilities) -> Value {
    let (start, end) = range(finding);
    let mut message = finding.to_string();
    if let Some(help) = &finding.help {
        message.push('\n');
        message.push_str(help);
    }
    let severity = match finding.severity {
        Severity::Error => 1,
        Severity::Warning => 2,
        Severity::Advice => 3,
    };
    let mut diagnostic = json!({
        "range": lines.range(start, end),
        "severity": severity,
        "source": "porthole",
        "code": finding.rule.name,
        "message": message,
        "data": {"rule": finding.rule.name, "field": finding.field, "fix": finding.fix.is_some()},
    });
    if let Some(page) = page(finding.rule.enforcer).filter(|_| can.description) {
        diagnostic["codeDescription"] = json!({"href": page});
    }
    if can.related && !finding.related.is_empty() {
        let related = finding.related.iter().map(|(span, text)| {
            let range = lines.range(span.start as usize, span.end as usize);
            json!({"location": {"uri": uri, "range": range}, "message": text})
        });
        diagnostic["relatedInformation"] = related.collect();
    }
    let tag = match finding.kind {
        ErrorKind::Ignored => Some(1),
        _ if finding.rule.name == "deprecated-api-version" => Some(2),
        _ => None,
    };
    if let Some(tag) = tag.filter(|_| can.tags) {
        diagnostic["tags"] = json!([tag]);
    }
    diagnostic
}

/// The bytes of a finding; what has no place is at the beginning.
pub(super) fn range(finding: &Finding) -> (usize, usize) {
    finding
        .span
        .map_or((0, 0), |span| (span.start as usize, span.end as usize))
}

/// Where whoever enforces a rule is described.
const fn page(enforcer: Enforcer) -> Option<&'static str> {
    match enforcer {
        Enforcer::ApiServer => {
            Some("https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/")
        }
        Enforcer::PodSecurity => Some("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
        Enforcer::Webhook => Some("https://kubernetes.io/docs/tasks/configure-pod-container/configure-gmsa/"),
        Enforcer::Node => {
            Some("https://kubernetes.io/docs/tasks/configure-pod-container/create-hostprocess-pod/")
        }
        Enforcer::Advice => None,
    }
}
