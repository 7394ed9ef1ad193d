//! Objects, lists and the pods of workloads.

use porthole_manifest::{Limits, Node, Stream, WorkloadKind, objects, parse, pod_template};

fn stream(text: &str) -> Stream {
    let stream = parse(text, &Limits::default());
    assert_eq!(stream.errors, [], "{text}");
    stream
}

#[test]
fn every_kind_of_workload_has_its_template() {
    for kind in WorkloadKind::ALL {
        let version = match kind.group() {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        };
        // The template's own metadata and spec stand at its path.
        let mut text = String::from("{metadata: {labels: {a: b}}, spec: {hostNetwork: true}}");
        for key in kind
            .template_path()
            .split('.')
            .rev()
            .filter(|key| !key.is_empty())
        {
            text = format!("{{{key}: {text}}}");
        }
        let text = format!("{{apiVersion: {version}, kind: {}, {}", kind.name(), &text[1..]);
        let stream = stream(&text);
        let objects = objects(&stream.documents[0]);
        let template = pod_template(&objects[0]).expect("a workload");
        assert_eq!(template.kind, kind);
        assert_eq!(template.prefix, kind.spec_path());
        let spec = template.spec.expect("it has a spec");
        assert_eq!(
            objects[0].node.at(template.prefix).map(Node::span),
            Some(spec.span()),
            "{text}"
        );
        assert!(spec.get("hostNetwork").is_some(), "{text}");
        assert!(
            template
                .metadata
                .and_then(|metadata| metadata.at("labels.a"))
                .is_some(),
            "{text}"
        );
    }
}

#[test]
fn another_apis_kind_of_the_same_name_is_no_workload() {
    for (version, kind) in [
        ("batch.volcano.sh/v1", "Job"),
        ("v1", "Deployment"),
        ("apps/v1", "Pod"),
        ("v1", "ConfigMap"),
    ] {
        let stream = stream(&format!("apiVersion: {version}\nkind: {kind}\nspec: {{}}\n"));
        assert!(
            pod_template(&objects(&stream.documents[0])[0]).is_none(),
            "{version} {kind}"
        );
    }
    let stream = stream("kind: Pod\nspec: {}\n");
    assert!(pod_template(&objects(&stream.documents[0])[0]).is_none());
}

#[test]
fn a_list_is_its_items() {
    let text = "apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns}}
- apiVersion: v1
  kind: ConfigMapList
  items:
  - metadata: {name: b}
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: Secret, metadata: {name: c}}
";
    let stream = stream(text);
    let found: Vec<_> = objects(&stream.documents[0])
        .iter()
        .map(|object| (object.kind, object.api_version, object.name, object.namespace))
        .collect();
    assert_eq!(
        found,
        [
            (Some("Pod"), Some("v1"), Some("a"), Some("ns")),
            (Some("ConfigMap"), Some("v1"), Some("b"), None),
            (Some("Secret"), Some("v1"), Some("c"), None),
        ]
    );
}

#[test]
fn a_kind_that_only_ends_in_list_is_an_object() {
    let stream = stream("apiVersion: example.com/v1\nkind: AllowList\nspec: {items: []}\n");
    assert_eq!(objects(&stream.documents[0])[0].kind, Some("AllowList"));
}

#[test]
fn replicas_are_those_that_are_asked_for() {
    let count = |text: &str| {
        let stream = stream(text);
        let objects = objects(&stream.documents[0]);
        pod_template(&objects[0]).expect("a workload").replicas()
    };
    assert_eq!(count("{apiVersion: v1, kind: Pod, spec: {replicas: 3}}"), 1);
    assert_eq!(
        count("{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 3}}"),
        3
    );
    assert_eq!(count("{apiVersion: apps/v1, kind: Deployment, spec: {}}"), 1);
    assert_eq!(
        count("{apiVersion: apps/v1, kind: DaemonSet, spec: {replicas: 3}}"),
        1
    );
    assert_eq!(
        count("{apiVersion: batch/v1, kind: Job, spec: {parallelism: 2}}"),
        2
    );
    assert_eq!(
        count("{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: -1}}"),
        0
    );
}
