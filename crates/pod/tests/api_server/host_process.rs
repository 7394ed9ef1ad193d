//! HostProcess pods: the API server's own cases, and the texts.

use crate::pods::{findings_under, message, pod, texts};
use porthole_pod::Options;

/// A level's value: unset, or set to a boolean.
fn context(value: Option<bool>) -> String {
    value.map_or_else(String::new, |value| {
        format!("securityContext: {{windowsOptions: {{hostProcess: {value}}}}}")
    })
}

fn list(field: &str, values: &[Option<bool>]) -> String {
    let items = values
        .iter()
        .zip(0..)
        .map(|(value, index)| {
            let name = format!("{}-{index}", field.to_lowercase());
            format!("- {{name: {name}, image: i, {}}}\n", context(*value))
        })
        .collect::<Vec<_>>()
        .concat();
    if items.is_empty() {
        String::new()
    } else {
        format!("{field}:\n{items}")
    }
}

struct Case {
    host_network: bool,
    pod: Option<bool>,
    containers: &'static [Option<bool>],
    init: &'static [Option<bool>],
    ephemeral: &'static [Option<bool>],
    allow_privileged: bool,
    rules: &'static [&'static str],
}

const T: Option<bool> = Some(true);
const F: Option<bool> = Some(false);
const N: Option<bool> = None;
const H1: &str = "host-process-differs";
const H2: &str = "host-process-mixed";
const H3: &str = "host-network-required";
const H4: &str = "host-process-disallowed";

#[test]
fn agrees_with_the_api_servers_cases() {
    let case = |host_network, pod, containers, init, ephemeral, allow_privileged, rules| Case {
        host_network,
        pod,
        containers,
        init,
        ephemeral,
        allow_privileged,
        rules,
    };
    let cases = [
        case(false, T, &[N], &[], &[], true, &[H3]),
        case(true, T, &[N], &[], &[], true, &[]),
        case(true, T, &[T], &[T], &[], true, &[]),
        case(true, N, &[T], &[T], &[], true, &[]),
        case(true, N, &[T], &[F], &[], true, &[H2]),
        case(true, N, &[T], &[N], &[], true, &[H2]),
        case(true, T, &[T], &[F], &[], true, &[H1, H2]),
        case(true, T, &[T, F], &[], &[], true, &[H1, H2]),
        case(true, T, &[T], &[N], &[], true, &[]),
        case(true, F, &[T], &[N], &[], true, &[H1, H2]),
        case(true, T, &[F], &[], &[], true, &[H1]),
        case(true, N, &[T], &[], &[], false, &[H4]),
        case(true, T, &[N], &[], &[F], true, &[H1, H2]),
        case(true, T, &[N], &[], &[T], true, &[]),
    ];
    for (number, case) in cases.iter().enumerate() {
        let spec = format!(
            "hostNetwork: {}\n{}\n{}{}{}",
            case.host_network,
            context(case.pod),
            list("containers", case.containers),
            list("initContainers", case.init),
            list("ephemeralContainers", case.ephemeral),
        );
        let options = Options {
            allow_privileged: case.allow_privileged,
            ..Options::default()
        };
        let found = findings_under(&pod(&spec), &options);
        let found: Vec<_> = found
            .iter()
            .map(|finding| finding.rule.name)
            .filter(|name| *name != "ephemeral-containers-too-early")
            .collect();
        assert_eq!(found, case.rules, "case {number}:\n{spec}");
    }
}

#[test]
fn rejects_a_container_that_differs_from_its_pod() {
    let spec = format!("hostNetwork: true\n{}\n{}", context(F), list("containers", &[T]));
    assert_eq!(
        texts(&spec)[0],
        "spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: true: \
        pod hostProcess value must be identical if both are specified, was false"
    );
    let spec = format!(
        "hostNetwork: true\n{}\n{}{}",
        context(T),
        list("containers", &[T]),
        list("initContainers", &[T, F])
    );
    assert_eq!(
        texts(&spec)[0],
        "spec.initContainers[1].securityContext.windowsOptions.hostProcess: Invalid value: false: \
        pod hostProcess value must be identical if both are specified, was true"
    );
}

