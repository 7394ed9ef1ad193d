//! `spec.os`, and what a pod of one system may not set.

use crate::pods::{findings, findings_under, options_of, pod, rules, texts};
use porthole_pod::{ErrorKind, status};

#[test]
fn rejects_an_empty_os_name() {
    for spec in ["os: {}", "os: {name: ''}", "os: {name: }"] {
        assert_eq!(texts(spec), ["spec.os.name: Required value"], "{spec}");
    }
    assert_eq!(texts("os: "), [""; 0]);
}

#[test]
fn rejects_an_unknown_os_name_at_the_os() {
    assert_eq!(
        texts("os: {name: Windows}\nhostPID: true"),
        ["spec.os: Unsupported value: \"Windows\": supported values: \"linux\", \"windows\""]
    );
}

#[test]
fn rejects_windows_options_of_a_linux_pod() {
    let options = "securityContext: {windowsOptions: {}}";
    let spec = format!(
        "os: {{name: linux}}\n{options}\ninitContainers: [{{name: i, image: i, {options}}}]\ncontainers: [{{name: c, image: i, {options}}}]"
    );
    assert_eq!(
        texts(&spec),
        [
            "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
            "spec.initContainers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
            "spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
        ]
    );
    let spec = "os: {name: linux}\ncontainers: [{name: c, image: i, securityContext: {privileged: false, capabilities: {}, \
        seLinuxOptions: {}, runAsUser: 1}}]";
    assert_eq!(texts(spec), [""; 0]);
}

#[test]
fn format_errors_come_before_the_systems() {
    let spec = "os: {name: linux}\ncontainers: [{name: c, image: i, securityContext: {windowsOptions: {runAsUserName: a/b}}}]";
    assert_eq!(
        texts(spec),
        [
            "spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: \"a/b\": runAsUserName's User \
         cannot contain the following characters: \"/\\:;|=,+*?<>@[]",
            "spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
        ]
    );
}

#[test]
fn rejects_linux_fields_of_a_windows_pod_in_order() {
    let spec = "os: {name: windows}
shareProcessNamespace: false
hostIPC: true
hostPID: true
hostUsers: true
securityContext:
  seLinuxChangePolicy: Recursive
  supplementalGroupsPolicy: Merge
  supplementalGroups: []
  runAsGroup: 1
  runAsUser: 1
  sysctls: [{name: a, value: b}]
  fsGroupChangePolicy: Always
  fsGroup: 1
  seccompProfile: {type: RuntimeDefault}
  seLinuxOptions: {}
  appArmorProfile: {type: RuntimeDefault}
  runAsNonRoot: true
containers:
- name: c
  image: i
  securityContext:
    runAsGroup: 1
    runAsUser: 1
    procMount: Default
    allowPrivilegeEscalation: false
    privileged: false
    readOnlyRootFilesystem: false
    capabilities: {}
    seccompProfile: {type: RuntimeDefault}
    seLinuxOptions: {}
    appArmorProfile: {type: RuntimeDefault}
    runAsNonRoot: true
    windowsOptions: {runAsUserName: dummy}
initContainers:
- name: i
  image: i
  securityContext: {privileged: false}";
    let found = findings(&pod(spec));
    assert!(found.iter().all(|finding| finding.kind == ErrorKind::Forbidden));
    assert!(
        found
            .iter()
            .all(|finding| finding.detail == "cannot be set for a windows pod")
    );
    let fields: Vec<_> = found.iter().map(|finding| finding.field.as_str()).collect();
    let context = "spec.securityContext";
    let container = "spec.containers[0].securityContext";
    let expected: Vec<String> = [
        "appArmorProfile",
        "seLinuxOptions",
        "seccompProfile",
        "fsGroup",
        "fsGroupChangePolicy",
        "sysctls",
        "runAsUser",
        "runAsGroup",
        "supplementalGroups",
        "supplementalGroupsPolicy",
        "seLinuxChangePolicy",
    ]
    .iter()
    .map(|field| format!("{context}.{field}"))
    .chain(
        ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"]
            .iter()
            .map(|field| format!("spec.{field}")),
    )
    .chain(["spec.initContainers[0].securityContext.privileged".to_owned()])
    .chain(
        [
            "appArmorProfile",
            "seLinuxOptions",
            "seccompProfile",
            "capabilities",
            "readOnlyRootFilesystem",
            "privileged",
            "allowPrivilegeEscalation",
            "procMount",
            "runAsUser",
            "runAsGroup",
        ]
        .iter()
        .map(|field| format!("{container}.{field}")),
    )
    .collect();
    assert_eq!(fields, expected);
}

