//! The API server's answers to the creation of objects: what admission refuses, and what is warned of.

use porthole_check::{File, Settings, Verdict, World, judge};
use porthole_pod::{Options, Severity, Version};

/// Asks about the first object of a text.
#[track_caller]
fn with_verdict<T>(text: &str, ask: impl FnOnce(&Verdict<'_>) -> T) -> T {
    at(37, text, ask)
}

#[track_caller]
fn at<T>(minor: u16, text: &str, ask: impl FnOnce(&Verdict<'_>) -> T) -> T {
    let files = [File::parse("x.yaml", text)];
    let Some(version) = Version::new(minor) else {
        panic!("1.{minor} is not known")
    };
    let settings = Settings {
        options: Options::of(version),
        ..Settings::default()
    };
    let world = World::of(&files, &settings);
    ask(&judge(&files[0], &world, &settings)[0])
}

/// The code, the message and the warnings of the answer.
#[track_caller]
fn answer(minor: u16, text: &str) -> (Option<u16>, String, Vec<String>) {
    at(minor, text, |verdict| {
        let message = verdict
            .answer
            .status
            .as_ref()
            .map(|status| status.message.clone());
        (
            verdict.answer.code,
            message.unwrap_or_default(),
            verdict.answer.warnings.clone(),
        )
    })
}

fn pod(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{{name}}}, spec: {{{spec}, containers: [{{name: c, image: i}}]}}}}\n"
    )
}

#[test]
fn a_class_that_is_missing_is_told_before_what_is_not_valid() {
    let text = pod("name: x", "priorityClassName: high, hostname: A");
    let (code, message, _) = answer(37, &text);
    assert_eq!(code, Some(403));
    assert_eq!(
        message,
        "pods \"x\" is forbidden: no PriorityClass with name high was found"
    );
    let text = pod("generateName: web-", "runtimeClassName: none");
    assert_eq!(
        answer(37, &text).1,
        "pods \"web-\" is forbidden: pod rejected: RuntimeClass \"none\" not found"
    );
    let text = pod("labels: {a: b}", "runtimeClassName: none");
    assert_eq!(
        answer(37, &text).1,
        "pods \"Unknown\" is forbidden: pod rejected: RuntimeClass \"none\" not found"
    );
}

#[test]
fn an_overhead_without_a_class_is_told_of_a_valid_pod() {
    let overhead = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
    let (code, message, warnings) = answer(37, &pod("generateName: a.b-", "overhead: {cpu: 1}"));
    assert_eq!(code, Some(403));
    assert_eq!(message, format!("pods \"a.b-xxxxx\" is forbidden: {overhead}"));
    assert_eq!(
        warnings,
        [
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is \
          recommended: [must not contain dots]"
        ],
        "it was valid, and has been warned of"
    );
    let (code, message, _) = answer(37, &pod("name: x", "overhead: {cpu: 1}, hostname: A"));
    assert_eq!(code, Some(422));
    assert!(
        message.starts_with("Pod \"x\" is invalid: spec.hostname"),
        "{message}"
    );
}

#[test]
fn a_class_among_the_files_is_there_for_the_author() {
    let class =
        "---\n{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 7}\n";
    let text = pod("name: x", "priorityClassName: high");
    let severities = |text: &str| {
        with_verdict(text, |verdict| {
            assert_eq!(
                verdict.answer.code,
                Some(403),
                "the server of an empty cluster does not have it"
            );
            let known = |name: &str| name == "priority-class-unknown";
            let found = verdict.findings.iter().filter(|finding| known(finding.rule.name));
            found.map(|finding| finding.severity).collect::<Vec<_>>()
        })
    };
    assert_eq!(severities(&text), [Severity::Advice], "the cluster may have it");
    assert_eq!(severities(&format!("{text}{class}")), []);
}

