//! Pods for the tests: written as YAML, validated, answered.

use porthole_manifest::{Document, Limits, PodTemplate, objects, parse, pod_template};
use porthole_pod::{Finding, Options, Version, status_message, validate};

/// The one document of `text`.
#[track_caller]
pub(crate) fn document(text: &str) -> Document {
    let mut stream = parse(text, &Limits::default());
    assert_eq!(stream.errors, [], "{text}");
    stream.documents.remove(0)
}

/// Calls `ask` with the template of the one workload of `text`.
#[track_caller]
pub(crate) fn with_template<T>(text: &str, ask: impl FnOnce(&PodTemplate<'_>) -> T) -> T {
    let document = document(text);
    let objects = objects(&document);
    let Some(template) = objects.first().and_then(pod_template) else {
        panic!("no workload:\n{text}")
    };
    ask(&template)
}

/// A Pod named `x` of the lines of `spec`, and of a container where those have none.
pub(crate) fn pod(spec: &str) -> String {
    let container = "\ncontainers: [{name: main, image: i}]";
    let container = if spec.contains("containers:") {
        ""
    } else {
        container
    };
    let spec = format!("{spec}{container}")
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect::<Vec<_>>()
        .concat();
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n{spec}")
}

/// What is found in the workload of `text`.
#[track_caller]
pub(crate) fn findings_under(text: &str, options: &Options) -> Vec<Finding> {
    with_template(text, |template| validate(template, options))
}

/// What is found in the workload of `text` by default.
#[track_caller]
pub(crate) fn findings(text: &str) -> Vec<Finding> {
    findings_under(text, &Options::default())
}

/// The texts of what is found in a Pod of `spec`.
#[track_caller]
pub(crate) fn texts(spec: &str) -> Vec<String> {
    findings(&pod(spec)).iter().map(ToString::to_string).collect()
}

/// The names of the rules that a Pod of `spec` breaks.
#[track_caller]
pub(crate) fn rules(spec: &str) -> Vec<&'static str> {
    findings(&pod(spec))
        .iter()
        .map(|finding| finding.rule.name)
        .collect()
}

/// The API server's message for the workload of `text`.
#[track_caller]
pub(crate) fn message(text: &str) -> String {
    with_template(text, |template| {
        let findings = validate(template, &Options::default());
        status_message(template.kind, template.name.unwrap_or_default(), &findings)
    })
}

/// Kubernetes 1.`minor`.
#[track_caller]
pub(crate) fn version(minor: u16) -> Version {
    let Some(version) = Version::new(minor) else {
        panic!("1.{minor} is not known")
    };
    version
}

/// The texts of what is found in a Pod of `spec` under `options`.
#[track_caller]
pub(crate) fn texts_under(spec: &str, options: &Options) -> Vec<String> {
    let findings = findings_under(&pod(spec), options);
    findings.iter().map(ToString::to_string).collect()
}

/// A cluster of Kubernetes 1.`minor`.
#[track_caller]
pub(crate) fn options_of(minor: u16) -> Options {
    let Some(version) = Version::new(minor) else {
        panic!("1.{minor} is not known")
    };
    Options::of(version)
}

/// The texts of what is found in a Pod of `spec` by Kubernetes 1.`minor`.
#[track_caller]
pub(crate) fn texts_at(minor: u16, spec: &str) -> Vec<String> {
    texts_under(spec, &Options::of(version(minor)))
}

/// What is found in the first container of a Pod, without its path: its fields beside name and image are `fields`. The
/// Pod has the volumes `v`, an emptyDir, and `p`, a claim's.
#[track_caller]
pub(crate) fn container_texts_at(minor: u16, fields: &str) -> Vec<String> {
    let volumes = "volumes: [{name: v, emptyDir: {}}, {name: p, persistentVolumeClaim: {claimName: p}}]";
    let spec = format!("{volumes}\ncontainers: [{{name: c, image: i, {fields}}}]");
    let texts = texts_at(minor, &spec);
    let path = "spec.containers[0].";
    texts
        .iter()
        .map(|text| text.strip_prefix(path).unwrap_or(text).to_owned())
        .collect()
}

/// Asserts what each line of a table, of a version, a container's fields and the texts, is answered with.
#[track_caller]
pub(crate) fn assert_containers(cases: &[(u16, &str, &[&str])]) {
    for (minor, fields, expected) in cases {
        assert_eq!(
            container_texts_at(*minor, fields),
            *expected,
            "1.{minor}: {fields}"
        );
    }
}
