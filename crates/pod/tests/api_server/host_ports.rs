//! Host ports on the host's network.

use crate::pods::{message, texts};

fn deployment(spec: &str) -> String {
    let spec = spec
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: x}}\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  template:\n    metadata: {{labels: {{a: b}}}}\n    spec:\n{spec}"
    )
}

#[test]
fn rejects_a_host_port_that_is_not_the_containers() {
    let spec =
        "hostNetwork: true\ncontainers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: 81}]}]";
    let expected = "containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is \
        true";
    assert_eq!(texts(spec), [format!("spec.{expected}")]);
    assert_eq!(
        message(&deployment(spec)),
        format!("Deployment.apps \"x\" is invalid: spec.template.spec.{expected}")
    );
    assert_eq!(texts(&spec.replace("containers", "initContainers")), [""; 0]);
    assert_eq!(
        texts(&spec.replace("hostNetwork: true", "hostNetwork: false")),
        [""; 0]
    );
}

#[test]
fn a_port_on_the_hosts_network_is_the_hosts() {
    let spec = "hostNetwork: true\ncontainers:\n- {name: a, image: i, ports: [{containerPort: 80}]}\n- {name: b, image: i, ports: \
        [{containerPort: 80}]}";
    assert_eq!(
        texts(spec),
        ["spec.containers[1].ports[0].hostPort: Duplicate value: \"TCP//80\""]
    );
    // A template is not defaulted since 1.28.
    assert_eq!(message(&deployment(spec)), "Deployment.apps \"x\" is invalid: []");
}

#[test]
fn rejects_a_host_port_that_is_taken_twice() {
    let ports = "[{containerPort: 1, hostPort: 80, hostIP: 10.0.0.1, protocol: UDP}, {containerPort: 2, hostPort: 80, \
        hostIP: 10.0.0.1, protocol: UDP}, {containerPort: 3, hostPort: 80}]";
    assert_eq!(
        texts(&format!("containers: [{{name: a, image: i, ports: {ports}}}]")),
        ["spec.containers[0].ports[1].hostPort: Duplicate value: \"UDP/10.0.0.1/80\""]
    );
    // Init containers run one by one: each has the ports for itself, and is numbered as the first.
    let ports = "[{containerPort: 1, hostPort: 80}]";
    let twice = "[{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}]";
    assert_eq!(
        texts(&format!(
            "initContainers: [{{name: a, image: i, ports: {ports}}}, {{name: b, image: i, ports: {twice}}}]"
        )),
        ["spec.initContainers[0].ports[1].hostPort: Duplicate value: \"TCP//80\""]
    );
}
