//! What may not change of an object.

use porthole_manifest::objects;
use porthole_pod::validate_update;

use crate::pods::{document, options_of};

/// The texts about the change of `{head, old}` into `{head, new}`, in Kubernetes 1.`minor`.
#[track_caller]
fn texts(minor: u16, head: &str, old: &str, new: &str) -> Vec<String> {
    let old = document(&format!("{{{head}, {old}}}"));
    let new = document(&format!("{{{head}, {new}}}"));
    let found = validate_update(&objects(&old)[0], &objects(&new)[0], &options_of(minor));
    found.iter().map(ToString::to_string).collect()
}

fn workload(kind: &str) -> String {
    format!("apiVersion: apps/v1, kind: {kind}, metadata: {{name: x}}")
}

fn spec(label: &str, rest: &str) -> String {
    format!(
        "spec: {{selector: {{matchLabels: {{a: {label}}}}}, template: {{metadata: {{labels: {{a: {label}}}}}, spec: \
         {{containers: [{{name: c, image: i}}]}}}}{rest}}}"
    )
}

#[test]
fn the_selector_of_a_workload_stays() {
    for kind in ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"] {
        assert_eq!(
            texts(
                37,
                &workload(kind),
                &spec("b", ""),
                &spec("b", ", minReadySeconds: 1")
            ),
            [""; 0],
            "{kind}"
        );
        assert_eq!(
            texts(37, &workload(kind), &spec("b", ""), &spec("c", "")),
            ["spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"c\"}}: field is immutable"],
            "{kind}"
        );
    }
}

#[test]
fn a_daemon_set_is_asked_of_its_selector_first() {
    let found = texts(
        37,
        &workload("DaemonSet"),
        &spec("b", ""),
        &spec("c", ", minReadySeconds: -1"),
    );
    assert!(found[0].ends_with("field is immutable"), "{found:?}");
    let found = texts(
        37,
        &workload("Deployment"),
        &spec("b", ""),
        &spec("c", ", minReadySeconds: -1"),
    );
    assert!(found[1].ends_with("field is immutable"), "{found:?}");
}

#[test]
fn a_stateful_set_has_fields_that_stay() {
    let head = workload("StatefulSet");
    let (old, new) = (
        spec("b", ", serviceName: a"),
        spec("b", ", serviceName: b, podManagementPolicy: OrderedReady"),
    );
    assert_eq!(
        texts(37, &head, &old, &new),
        ["spec.serviceName: Invalid value: \"b\": field is immutable"]
    );
    assert_eq!(
        texts(24, &head, &old, &new),
        [
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template', 'updateStrategy', \
          'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        ]
    );
}

#[test]
fn a_pod_keeps_its_containers() {
    let head = "apiVersion: v1, kind: Pod, metadata: {name: x}";
    let one = "spec: {containers: [{name: c, image: i}]}";
    let two = "spec: {containers: [{name: c, image: i}, {name: d, image: i}]}";
    assert_eq!(
        texts(37, head, one, &one.replace("image: i", "image: j")),
        [""; 0]
    );
    assert_eq!(
        texts(37, head, one, two),
        ["spec.containers: Forbidden: pod updates may not add or remove containers"]
    );
}

#[test]
fn immutable_data_stays() {
    let head = "apiVersion: v1, kind: ConfigMap, metadata: {name: x}";
    let old = "immutable: true, data: {a: b}";
    assert_eq!(texts(37, head, old, old), [""; 0]);
    let detail = "Forbidden: field is immutable when `immutable` is set";
    assert_eq!(
        texts(37, head, old, "data: {a: c}"),
        [format!("immutable: {detail}"), format!("data: {detail}")]
    );
    assert_eq!(texts(37, head, "data: {a: b}", "data: {a: c}"), [""; 0]);
    let head = "apiVersion: v1, kind: Secret, metadata: {name: x}";
    assert_eq!(
        texts(37, head, "type: ''", "type: Opaque"),
        [""; 0],
        "it is filled in"
    );
    assert_eq!(
        texts(37, head, "data: {}", "type: example.com/x"),
        ["type: Invalid value: \"example.com/x\": field is immutable"]
    );
}

#[test]
fn a_binding_keeps_its_role() {
    let head = "apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: x}";
    let (old, new) = ("roleRef: {kind: Role, name: a}", "roleRef: {kind: Role, name: b}");
    let group = "apiGroup: rbac.authorization.k8s.io";
    assert_eq!(
        texts(
            37,
            head,
            old,
            &format!("roleRef: {{kind: Role, name: a, {group}}}")
        ),
        [""; 0]
    );
    let value = "{\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"Role\",\"Name\":\"b\"}";
    assert_eq!(
        texts(37, head, old, new),
        [format!("roleRef: Invalid value: {value}: field is immutable")]
    );
    assert_eq!(
        texts(36, head, old, new),
        [format!("roleRef: Invalid value: {value}: cannot change roleRef")]
    );
}
