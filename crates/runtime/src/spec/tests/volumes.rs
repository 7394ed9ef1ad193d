use super::{CONTAINERS, read_spec, refused};
use crate::spec::{EnvValue, FilesSource, ObjectKind, SubPath, VolumeSource};

/// Volumes, the field that is refused for them, and a part of the reason.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "emptyDir: {medium: HugePages-2Mi}",
        "emptyDir.medium",
        "huge pages",
    ),
    (
        "emptyDir: {medium: Disk}",
        "emptyDir.medium",
        "unknown storage medium \"Disk\"",
    ),
    ("emptyDir: {sizeLimit: -1}", "emptyDir.sizeLimit", "no quantity"),
    ("emptyDir: {sizeLimit: 10MB}", "emptyDir.sizeLimit", "no quantity"),
    (
        "projected: {sources: [{serviceAccountToken: {path: t}}]}",
        "projected.sources[0].serviceAccountToken",
        "no API server",
    ),
    (
        "projected: {sources: [{clusterTrustBundle: {path: t}}]}",
        "projected.sources[0].clusterTrustBundle",
        "no cluster",
    ),
    (
        "projected: {sources: [{podCertificate: {keyType: RSA3072}}]}",
        "projected.sources[0].podCertificate",
        "no API server",
    ),
    (
        "projected: {sources: [{}]}",
        "projected.sources[0]",
        "exactly 1 volume type",
    ),
    (
        "projected: {sources: [{configMap: {name: a}, secret: {name: b}}]}",
        "projected.sources[0]",
        "exactly 1 volume type",
    ),
    (
        "projected: {sources: [{configMap: {name: a, defaultMode: 1}}]}",
        "projected.sources[0].configMap.defaultMode",
        "unknown field",
    ),
    (
        "projected: {sources: [{secret: {secretName: a, name: b}}]}",
        "projected.sources[0].secret.secretName",
        "unknown field",
    ),
    (
        "projected: {sources: [{configMap: {name: a, items: [{key: k, path: p}]}}, {secret: {name: b, items: [{key: k, \
         path: p}]}}]}",
        "projected",
        "Invalid value: \"b\": conflicting duplicate paths",
    ),
    (
        "projected: {sources: [{configMap: {name: a, items: [{key: k, path: p}]}}, {downwardAPI: {items: [{path: p, \
         fieldRef: {fieldPath: metadata.name}}]}}]}",
        "projected",
        "Invalid value: \"p\": conflicting duplicate paths",
    ),
    (
        "projected: {defaultMode: 512, sources: []}",
        "projected.defaultMode",
        "0777",
    ),
    (
        "downwardAPI: {items: [{path: p}]}",
        "downwardAPI.items[0]",
        "one of fieldRef and resourceFieldRef is required",
    ),
    (
        "downwardAPI: {items: [{path: p, fieldRef: {fieldPath: metadata.name}, resourceFieldRef: {containerName: c, \
         resource: limits.cpu}}]}",
        "downwardAPI.items[0]",
        "can not be specified simultaneously",
    ),
    (
        "downwardAPI: {items: [{path: p, fieldRef: {fieldPath: spec.nodeName}}]}",
        "downwardAPI.items[0].fieldRef.fieldPath",
        "Unsupported value: \"spec.nodeName\": supported values: \"metadata.annotations\"",
    ),
    (
        "downwardAPI: {items: [{path: p, resourceFieldRef: {resource: limits.cpu}}]}",
        "downwardAPI.items[0].resourceFieldRef.containerName",
        "must be set",
    ),
    (
        "downwardAPI: {items: [{path: p, resourceFieldRef: {containerName: c, resource: limits.disk}}]}",
        "downwardAPI.items[0].resourceFieldRef.resource",
        "Unsupported value: \"limits.disk\"",
    ),
    (
        "downwardAPI: {items: [{path: p, resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: 2m}}]}",
        "downwardAPI.items[0].resourceFieldRef.divisor",
        "only divisor's values 1m and 1 are supported",
    ),
    (
        "downwardAPI: {items: [{path: ..x, fieldRef: {fieldPath: metadata.name}}]}",
        "downwardAPI.items[0].path",
        "without `..`",
    ),
    (
        "hostPath: {path: /a, type: Sock}",
        "hostPath.type",
        "supported values: \"\", \"BlockDevice\", \"CharDevice\"",
    ),
];

