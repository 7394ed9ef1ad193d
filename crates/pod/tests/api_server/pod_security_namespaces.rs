//! Pod Security: the verdict on namespaces.

use porthole_manifest::{objects, pod_template};
use porthole_pod::Options;
use porthole_pod::pod_security::{Configuration, NamespaceVerdict};

use crate::pod_security_admission::namespace;
use crate::pods::{document, options_of};

/// The verdict on a namespace of these labels, changed from others, over the pods of `pods`, a List.
fn changed(
    old: Option<&str>,
    new: &str,
    pods: &str,
    configuration: &Configuration,
    options: &Options,
) -> NamespaceVerdict {
    let new = document(&namespace(new));
    let old = old.map(|labels| document(&namespace(labels)));
    let pods = document(&format!("apiVersion: v1\nkind: List\nitems: [{pods}]"));
    let objects = objects(&pods);
    let pods: Vec<_> = objects.iter().filter_map(pod_template).collect();
    let old = old.as_ref().map(|old| old.root());
    configuration.admit_namespace(new.root(), old, &pods, options)
}

#[test]
fn a_namespace_with_wrong_labels_is_refused() {
    let labels = "enforce=foo audit-version=1.2 warn=";
    let default = Configuration::default();
    let verdict = changed(None, labels, "", &default, &Options::default());
    let status = verdict.denied.expect("refused");
    let label = "metadata.labels[pod-security.kubernetes.io";
    assert_eq!(
        status.message,
        format!(
            "Namespace \"ns\" is invalid: [{label}/enforce]: Invalid value: \"foo\": must be one of privileged, baseline, \
             restricted, {label}/audit-version]: Invalid value: \"1.2\": must be \"latest\" or \"v1.x\", {label}/warn]: \
             Invalid value: \"\": must be one of privileged, baseline, restricted]"
        )
    );
    assert_eq!((status.code, status.reason), (422, "Invalid"));
    let details = status.details.expect("details");
    assert_eq!((&*details.kind, details.causes.len()), ("Namespace", 3));
    assert_eq!(details.causes[0].reason, "FieldValueInvalid");
    let kept = changed(Some(labels), labels, "", &default, &Options::default());
    assert_eq!(
        kept,
        NamespaceVerdict::default(),
        "labels that are wrong already may stay"
    );
    let more = changed(Some(labels), "enforce=foo", "", &default, &Options::default());
    assert!(more.denied.is_some(), "other faults than before");
}

#[test]
fn stricter_levels_warn_of_pods_that_are_there() {
    let pod = |name: &str, spec: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: ns}}, spec: {{{spec}, containers: [{{name: \
             c}}]}}}}"
        )
    };
    let pods = [
        pod("d", "hostPID: true"),
        pod("b", "hostPID: true"),
        pod("c", "hostIPC: true"),
        pod("a", "hostPID: true, volumes: [{name: v, hostPath: {}}]"),
        pod("z", "dnsPolicy: Default"),
        pod("y", "hostPID: true").replace("namespace: ns", "namespace: other"),
        pod("x", "hostPID: true").replace("kind: Pod", "kind: PodTemplate"),
    ];
    let pods = pods.join(", ");
    let default = Configuration::default();
    let warned = |old, new| changed(Some(old), new, &pods, &default, &Options::default()).warnings;
    let expected = [
        "existing pods in namespace \"ns\" violate the new PodSecurity enforce level \"baseline:latest\"",
        "a: host namespaces, hostPath volumes",
        "b (and 2 other pods): host namespaces",
    ];
    assert_eq!(warned("", "enforce=baseline"), expected);
    let two = changed(
        Some(""),
        "enforce=baseline",
        &[pod("q", "hostPID: true"), pod("p", "hostPID: true")].join(", "),
        &default,
        &Options::default(),
    );
    assert_eq!(two.warnings[1..], ["p (and 1 other pod): host namespaces"]);
    assert_eq!(
        warned("enforce=restricted", "enforce=baseline"),
        [""; 0],
        "relaxed"
    );
    assert_eq!(
        warned("enforce=baseline", "enforce=baseline warn=restricted"),
        [""; 0],
        "unchanged"
    );
    assert_eq!(
        warned("enforce=baseline", "enforce=baseline enforce-version=v1.20").len(),
        3
    );
    assert_eq!(
        warned("enforce=baseline", "enforce=privileged enforce-version=v1.20"),
        [""; 0]
    );
    let mut alpha = options_of(22);
    alpha.gates = alpha.gates.with("PodSecurity", true);
    assert_eq!(
        changed(Some(""), "enforce=baseline", &pods, &default, &alpha).warnings[0],
        "d: host namespaces"
    );
}

#[test]
fn no_more_than_3000_pods_are_looked_at_and_those_of_a_controller_last() {
    let pod = |name: &str, owner: &str, host: bool| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: ns{owner}}}, spec: {{hostPID: {host}}}}}"
        )
    };
    let owned = ", ownerReferences: [{uid: u, controller: true}]";
    let mut pods: Vec<String> = (0..3000)
        .map(|index| pod(&format!("p{index}"), "", false))
        .collect();
    pods.insert(0, pod("first", owned, false));
    pods.insert(1, pod("second", owned, true));
    let verdict = changed(
        Some(""),
        "enforce=baseline",
        &pods.join(", "),
        &Configuration::default(),
        &Options::default(),
    );
    assert_eq!(
        verdict.warnings,
        ["new PodSecurity enforce level only checked against the first 3000 of 3002 existing pods"]
    );
}

#[test]
fn labels_on_an_exempt_namespace_are_warned_of_since_1_25() {
    let text = "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\ndefaults: {audit: \
        baseline}\nexemptions: {namespaces: [ns]}";
    let configuration = Configuration::read(document(text).root(), &Options::default()).expect("valid");
    let warned = |old: Option<&str>, new: &str, minor: u16| {
        changed(old, new, "", &configuration, &options_of(minor)).warnings
    };
    let text = |policy: &str| {
        [format!(
            "namespace \"ns\" is exempt from Pod Security, and the policy ({policy}) will be ignored"
        )]
    };
    assert_eq!(warned(None, "enforce=restricted", 24), [""; 0]);
    // 1.25 shows what only the defaults set.
    assert_eq!(
        warned(None, "enforce=restricted", 25),
        text("enforce=restricted:latest, audit=baseline:latest")
    );
    assert_eq!(
        warned(None, "enforce=restricted", 37),
        text("enforce=restricted:latest")
    );
    assert_eq!(
        warned(Some(""), "enforce=restricted audit-version=v1.30", 37),
        text("enforce=restricted:latest, audit=baseline:v1.30")
    );
    assert_eq!(warned(None, "enforce=privileged", 37), [""; 0]);
    assert_eq!(warned(None, "audit=baseline", 37), [""; 0], "as the defaults");
}
