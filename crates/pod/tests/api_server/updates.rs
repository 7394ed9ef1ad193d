//! What may not change of an object.

use std::time::{Duration, Instant};

use porthole_manifest::{Document, objects};
use porthole_pod::{Finding, Options, change_warnings, object_status, validate_update};

use crate::pods::{document, options_of};

/// Two objects, of which the new one begins where the old one's text is over: so the places of the one are none of the other.
pub(crate) fn documents(old: &str, new: &str) -> (Document, Document) {
    let before = format!("{}\n", "#".repeat(old.len()));
    (document(old), document(&format!("{before}{new}")))
}

/// Looks whether all places that are told of are places of the new object.
#[track_caller]
pub(crate) fn check_places(found: &[Finding], new: &Document) {
    let object = objects(new)[0].node.span();
    for finding in found {
        let related = finding.related.iter().map(|(span, _)| *span);
        for span in finding.span.into_iter().chain(related) {
            assert!(span.start >= object.start, "{finding}: it stands in the old one");
        }
    }
}

/// The texts about the change of `{head, old}` into `{head, new}`, in Kubernetes 1.`minor`.
#[track_caller]
pub(crate) fn texts(minor: u16, head: &str, old: &str, new: &str) -> Vec<String> {
    texts_under(&options_of(minor), head, old, new)
}

/// The same under these options.
#[track_caller]
pub(crate) fn texts_under(options: &Options, head: &str, old: &str, new: &str) -> Vec<String> {
    let (old, new) = documents(&format!("{{{head}, {old}}}"), &format!("{{{head}, {new}}}"));
    let found = validate_update(&objects(&old)[0], &objects(&new)[0], options);
    check_places(&found, &new);
    found.iter().map(ToString::to_string).collect()
}

