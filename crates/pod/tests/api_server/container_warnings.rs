//! What the API server warns of in containers.

use porthole_pod::warnings;

use crate::pods::{options_of, pod, with_template};

#[track_caller]
fn warned_at(minor: u16, text: &str) -> Vec<String> {
    let options = options_of(minor);
    with_template(text, |template| {
        let found = warnings(template, &options);
        found.iter().map(ToString::to_string).collect()
    })
}

#[test]
fn parts_of_bytes_are_warned_of_with_the_requests_they_become() {
    let text = pod("containers: [{name: c, image: i, resources: {limits: {memory: 128m, cpu: 128m}}}]");
    let expected = ["limits", "requests"].map(|list| {
        format!(
            "spec.containers[0].resources.{list}[memory]: fractional byte value \"128m\" is invalid, must be an integer"
        )
    });
    assert_eq!(warned_at(37, &text), expected);
}

#[test]
fn variables_that_hide_others_are_warned_of() {
    let text = pod(
        "containers: [{name: c, image: i, env: [{name: A, value: a}, {name: A, value: $(A)b}, {name: A, value: c}]}]",
    );
    let at = "spec.containers[0].env";
    let hides = format!("{at}[2]: hides previous definition of \"A\"");
    assert_eq!(
        warned_at(30, &text),
        [format!("{hides}, which may be dropped when using apply")]
    );
    assert_eq!(warned_at(28, &text), [hides]);
    assert_eq!(
        warned_at(27, &text),
        [1, 2].map(|index| format!("{at}[{index}].name: duplicate name \"A\""))
    );
}

#[test]
fn ports_that_are_one_are_warned_of() {
    let text = pod(
        "containers: [{name: a, image: i, ports: [{containerPort: 80, name: web}, {containerPort: 80, hostPort: 80}]}, {name: b, \
         image: i, ports: [{containerPort: 80, name: web}, {containerPort: 81, hostIP: 1.2.3.4}]}]",
    );
    let (a, b) = ("spec.containers[0].ports", "spec.containers[1].ports");
    let ports = [
        format!("{a}[1]: overlapping port definition with {a}[0]"),
        format!("{b}[0]: duplicate port definition with {a}[0]"),
        format!("{b}[0]: overlapping port definition with {a}[1]"),
        format!(
            "{b}[1]: hostIP set without hostPort: {{Name: HostPort:0 ContainerPort:81 Protocol:TCP HostIP:1.2.3.4}}"
        ),
    ];
    assert_eq!(warned_at(27, &text), [""; 0]);
    assert_eq!(warned_at(32, &text), ports);
    let name = format!(
        "{b}[0]: duplicate port name \"web\" with {a}[0], services and probes that select ports by name will use {a}[0]"
    );
    assert_eq!(warned_at(33, &text), [&ports[..], &[name]].concat());
}

#[test]
fn annotations_of_old_are_warned_of() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {metadata: {annotations: \
        {container.seccomp.security.alpha.kubernetes.io/c: runtime/default, \
        container.apparmor.security.beta.kubernetes.io/c: runtime/default}}, spec: {containers: [{name: c, image: i}]}}}";
    let seccomp = |age: &str| {
        format!(
            "spec.template.metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: {age}; use the \
             \"seccompProfile\" field instead"
        )
    };
    let app_armor = "spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; \
        use the \"appArmorProfile\" field instead";
    assert_eq!(warned_at(22, text), [seccomp("deprecated since v1.19")]);
    assert_eq!(
        warned_at(24, text),
        [seccomp("deprecated since v1.19, non-functional in v1.25+")]
    );
    assert_eq!(
        warned_at(26, text),
        [seccomp(
            "deprecated since v1.19, non-functional in a future release"
        )]
    );
    assert_eq!(warned_at(29, text), [seccomp("non-functional in v1.27+")]);
    assert_eq!(
        warned_at(30, text),
        [seccomp("non-functional in v1.27+"), app_armor.to_owned()]
    );
    let with = text.replace(
        "spec: {containers",
        "spec: {securityContext: {appArmorProfile: {type: RuntimeDefault}}, containers",
    );
    assert_eq!(warned_at(37, &with), [seccomp("non-functional in v1.27+")]);
}
