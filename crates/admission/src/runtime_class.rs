//! The admission plugin `RuntimeClass`: the class that a pod names is there, and its overhead is the class's.
//!
//! It is asked of Pods alone: for the class before they are validated, for the overhead after Pod Security.

use porthole_manifest::{Node, PodTemplate, WorkloadKind};
use porthole_pod::{ErrorKind, Finding, Options, Rule, Severity, go_quote};

porthole_pod::rules! { ApiServer:
    /// `runtimeClassName` is that of a RuntimeClass that there is.
    RUNTIME_CLASS_UNKNOWN = "runtime-class-unknown";
    /// What a pod needs beside its containers (`overhead`) is its RuntimeClass's: a pod without one has none, and leaves the
    /// field out.
    OVERHEAD = "overhead-of-class";
}

/// The rules of this module.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    RULES
}

/// What the plugin refuses a Pod for before it is validated, where the classes named `known` are all that there are. The
/// detail is the whole text behind `pods "NAME" is forbidden: `. At an empty name the server fails itself (500), and
/// there is nothing to find here.
#[must_use]
pub fn check_class(template: &PodTemplate<'_>, known: &[&str]) -> Option<Finding> {
    let spec = template.spec.filter(|_| template.kind == WorkloadKind::Pod)?;
    let name = spec.field("runtimeClassName").and_then(Node::as_str)?;
    let error = format!("pod rejected: RuntimeClass {} not found", go_quote(name));
    (!name.is_empty() && !known.contains(&name))
        .then(|| finding(&RUNTIME_CLASS_UNKNOWN, spec, "runtimeClassName", error))
}

/// What the plugin refuses a valid Pod for that names no class.
#[must_use]
pub fn check_overhead(template: &PodTemplate<'_>, options: &Options) -> Option<Finding> {
    let spec = template.spec.filter(|_| template.kind == WorkloadKind::Pod)?;
    let there = options.at_least(24) || options.enabled("PodOverhead");
    if !there || spec.field("runtimeClassName").is_some() || spec.field("overhead").is_none() {
        return None;
    }
    let error =
        "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".to_owned();
    Some(finding(&OVERHEAD, spec, "overhead", error))
}

fn finding(rule: &'static Rule, spec: Node<'_>, field: &str, error: String) -> Finding {
    Finding {
        rule,
        severity: Severity::Error,
        kind: ErrorKind::Denied,
        field: format!("spec.{field}"),
        value: None,
        detail: error,
        span: Some(spec.get(field).unwrap_or(spec).span()),
        related: Vec::new(),
        help: None,
        fix: None,
    }
}

#[cfg(test)]
mod tests {
    use porthole_manifest::{Limits, objects, parse, pod_template};

    use super::*;

    /// What is found in a Pod whose spec has these fields: of the class, and of the overhead.
    fn found(fields: &str) -> [Option<String>; 2] {
        let text = format!("{{apiVersion: v1, kind: Pod, spec: {{containers: [{{name: c}}], {fields}}}}}");
        let stream = parse(&text, &Limits::default());
        let object = &objects(&stream.documents[0])[0];
        let template = pod_template(object).expect("a Pod has one");
        let texts = [
            check_class(&template, &["there"]),
            check_overhead(&template, &Options::default()),
        ];
        texts.map(|finding| finding.map(|finding| finding.detail))
    }

    #[test]
    fn the_class_is_there_and_the_overhead_is_its_own() {
        let unknown = "pod rejected: RuntimeClass \"x\" not found".to_owned();
        assert_eq!(found("runtimeClassName: x"), [Some(unknown), None]);
        assert_eq!(found("runtimeClassName: there, overhead: {cpu: 1}"), [None, None]);
        let overhead = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
        assert_eq!(
            found("overhead: {}"),
            [None, Some(overhead.to_owned())],
            "an empty one is set"
        );
        assert_eq!(found("overhead: null"), [None, None], "null is not");
    }
}
