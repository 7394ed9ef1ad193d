//! What porthole answers.

use std::collections::BTreeSet;

use porthole_manifest::{Limits, Stream, objects, parse, pod_template};
use porthole_pod::pod_security::{Configuration, NamespacePolicy};
use porthole_pod::{ErrorKind, Finding, Options, Status, status, validate, warnings};
use porthole_tests::failure::{Failure, Result};
use serde_json::Value;

use crate::answer::Answer;
use crate::namespaces;

/// The answer, and the rules that it is by.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The answer.
    pub answer: Answer,
    /// The rules that found something, with the fields where.
    pub fired: BTreeSet<(&'static str, String)>,
}

/// The answer to the creation of the object that `text` holds, in a namespace of [`namespaces`].
///
/// # Errors
/// The text is no YAML, or holds no pod.
pub fn answer(text: &str, namespace: &str, options: &Options) -> Result<Verdict> {
    let what = "read the object as porthole does";
    let stream = parse(text, &Limits::default());
    if let Some(error) = stream.errors.first() {
        return Err(Failure::new(what, format!("{error:?}")));
    }
    let document = stream.documents.first();
    let object = document.and_then(|document| objects(document).into_iter().next());
    let template = object.as_ref().and_then(pod_template);
    let Some(template) = template else {
        return Err(Failure::new(what, "it holds no pod"));
    };
    let findings = validate(&template, options);
    let (said, errors): (Vec<Finding>, Vec<Finding>) = findings
        .into_iter()
        .partition(|finding| finding.kind == ErrorKind::Warning);
    let mut fired = rules(&errors);
    fired.extend(rules(&said));
    if let Some(refusal) = status(&template, &errors) {
        return verdict(refusal.code, Some(&refusal), said, Vec::new(), fired);
    }
    let mut said = said;
    said.extend(warnings(&template, options));
    fired.extend(rules(&said));
    let labels = policy(namespace, options);
    let admitted = Configuration::default().admit(&template, namespace, &labels, Some("admin"), options);
    for judgement in &admitted.judgements {
        for violation in &judgement.violations {
            fired.insert((violation.rule.name, String::new()));
        }
    }
    let code = admitted.denied.as_ref().map_or(201, |status| status.code);
    verdict(code, admitted.denied.as_ref(), said, admitted.warnings(), fired)
}

fn rules(findings: &[Finding]) -> BTreeSet<(&'static str, String)> {
    let fired = findings
        .iter()
        .map(|finding| (finding.rule.name, finding.field.clone()));
    fired.collect()
}

fn verdict(
    code: u16,
    refusal: Option<&Status>,
    said: Vec<Finding>,
    more: Vec<String>,
    fired: BTreeSet<(&'static str, String)>,
) -> Result<Verdict> {
    let status = match refusal {
        Some(refusal) => serde_json::to_value(refusal)
            .map_err(|error| Failure::new("write porthole's answer as JSON", error))?,
        None => Value::Null,
    };
    let mut warnings: Vec<String> = said.into_iter().map(|finding| finding.detail).collect();
    warnings.extend(more);
    Ok(Verdict {
        answer: Answer {
            code,
            status,
            warnings,
        }
        .settled(),
        fired,
    })
}

fn policy(namespace: &str, options: &Options) -> NamespacePolicy {
    let defaults = Configuration::default().defaults;
    let Some(object) = namespaces::object(namespace) else {
        return NamespacePolicy::unlabelled(defaults);
    };
    let stream: Stream = parse(&object.to_string(), &Limits::default());
    stream.documents.first().map_or_else(
        || NamespacePolicy::unlabelled(defaults),
        |document| NamespacePolicy::of(document.root(), defaults, options),
    )
}
