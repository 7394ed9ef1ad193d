//! What containers mount.

use crate::pods::{assert_containers, texts, texts_at};

#[test]
fn mounts_name_a_volume_and_a_path_of_their_own() {
    assert_containers(&[
        (
            37,
            "volumeMounts: [{name: v, mountPath: 'C:\\data'}, {name: p, mountPath: /p}]",
            &[],
        ),
        (
            37,
            "volumeMounts: [{}]",
            &[
                "volumeMounts[0].name: Required value",
                "volumeMounts[0].name: Not found: \"\"",
                "volumeMounts[0].mountPath: Required value",
            ],
        ),
        (
            37,
            "volumeMounts: [{name: x, mountPath: /a}, {name: v, mountPath: /a}]",
            &[
                "volumeMounts[0].name: Not found: \"x\"",
                "volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
            ],
        ),
        (
            37,
            "volumeMounts: [{name: v, mountPath: /a, subPath: /a, subPathExpr: a/..}]",
            &[
                "volumeMounts.subPath: Invalid value: \"/a\": must be a relative path",
                "volumeMounts[0].subPathExpr: Invalid value: \"a/..\": subPathExpr and subPath are mutually exclusive",
                "volumeMounts.subPathExpr: Invalid value: \"a/..\": must not contain '..'",
            ],
        ),
        (
            37,
            "volumeMounts: [{name: v, mountPath: /a, subPath: ..a/b..}]",
            &[],
        ),
    ]);
}

#[test]
fn mounts_reach_the_host_from_privileged_containers_only() {
    let mount = "volumeMounts: [{name: v, mountPath: /a, mountPropagation: Bidirectional}]";
    let forbidden = "volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers";
    assert_containers(&[
        (37, mount, &[forbidden]),
        (
            37,
            &format!("{mount}, securityContext: {{privileged: true}}"),
            &[],
        ),
        (
            37,
            "volumeMounts: [{name: v, mountPath: /a, mountPropagation: both}]",
            &[
                "volumeMounts.mountPropagation: Unsupported value: \"both\": supported values: \"Bidirectional\", \
             \"HostToContainer\", \"None\"",
            ],
        ),
        (
            37,
            "volumeMounts: [{name: v, mountPath: /a, recursiveReadOnly: Enabled, mountPropagation: HostToContainer}]",
            &[
                "volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
                "volumeMounts.recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not specified",
            ],
        ),
        (
            31,
            "volumeMounts: [{name: v, mountPath: /a, recursiveReadOnly: x}]",
            &[
                "volumeMounts.recursiveReadOnly: Unsupported value: \"x\": supported values: \"Disabled\", \"Enabled\", \
             \"IfPossible\"",
            ],
        ),
        (
            30,
            "volumeMounts: [{name: v, mountPath: /a, recursiveReadOnly: x}]",
            &[],
        ),
    ]);
}

#[test]
fn devices_are_claims_that_are_not_mounted() {
    assert_containers(&[
        (37, "volumeDevices: [{name: p, devicePath: /dev/a}]", &[]),
        (
            37,
            "volumeDevices: [{name: v, devicePath: a/../b}]",
            &[
                "volumeDevices[0].name: Invalid value: \"v\": can only use volume source type of PersistentVolumeClaim or \
             Ephemeral for block mode",
                "volumeDevices[0].devicePath: Invalid value: \"a/../b\": can not contain backsteps ('..')",
            ],
        ),
        (
            22,
            "volumeDevices: [{name: v, devicePath: /a}]",
            &[
                "volumeDevices[0].name: Invalid value: \"v\": can only use volume source type of PersistentVolumeClaim for \
             block mode",
            ],
        ),
        (
            37,
            "volumeDevices: [{name: p, devicePath: /a}], volumeMounts: [{name: p, mountPath: /a}]",
            &[
                "volumeMounts[0].name: Invalid value: \"p\": must not already exist in volumeDevices",
                "volumeMounts[0].mountPath: Invalid value: \"/a\": must not already exist as a path in volumeDevices",
                "volumeDevices[0].name: Invalid value: \"p\": must not already exist in volumeMounts",
                "volumeDevices[0].devicePath: Invalid value: \"/a\": must not already exist as a path in volumeMounts",
            ],
        ),
        (
            37,
            "volumeDevices: [{name: p, devicePath: /a}, {name: p, devicePath: /a}]",
            &[
                "volumeDevices[1].name: Invalid value: \"p\": must be unique",
                "volumeDevices[1].devicePath: Invalid value: \"/a\": must be unique",
            ],
        ),
    ]);
}

#[test]
fn mounts_without_volumes_are_found_in_every_list() {
    let mount = "volumeMounts: [{name: kube, mountPath: /k}]";
    let spec = format!(
        "containers: [{{name: a, image: i, {mount}}}]\ninitContainers: [{{name: b, image: i, {mount}}}]"
    );
    assert_eq!(
        texts(&spec),
        [
            "spec.containers[0].volumeMounts[0].name: Not found: \"kube\"",
            "spec.initContainers[0].volumeMounts[0].name: Not found: \"kube\"",
        ]
    );
}

#[test]
fn volumes_of_images_are_dropped_with_their_mounts_while_their_gate_is_off() {
    let spec = "volumes: [{name: m, image: {reference: r}}, {name: v, emptyDir: {}}]\ncontainers: [{name: c, image: i, \
        volumeMounts: [{name: m, mountPath: ''}, {name: v, mountPath: ''}]}]";
    let required = |index| format!("spec.containers[0].volumeMounts[{index}].mountPath: Required value");
    assert_eq!(texts_at(34, spec), [required(0)]);
    let duplicate =
        "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"\": must be unique".to_owned();
    assert_eq!(texts_at(35, spec), [required(0), required(1), duplicate]);
}
