//! The environment of containers.

use crate::pods::{assert_containers, container_texts_at, texts_at};

const RELAXED: &str =
    "a valid environment variable name must consist only of printable ASCII characters other than '='";
const STRICT: &str = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and \
    must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is \
    '[-._a-zA-Z][-._a-zA-Z0-9]*')";

#[test]
fn names_of_variables_are_relaxed_since_1_32() {
    assert_containers(&[
        (37, "env: [{}, {name: 1 a}]", &["env[0].name: Required value"]),
        (
            32,
            "env: [{name: a=b}]",
            &[&format!("env[0].name: Invalid value: \"a=b\": {RELAXED}")],
        ),
        (
            31,
            "env: [{name: 1a}]",
            &[&format!("env[0].name: Invalid value: \"1a\": {STRICT}")],
        ),
        (
            31,
            "env: [{name: ..}]",
            &["env[0].name: Invalid value: \"..\": must not be '..'"],
        ),
        (
            31,
            "envFrom: [{prefix: '1', configMapRef: {name: a-}}]",
            &[&format!("envFrom[0].prefix: Invalid value: \"1\": {STRICT}")],
        ),
    ]);
}

#[test]
fn a_value_comes_from_one_source() {
    let files = "valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, \
        `secretKeyRef` or `fileKeyRef`";
    let old = "valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or \
        `secretKeyRef`";
    assert_containers(&[
        (
            35,
            "env: [{name: A, valueFrom: {}}]",
            &[&format!("env[0].{files}")],
        ),
        (
            34,
            "env: [{name: A, valueFrom: {fileKeyRef: {}}}]",
            &[&format!("env[0].{old}")],
        ),
        (
            37,
            "env: [{name: A, value: x, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
            &["env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"],
        ),
        (
            37,
            "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}, configMapKeyRef: {name: s, key: ..}}}]",
            &[
                "env[0].valueFrom.configMapKeyRef.key: Invalid value: \"..\": must not be '..'",
                "env[0].valueFrom: Invalid value: \"\": may not have more than one field specified at a time",
            ],
        ),
        (
            37,
            "envFrom: [{}, {configMapRef: {}, secretRef: {name: s}}]",
            &[
                "envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`",
                "envFrom[1].configMapRef.name: Required value",
                "envFrom: Invalid value: \"\": may not have more than one field specified at a time",
            ],
        ),
    ]);
}

#[test]
fn fields_of_the_pod_are_those_that_kubernetes_offers() {
    let field = |minor, path: &str| {
        container_texts_at(
            minor,
            &format!("env: [{{name: A, valueFrom: {{fieldRef: {{fieldPath: \"{path}\"}}}}}}]"),
        )
    };
    let at = "env[0].valueFrom.fieldRef";
    for path in [
        "metadata.name",
        "spec.host",
        "status.podIPs",
        "metadata.labels['a/b']",
        "metadata.annotations['A']",
    ] {
        assert_eq!(field(37, path), [""; 0], "{path}");
    }
    assert_eq!(field(37, ""), [format!("{at}.fieldPath: Required value")]);
    assert_eq!(
        field(37, "spec.hostNetwork"),
        [format!(
            "{at}.fieldPath: Invalid value: \"spec.hostNetwork\": error converting fieldPath: field label not supported: \
             spec.hostNetwork"
        )]
    );
    assert_eq!(
        field(37, "spec.nodeName['a']"),
        [format!(
            "{at}.fieldPath: Invalid value: \"spec.nodeName['a']\": error converting fieldPath: field label does not \
             support subscript: spec.nodeName['a']"
        )]
    );
    let known = |more: &str| {
        format!(
            "{at}.fieldPath: Unsupported value: \"status.phase\": supported values: \"metadata.name\", \
             \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \
             {more}\"status.podIP\", \"status.podIPs\""
        )
    };
    assert_eq!(field(27, "status.phase"), [known("")]);
    assert_eq!(field(28, "status.phase"), [known("\"status.hostIPs\", ")]);
    assert!(field(27, "status.hostIPs")[0].contains("field label not supported: status.hostIPs"));
    assert_eq!(
        field(28, "status.hostIPs"),
        [format!(
            "{at}: Forbidden: may not be set when feature gate 'PodHostIPs' is not enabled"
        )]
    );
    assert_eq!(field(29, "status.hostIPs"), [""; 0]);
    // The key of an annotation is shown in lower case since 1.25.
    assert!(
        field(24, "metadata.annotations['A B']")[0]
            .starts_with(&format!("{at}: Invalid value: \"A B\": name part"))
    );
    assert!(
        field(25, "metadata.annotations['A B']")[0]
            .starts_with(&format!("{at}: Invalid value: \"a b\": name part"))
    );
}

#[test]
fn resources_are_read_in_whole_units() {
    let resource = |minor, reference: &str| {
        container_texts_at(
            minor,
            &format!("env: [{{name: A, valueFrom: {{resourceFieldRef: {{{reference}}}}}}}]"),
        )
    };
    let at = "env[0].valueFrom.resourceFieldRef";
    assert_eq!(resource(37, ""), [format!("{at}.resource: Required value")]);
    assert_eq!(resource(37, "resource: limits.memory, divisor: 1.0"), [""; 0]);
    assert_eq!(
        resource(37, "resource: requests.cpu, divisor: 10m"),
        [format!(
            "{at}.divisor: Invalid value: \"requests.cpu\": only divisor's values 1m and 1 are supported with the cpu resource"
        )]
    );
    let unknown = format!(
        "{at}.resource: Unsupported value: \"limits.hugepages-2Mi\": supported values: \"limits.cpu\", \
         \"limits.ephemeral-storage\", \"limits.memory\", \"requests.cpu\", \"requests.ephemeral-storage\", \"requests.memory\""
    );
    assert_eq!(resource(22, "resource: limits.hugepages-2Mi"), [unknown]);
    assert_eq!(resource(23, "resource: limits.hugepages-2Mi"), [""; 0]);
}

#[test]
fn files_are_read_from_an_empty_dir_of_the_pod() {
    let env = |volume: &str| {
        format!(
            "containers: [{{name: c, image: i, env: [{{name: A, valueFrom: {{fileKeyRef: {{volumeName: {volume}, path: \
             a/../b, key: K}}}}}}]}}]\nvolumes: [{{name: v, configMap: {{name: m}}}}, {{name: u}}]"
        )
    };
    let at = "spec.containers[0].env[0].valueFrom.fileKeyRef";
    let path = format!("{at}.path: Invalid value: \"a/../b\": must not contain '..'");
    assert_eq!(
        texts_at(35, &env("w")),
        [path.clone(), format!("{at}.volumeName: Not found: \"w\"")]
    );
    let kind = format!("{at}.volumeName: Invalid value: \"v\": referenced volume must be of type emptyDir");
    assert_eq!(texts_at(35, &env("v")), [path.clone(), kind]);
    assert_eq!(texts_at(35, &env("u")), [path], "without any type it is one");
}