#[test]
fn workloads_are_warned_of_their_names_since_1_27() {
    let text = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a.b}, spec: {selector: {matchLabels: {a: b}}, template: \
        {metadata: {labels: {a: b}}, spec: {nodeSelector: {beta.kubernetes.io/os: windows}, containers: [{name: c, image: \
        i}]}}}}";
    let label = "spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" \
        instead";
    let name = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label \
        is recommended: [must not contain dots]";
    assert_eq!(answer(26, text).2, [label]);
    assert_eq!(answer(27, text).2, [name, label]);
}

#[test]
fn owners_that_are_named_twice_are_warned_of_in_any_case() {
    let owner = "{apiVersion: v1, kind: K, name: one, uid: u}";
    let text = pod(
        &format!("name: x, ownerReferences: [{owner}, {owner}]"),
        "hostname: A",
    );
    let (code, _, warnings) = answer(37, &text);
    assert_eq!(code, Some(422));
    assert_eq!(
        warnings,
        [
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject \
          such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u"
        ]
    );
}

#[test]
fn an_old_version_of_an_api_is_warned_of() {
    let text = "{apiVersion: batch/v1beta1, kind: CronJob, metadata: {name: x}, spec: {schedule: '@daily', jobTemplate: {spec: \
        {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}";
    let (code, message, warnings) = answer(24, text);
    assert_eq!((code, message.as_str()), (Some(201), ""));
    assert_eq!(
        warnings,
        ["batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob"]
    );
}

#[test]
fn an_object_that_the_cluster_has_is_updated() {
    let map = |value: &str| {
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: x}}, immutable: true, data: {{a: {value}}}}}\n"
        )
    };
    let settings = Settings::default();
    let old = [File::parse("old.yaml", map("b"))];
    let asked = |text: String| {
        let files = [File::parse("new.yaml", text)];
        let world = World::of(&files, &settings).with_old(&old, &settings);
        let verdicts = judge(&files[0], &world, &settings);
        let answer = &verdicts[0].answer;
        let message = answer.status.as_ref().map(|status| status.message.clone());
        (answer.code, message.unwrap_or_default())
    };
    assert_eq!(asked(map("b")), (Some(200), String::new()));
    assert_eq!(
        asked(map("c")),
        (
            Some(422),
            "ConfigMap \"x\" is invalid: data: Forbidden: field is immutable when `immutable` is set"
                .to_owned()
        )
    );
    let other = map("c").replace("name: x", "name: x, namespace: other");
    assert_eq!(asked(other), (Some(201), String::new()), "it is another object");
}

#[test]
fn ports_of_nodes_out_of_the_usual_range_are_told_and_no_answer() {
    let service =
        |spec: &str| format!("{{apiVersion: v1, kind: Service, metadata: {{name: s}}, spec: {{{spec}}}}}");
    let told = |text: &str| {
        with_verdict(text, |verdict| {
            assert_eq!(verdict.answer.code, Some(201), "as in a dry run");
            assert_eq!(
                verdict.severity(),
                (!verdict.findings.is_empty()).then_some(Severity::Warning)
            );
            let findings = verdict.findings.iter();
            findings.map(ToString::to_string).collect::<Vec<_>>()
        })
    };
    let outside = "provided port is not in the valid range. The range of valid ports is 30000-32767";
    for well in [
        "type: NodePort, ports: [{port: 80, nodePort: 30000}]",
        "type: NodePort, ports: [{port: 80, nodePort: 0}]",
        "type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 32767, ports: [{port: 80}]",
    ] {
        assert_eq!(told(&service(well)), [""; 0], "{well}");
    }
    assert_eq!(
        told(&service(
            "type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 80, ports: [{port: 80, nodePort: 32768}]"
        )),
        [
            format!("spec.ports[0].nodePort: Invalid value: 32768: {outside}"),
            format!(
                "Internal error occurred: failed to allocate requested HealthCheck NodePort 80: {outside}"
            ),
        ]
    );
}