#[test]
fn what_is_unset_or_without_effect_is_accepted_where_the_api_server_accepts_it() {
    let spec = "os: {name: windows}\nhostPID: false\nhostIPC: false\nhostNetwork: true\nsecurityContext: {sysctls: [], \
        runAsUser: null, runAsNonRoot: true}";
    assert_eq!(texts(spec), [""; 0]);
    // Without `spec.os` a nodeSelector changes nothing.
    assert_eq!(
        texts("nodeSelector: {kubernetes.io/os: windows}\nsecurityContext: {runAsUser: 1}"),
        [""; 0]
    );
}

#[test]
fn rejects_resources_of_a_windows_pod_before_the_host_network() {
    let spec = "os: {name: windows}\nresources: {limits: {cpu: 1}}\nhostNetwork: true\ncontainers: [{name: c, image: i, ports: \
        [{containerPort: 1, hostPort: 2}]}]";
    assert_eq!(rules(spec), ["pod-resources-on-windows", "host-port-differs"]);
    assert_eq!(
        texts(spec)[0],
        "spec.resources: Forbidden: may not be set for a windows pod"
    );
    assert_eq!(texts("os: {name: linux}\nresources: {}"), [""; 0]);
    assert_eq!(texts("resources: {}"), [""; 0]);
}

#[test]
fn a_value_of_the_wrong_type_is_refused_before_validation() {
    let refused = |spec: &str| {
        let found = texts(spec);
        assert_eq!(found.len(), 1, "{found:?}");
        let prefix = "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal ";
        found[0]
            .strip_prefix(prefix)
            .expect("the decoder's words")
            .to_owned()
    };
    assert_eq!(
        refused(
            "hostNetwork: true\ncontainers: [{name: c, image: i, securityContext: {windowsOptions: {hostProcess: 'true'}}}]"
        ),
        "string into Go struct field WindowsSecurityContextOptions.spec.containers.securityContext.windowsOptions.hostProcess \
         of type bool"
    );
    assert_eq!(
        refused("containers: {name: c}"),
        "object into Go struct field PodSpec.spec.containers of type []v1.Container"
    );
    assert_eq!(
        refused("containers: [{command: x}]"),
        "string into Go struct field Container.spec.containers.command of type \
        []string"
    );
    assert_eq!(
        refused("hostNetwork: 1"),
        "number into Go struct field PodSpec.spec.hostNetwork of type bool"
    );
    assert_eq!(
        refused("securityContext: {windowsOptions: {runAsUserName: 5}}"),
        "number into Go struct field \
        WindowsSecurityContextOptions.spec.securityContext.windowsOptions.runAsUserName of type string"
    );
    assert_eq!(
        refused("containers: [{ports: [{hostPort: 1.5}]}]"),
        "number 1.5 into Go struct field \
        ContainerPort.spec.containers.ports.hostPort of type int32"
    );
    assert_eq!(
        texts("containers: [{name: c, image: i, ports: [{containerPort: 1, hostPort: 1e3}]}]"),
        [""; 0]
    );
}

#[test]
fn a_status_has_the_api_servers_form() {
    let text =
        pod("containers: [{name: c, image: i, securityContext: {windowsOptions: {hostProcess: true}}}]");
    let json = crate::pods::with_template(&text, |template| {
        let found = porthole_pod::validate(template, &porthole_pod::Options::default());
        serde_json::to_string(&status(template, &found)).expect("plain data")
    });
    assert_eq!(
        json,
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Pod \"x\" is invalid: spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers","reason":"Invalid","details":{"name":"x","kind":"Pod","causes":[{"reason":"FieldValueInvalid","message":"Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers","field":"spec.hostNetwork"}]},"code":422}"#
    );
    let text = pod("hostNetwork: 'yes'");
    let json = crate::pods::with_template(&text, |template| {
        let found = porthole_pod::validate(template, &porthole_pod::Options::default());
        serde_json::to_string(&status(template, &found)).expect("plain data")
    });
    assert!(json.ends_with(r#","reason":"BadRequest","code":400}"#), "{json}");
}

#[test]
fn equal_errors_are_named_once_in_the_message_and_all_in_the_causes() {
    // Two init containers with the same clash are both numbered as the first.
    let ports = "ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}]";
    let text = pod(&format!(
        "initContainers: [{{name: a, image: i, {ports}}}, {{name: b, image: i, {ports}}}]"
    ));
    assert_eq!(
        crate::pods::message(&text),
        "Pod \"x\" is invalid: spec.initContainers[0].ports[1].hostPort: Duplicate value: \
        \"TCP//80\""
    );
    // Since 1.37 the API server drops the second before it answers.
    assert_eq!(findings_under(&text, &options_of(36)).len(), 2);
    assert_eq!(findings(&text).len(), 1);
}