#[test]
fn refuses_what_no_volume_can_be() {
    for (volume, field, reason) in REFUSED {
        let found = refused(&format!("  volumes: [{{name: v, {volume}}}]"));
        assert_eq!(found.len(), 1, "{volume}: {found:?}");
        assert_eq!(found[0].0, format!("spec.volumes[0].{field}"), "{volume}");
        assert!(found[0].1.contains(reason), "{volume}: {}", found[0].1);
    }
}

#[test]
fn refuses_mounts_by_name_and_in_the_api_servers_words() {
    for (mount, field, reason) in [
        (
            "mountPropagation: Bidirectional",
            "mountPropagation",
            "do not travel",
        ),
        (
            "mountPropagation: HostToContainer",
            "mountPropagation",
            "do not travel",
        ),
        (
            "recursiveReadOnly: Enabled",
            "recursiveReadOnly",
            "may only be specified when readOnly is true",
        ),
        (
            "readOnly: true, recursiveReadOnly: Sometimes",
            "recursiveReadOnly",
            "Unsupported value: \"Sometimes\"",
        ),
        ("subPath: /x", "subPath", "must be a relative path"),
        ("subPath: a/../b", "subPath", "must not contain '..'"),
        ("subPathExpr: ../$(X)", "subPathExpr", "must not contain '..'"),
        (
            "subPath: a, subPathExpr: b",
            "subPathExpr",
            "subPathExpr and subPath are mutually exclusive",
        ),
    ] {
        let lines =
            format!("    volumeMounts: [{{name: v, mountPath: /v, {mount}}}]\n  volumes: [{{name: v}}]");
        let found = refused(&lines);
        assert_eq!(found.len(), 1, "{mount}: {found:?}");
        assert_eq!(found[0].0, format!("spec.containers[0].volumeMounts[0].{field}"));
        assert!(found[0].1.contains(reason), "{mount}: {}", found[0].1);
    }
}

#[test]
fn reads_every_kind_of_volume() {
    let lines = "    volumeMounts: [{name: m, mountPath: /m, subPath: a, readOnly: true, recursiveReadOnly: Enabled, \
                 mountPropagation: None}, {name: e, mountPath: /e, subPathExpr: $(X)}]\n  volumes:\n  - {name: m, \
                 emptyDir: {medium: Memory, sizeLimit: 1.5Mi}}\n  - {name: e, emptyDir: {sizeLimit: 0}}\n  - {name: s, \
                 hostPath: {path: /s, type: Socket}}\n  - {name: p, projected: {defaultMode: 256, sources: [{configMap: \
                 {name: a}}, {secret: {name: b, optional: true}}, {downwardAPI: {items: [{path: l, mode: 292, fieldRef: \
                 {fieldPath: \"metadata.labels['x']\"}}]}}]}}\n  - {name: d, downwardAPI: {items: [{path: c, \
                 resourceFieldRef: {containerName: c, resource: limits.memory, divisor: 1Mi}}]}}";
    let spec = read_spec(&format!("{CONTAINERS}{lines}")).unwrap();
    let mounts = &spec.containers[0].mounts;
    assert_eq!(mounts[0].sub_path, Some(SubPath::Literal("a".to_owned())));
    assert_eq!(mounts[1].sub_path, Some(SubPath::Expression("$(X)".to_owned())));
    let source = |index: usize| &spec.volumes[index].source;
    let VolumeSource::EmptyDir {
        memory: true,
        limit: Some(limit),
    } = source(0)
    else {
        panic!("{:?}", source(0));
    };
    assert_eq!((limit.bytes, limit.text.as_str()), (1_572_864, "1.5Mi"));
    assert!(
        matches!(source(1), VolumeSource::EmptyDir { limit: None, .. }),
        "0 is no limit"
    );
    let VolumeSource::Files(parts) = source(3) else {
        panic!("{:?}", source(3));
    };
    let FilesSource::Object(object) = &parts[1].source else {
        panic!("{:?}", parts[1]);
    };
    assert_eq!(
        (object.kind, object.name.as_str(), object.mode, object.optional),
        (ObjectKind::Secret, "b", 0o400, true)
    );
    let FilesSource::Downward(files) = &parts[2].source else {
        panic!("{:?}", parts[2]);
    };
    assert_eq!((files[0].file.as_str(), files[0].mode), ("l", 0o444));
    assert_eq!(files[0].value, EnvValue::Field("metadata.labels['x']".to_owned()));
}
