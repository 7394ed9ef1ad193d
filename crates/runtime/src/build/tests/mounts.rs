use std::path::PathBuf;

use super::*;
use crate::volumes::Content;

#[test]
fn volumes_are_planned_below_the_pods_directory() {
    let more = "  volumes:\n  - {name: e}\n  - {name: h, hostPath: {path: /etc/h}}\n  - {name: m, configMap: {name: \
                m}}\n  - {name: s, secret: {secretName: s, defaultMode: 256, items: [{key: k, path: a/b, mode: \
                384}]}}\n  - {name: o, secret: {secretName: gone, optional: true}}\n";
    let mounts = "command: [x], volumeMounts: [{name: s, mountPath: /deep/er/s}, {name: e, mountPath: /e/}, {name: h, \
                  mountPath: /h, readOnly: true}, {name: m, mountPath: /deep/m}]";
    let pods = make(
        &text(mounts, &format!("{more}{CONFIG}")),
        Os::Linux,
        &Choices::default(),
    )
    .unwrap();
    let pod = &pods[0];
    let directory = PathBuf::from(format!("/state/pods/default_p_{}", pod.identity.uid));
    assert_eq!(pod.directory, directory);
    let found: Vec<(&str, &Path, bool)> = pod.containers[0]
        .plan
        .mounts
        .iter()
        .map(|mount| {
            (
                mount.destination.as_str(),
                mount.source.as_path(),
                mount.read_only,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("/e", directory.join("volumes/e").as_path(), false),
            ("/h", Path::new("/etc/h"), true),
            ("/deep/m", directory.join("volumes/m").as_path(), true),
            ("/deep/er/s", directory.join("volumes/s").as_path(), true),
        ]
    );
    let files = |index: usize| match &pod.volumes[index].content {
        Content::Files(parts) => parts
            .iter()
            .flat_map(|part| &part.files)
            .map(|file| (file.path.as_str(), file.mode))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(files(2), [("k", 0o644), ("q.r", 0o644), ("b", 0o644)]);
    assert_eq!(files(3), [("a/b", 0o600)]);
    assert_eq!(files(4), []);
}

#[test]
fn refuses_mounts_that_cannot_be() {
    for (mounts, volume, expected) in [
        (
            "{name: v, mountPath: /a}, {name: v, mountPath: /a/}",
            "{name: v}",
            "must be unique",
        ),
        ("{name: v, mountPath: relative}", "{name: v}", "not absolute"),
        ("{name: v, mountPath: /}", "{name: v}", "the root directory"),
        (
            "{name: v, mountPath: /a}",
            "{name: v, hostPath: {path: 'C:\\x'}}",
            "no absolute path of this host",
        ),
        (
            "{name: v, mountPath: /a}",
            "{name: v, configMap: {name: gone}}",
            "configmap \"gone\" not found",
        ),
        (
            "{name: v, mountPath: /a}",
            "{name: v, secret: {secretName: s, items: [{key: gone, path: x}]}}",
            "references non-existent secret key: gone",
        ),
    ] {
        let more = format!("  volumes: [{volume}]\n{CONFIG}");
        let refusals = refused(&format!("command: [x], volumeMounts: [{mounts}]"), &more);
        assert_eq!(refusals.len(), 1, "{mounts}: {refusals:?}");
        assert!(refusals[0].contains(expected), "{refusals:?}");
    }
    let pipe = text(
        "command: [x], volumeMounts: [{name: v, mountPath: '\\\\.\\pipe\\x'}]",
        "  volumes: [{name: v}]\n",
    );
    let refusals = make(&pipe, Os::Windows, &Choices::default()).unwrap_err();
    assert!(
        refusals[0].contains("interact with the pipe directly"),
        "{refusals:?}"
    );
}