/// The head of a workload.
pub(crate) fn workload(kind: &str) -> String {
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

pub(crate) const POD: &str = "apiVersion: v1, kind: Pod, metadata: {name: x}";

/// The spec of a Pod with one container and these fields.
pub(crate) fn pod(fields: &str) -> String {
    format!("spec: {{containers: [{{name: c, image: 'i:1'}}]{fields}}}")
}

#[test]
fn of_a_pod_little_may_change() {
    let image = pod("").replace("i:1", "i:2");
    assert_eq!(texts(37, POD, &pod(""), &image), [""; 0]);
    assert_eq!(
        texts(37, POD, &pod(", nodeName: node-1, priority: 0"), &pod("")),
        [""; 0],
        "the cluster has written them"
    );
    let emptied = texts(37, POD, &pod(", nodeName: node-1"), &pod(", nodeName: ''"));
    assert_eq!(emptied.len(), 1, "an empty name takes the node away");
    assert!(
        emptied[0].starts_with("spec: Forbidden: pod updates may not change"),
        "{emptied:?}"
    );
    let found = texts(37, POD, &pod(""), &pod(", hostNetwork: true"));
    assert_eq!(
        found,
        ["spec: Forbidden: pod updates may not change fields other than \
          `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only \
          additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
          previously negative)\n+spec.hostNetwork: true"]
    );
    let found = texts(24, POD, &pod(""), &pod(", hostNetwork: true"));
    assert!(
        found[0].contains("to existing tolerations) or `spec.terminationGrace"),
        "{found:?}"
    );
}

#[test]
fn a_pod_that_is_pulled_otherwise_is_another() {
    let latest = pod("").replace("i:1", "i:latest");
    let found = texts(37, POD, &pod(""), &latest);
    assert!(
        found[0].ends_with("+spec.containers[0].imagePullPolicy: \"Always\""),
        "{found:?}"
    );
}

#[test]
fn the_deadline_of_a_pod_is_only_shortened() {
    let deadline = |seconds| pod(&format!(", activeDeadlineSeconds: {seconds}"));
    assert_eq!(texts(37, POD, &deadline(9), &deadline(8)), [""; 0]);
    assert_eq!(texts(37, POD, &pod(""), &deadline(8)), [""; 0]);
    assert_eq!(
        texts(37, POD, &deadline(8), &deadline(9)),
        ["spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value"]
    );
    assert_eq!(
        texts(37, POD, &deadline(8), &pod("")),
        [
            "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"
        ]
    );
}

#[test]
fn tolerations_are_added_and_gates_taken_away() {
    let one = pod(", tolerations: [{key: a, operator: Exists}]");
    let two = pod(", tolerations: [{key: b, operator: Exists}, {key: a, operator: Exists}]");
    assert_eq!(texts(37, POD, &one, &two), [""; 0]);
    assert_eq!(
        texts(37, POD, &two, &one),
        ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"]
    );
    let gate = pod(", schedulingGates: [{name: g}]");
    assert_eq!(texts(37, POD, &gate, &pod("")), [""; 0]);
    assert_eq!(
        texts(37, POD, &pod(""), &gate),
        [
            "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"
        ]
    );
}

#[test]
fn a_pod_that_waits_may_go_to_fewer_nodes() {
    let waits = |selector| {
        pod(&format!(
            ", schedulingGates: [{{name: g}}], nodeSelector: {{{selector}}}"
        ))
    };
    assert_eq!(texts(37, POD, &waits("a: b"), &waits("a: b, c: d")), [""; 0]);
    assert_eq!(
        texts(37, POD, &waits("a: b"), &waits("c: d")),
        [
            "spec.nodeSelector: Invalid value: {\"c\":\"d\"}: only additions to spec.nodeSelector are allowed (no mutations or \
          deletions)"
        ]
    );
    for (selector, shown) in [(", nodeSelector: {}", "{}"), ("", "null")] {
        let found = texts(
            37,
            POD,
            &waits("a: b"),
            &pod(&format!(", schedulingGates: [{{name: g}}]{selector}")),
        );
        assert!(
            found[0].starts_with(&format!("spec.nodeSelector: Invalid value: {shown}: only")),
            "{found:?}"
        );
    }
}

#[test]
fn a_job_keeps_its_template_until_it_may_be_started() {
    let head = "apiVersion: batch/v1, kind: Job, metadata: {name: x}";
    let job = |rest: &str, selector: &str| {
        format!(
            "spec: {{template: {{spec: {{containers: [{{name: c, image: i}}], restartPolicy: Never, nodeSelector: \
             {{{selector}}}}}}}{rest}}}"
        )
    };
    let found = texts(37, head, &job("", "a: b"), &job("", "a: c"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("spec.template: Invalid value: "),
        "{found:?}"
    );
    let suspended = ", suspend: true";
    assert_eq!(
        texts(37, head, &job(suspended, "a: b"), &job(suspended, "a: c")),
        [""; 0]
    );
    let of = |count: &str| job(&format!(", completions: {count}"), "");
    assert_eq!(
        texts(37, head, &of("2"), &of("3")),
        ["spec.completions: Invalid value: 3: field is immutable"]
    );
}

#[test]
fn a_claim_stays_as_it_is() {
    let head = "apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: x}";
    let claim = |size: &str, rest: &str| {
        format!("spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}{rest}}}")
    };
    assert_eq!(
        texts(37, head, &claim("1Gi", ""), &claim("1024Mi", ", volumeName: v")),
        [""; 0]
    );
    let found = texts(33, head, &claim("1Gi", ""), &claim("2Gi", ""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]
            .starts_with("spec: Forbidden: spec is immutable after creation except resources.requests and"),
        "{found:?}"
    );
}

#[test]
fn what_is_wrong_is_told_as_often_as_it_is_asked() {
    let head = "apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: x}";
    let bad = "rules: [{apiGroups: [''], resources: [pods], verbs: []}]";
    let count = |minor| texts(minor, head, "rules: []", bad).len();
    assert_eq!((count(37), count(35), count(34)), (1, 1, 2));
}

fn container(rest: &str) -> String {
    format!("spec: {{containers: [{{name: c, image: i{rest}}}]}}")
}

#[test]
fn the_quality_of_service_of_a_pod_stays() {
    let quality = "metadata: Invalid value: \"BestEffort\": Pod QoS is immutable";
    let requests = container(", resources: {requests: {cpu: 1}}");
    for (minor, told) in [(28, false), (29, true), (31, true), (32, false)] {
        let found = texts(minor, POD, &container(""), &requests);
        assert_eq!(found[0] == quality, told, "1.{minor}: {found:?}");
        assert_eq!(found.len(), 1 + usize::from(told), "1.{minor}");
    }
}

#[test]
fn a_restart_policy_that_the_server_drops_changes_nothing() {
    let (old, new) = (container(""), container(", restartPolicy: Never"));
    assert_eq!(texts(34, POD, &old, &new), [""; 0]);
    assert_ne!(texts(35, POD, &old, &new), [""; 0]);
}

#[test]
fn an_object_that_is_another_one_since_is_not_looked_at() {
    let head = |version: &str| {
        format!(
            "apiVersion: v1, kind: Service, metadata: {{name: x, resourceVersion: {version}}}, spec: {{ports: []}}"
        )
    };
    let answer = |old: &str, new: &str| {
        let (old, new) = documents(&format!("{{{old}}}"), &format!("{{{new}}}"));
        let (old, new) = (&objects(&old)[0], &objects(&new)[0]);
        object_status(new, &validate_update(old, new, &options_of(37)))
    };
    let status = answer(&head("'5'"), &head("'4'")).expect("it is refused");
    assert_eq!((status.code, status.reason), (409, "Conflict"));
    assert_eq!(
        status.message,
        "Operation cannot be fulfilled on services \"x\": the object has been modified; please apply your changes to the \
         latest version and try again"
    );
    let details = status.details.expect("it names the object");
    assert_eq!((details.name.as_str(), &*details.kind), ("x", "services"));
    assert_eq!(
        answer(&head("'5'"), &head("'5'")).map(|status| status.code),
        Some(422)
    );
}

#[test]
fn a_service_of_very_many_ports_is_looked_at_in_time() {
    let many = |count: u16| {
        let ports = (1..count).map(|port| format!("{{name: p{port}, port: {port}}}"));
        let ports: Vec<String> = ports.collect();
        let ports = ports.join(", ");
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: x}}, spec: {{type: NodePort, ports: [{ports}]}}}}"
        )
    };
    let (old, new) = documents(&many(50_000), &many(50_001));
    let begun = Instant::now();
    let found = validate_update(&objects(&old)[0], &objects(&new)[0], &options_of(37));
    assert_eq!(found, []);
    // Each port with each other takes minutes.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn an_object_of_another_uid_is_another_one() {
    let named =
        |uid: &str, label: &str| format!("metadata: {{name: x, uid: '{uid}', labels: {{a: {label}}}}}");
    let head = "apiVersion: v1, kind: ConfigMap";
    assert_eq!(texts(37, head, &named("b", "c"), &named("b", "d")), [""; 0]);
    for unsaid in ["metadata: {name: x}", &named("", "c")] {
        assert_eq!(texts(37, head, &named("b", "c"), unsaid), [""; 0], "it stays");
        assert_eq!(
            texts(37, head, unsaid, &named("b", "c")),
            [""; 0],
            "it may be its own"
        );
    }
    let uid = "metadata.uid: Invalid value: \"a<\": field is immutable";
    let of_labels = "metadata.labels: Invalid value: \"c d\"";
    // Up to 1.34 it is looked at twice.
    let found = texts(33, head, &named("b", "c"), &named("a<", "c d"));
    let starts: Vec<&str> = found.iter().map(|text| &text[..of_labels.len()]).collect();
    let start = &uid[..of_labels.len()];
    assert_eq!(starts, [of_labels, start, of_labels, start, of_labels, of_labels]);
    assert_eq!(found[1], uid);
    let found = texts(37, head, &named("b", "c"), &named("a<", "c d"));
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], uid.replace('<', "\\u003c"));
}

#[test]
fn claims_of_a_stateful_set_are_warned_of_at_every_change() {
    let set = |replicas: u8| {
        format!(
            "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: x}}, spec: {{replicas: {replicas}, serviceName: s, selector: \
             {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}, \
             volumeClaimTemplates: [{{metadata: {{name: d}}, spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: \
             100m}}}}}}}}]}}}}"
        )
    };
    let (old, new) = documents(&set(1), &set(2));
    let told = change_warnings(&objects(&old)[0], &objects(&new)[0], &options_of(37));
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "spec.volumeClaimTemplates[0].Spec.resources.requests[storage]: fractional byte value \"100m\" is invalid, must be an \
             integer"
        ]
    );
}