#[test]
fn rejects_host_process_without_the_hosts_network() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: hpc}\nspec:\n  securityContext: {windowsOptions: {hostProcess: \
        true}}\n  containers: [{name: c, image: i}]\n";
    assert_eq!(
        message(text),
        "Pod \"hpc\" is invalid: spec.hostNetwork: Invalid value: false: \
        hostNetwork must be true if pod contains any hostProcess containers"
    );
}

#[test]
fn rejects_pods_that_are_host_process_in_part() {
    let spec = format!("{}{}", list("containers", &[T]), list("initContainers", &[N]));
    assert_eq!(
        message(&pod(&spec)),
        "Pod \"x\" is invalid: [spec: Invalid value: \"\": If pod contains any hostProcess \
        containers then all containers must be HostProcess containers, spec.hostNetwork: Invalid value: false: \
        hostNetwork must be true if pod contains any hostProcess containers]"
    );
}

#[test]
fn rejects_host_process_where_privileged_containers_are_disallowed() {
    let options = Options {
        allow_privileged: false,
        ..Options::default()
    };
    let spec = format!("hostNetwork: true\n{}", list("containers", &[T]));
    let found = findings_under(&pod(&spec), &options);
    assert_eq!(
        found[0].to_string(),
        "spec: Forbidden: hostProcess containers are disallowed by cluster policy"
    );
    let spec = "containers: [{name: c, image: i, securityContext: {privileged: true}}]";
    let found = findings_under(&pod(spec), &options);
    assert_eq!(
        found[0].to_string(),
        "spec.containers[0].securityContext.privileged: Forbidden: \
        disallowed by cluster policy"
    );
    assert_eq!(found[0].rule.name, "privileged-disallowed");
    assert_eq!(texts(spec), [""; 0]);
}

#[test]
fn names_the_template_of_a_workload() {
    let spec = "      hostNetwork: true\n      initContainers: [{name: i, image: i}]\n      containers: [{name: c, image: i, securityContext: \
        {windowsOptions: {hostProcess: true}}}]\n";
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: x}}\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  template:\n    metadata: {{labels: {{a: b}}}}\n    spec:\n{spec}"
    );
    assert_eq!(
        message(&text),
        "Deployment.apps \"x\" is invalid: spec.template.spec: Invalid value: \"\": If pod \
        contains any hostProcess containers then all containers must be HostProcess containers"
    );
}

#[test]
fn a_missing_host_network_stands_where_host_process_is_decided() {
    let text = pod(&list("containers", &[T]));
    let found = findings_under(&text, &Options::default());
    assert_eq!(found[0].span.and_then(|span| span.slice(&text)), Some("true"));
    let text = pod(&format!("hostNetwork: false\n{}", list("containers", &[T])));
    let found = findings_under(&text, &Options::default());
    assert_eq!(found[0].span.and_then(|span| span.slice(&text)), Some("false"));
}

#[test]
fn rejects_ephemeral_containers_before_the_pod_runs() {
    assert_eq!(
        texts("ephemeralContainers: [{name: e, image: i}]"),
        ["spec.ephemeralContainers: Forbidden: cannot be set on create"]
    );
    assert_eq!(texts("ephemeralContainers: []"), [""; 0]);
    let text = "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: x}\ntemplate:\n  spec:\n    ephemeralContainers: \
        [{name: e, image: i}]\n    containers: [{name: c, image: i}]\n";
    assert_eq!(
        message(text),
        "PodTemplate \"x\" is invalid: template.spec.ephemeralContainers: Forbidden: ephemeral \
        containers not allowed in pod template"
    );
}

#[test]
fn rejects_host_namespaces_beside_users_of_its_own() {
    assert_eq!(
        texts("hostUsers: false\nhostNetwork: true\nhostPID: true\nhostIPC: true"),
        [
            "spec.hostNetwork: Forbidden: when `hostUsers` is false",
            "spec.HostPID: Forbidden: when `hostUsers` is false",
            "spec.HostIPC: Forbidden: when `hostUsers` is false",
        ]
    );
    assert_eq!(texts("hostUsers: true\nhostPID: true"), [""; 0]);
}
