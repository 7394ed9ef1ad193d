use porthole_check::Settings;

use crate::{findings, pod, says};

#[test]
fn pods_that_are_not_meant_for_windows_get_no_advice() {
    let linux = "dnsPolicy: ClusterFirstWithHostNet
hostNetwork: true
securityContext: {runAsNonRoot: true, fsGroup: 1}
volumes: [{name: v, emptyDir: {medium: Memory}}]
containers:
- name: c
  image: i
  imagePullPolicy: Never
  args: [\u{2013}x]
  env: [{name: DB_PASSWORD, value: x}]
  lifecycle: {postStart: {exec: {command: [sh, -c, 'while true; do sleep 1; done']}}}
";
    says(&pod(linux), &[]);
    says(
        &pod(&format!("nodeSelector: {{kubernetes.io/os: linux}}\n{linux}")),
        &[],
    );
    says(&pod(&format!("os: {{name: linux}}\n{linux}")), &[]);
}

#[test]
fn an_object_that_cannot_be_decoded_gets_no_advice() {
    let text = pod(
        "hostNetwork: perhaps\nnodeSelector: {kubernetes.io/os: windows}\ncontainers: [{name: c, image: i}]\n",
    );
    let all = findings(&text, &Settings::default());
    assert_eq!(all.len(), 1, "{all:?}");
}

#[test]
fn null_and_misshapen_fields_are_passed_over() {
    for fields in [
        "nodeSelector: {kubernetes.io/os: windows}\nos: null\ncontainers: null",
        "nodeSelector: {kubernetes.io/os: windows}\ncontainers: [null, {}]",
        "os: {name: windows}\nvolumes: [null]\ncontainers: [{name: c, lifecycle: {postStart: {exec: {}}}}]",
    ] {
        // Whatever is said of them, it is said without a panic.
        assert!(
            !findings(&pod(fields), &Settings::default()).is_empty(),
            "{fields}"
        );
    }
}
