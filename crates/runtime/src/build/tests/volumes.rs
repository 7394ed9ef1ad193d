use super::*;
use crate::volumes::{Content, EmptyDir, merge};

/// The files of the first volume, as a program would see them: path, mode, content.
fn files(volume: &str) -> Vec<(String, u32, String)> {
    let more = format!("  volumes: [{{name: v, {volume}}}]\n{CONFIG}");
    let pods = make(
        &text(
            "command: [x], resources: {limits: {memory: 10Mi, cpu: 250m}}",
            &more,
        ),
        Os::Linux,
        &Choices::default(),
    )
    .unwrap();
    let Content::Files(parts) = &pods[0].volumes[0].content else {
        panic!("{:?}", pods[0].volumes[0]);
    };
    let files = merge(parts.iter().map(|part| part.files.as_slice())).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    files
        .into_iter()
        .map(|file| (file.path.clone(), file.mode, text(&file.content)))
        .collect()
}

fn file(path: &str, mode: u32, content: &str) -> (String, u32, String) {
    (path.to_owned(), mode, content.to_owned())
}

#[test]
fn files_are_projected_from_every_source() {
    let found = files(
        "projected: {defaultMode: 288, sources: [{configMap: {name: m, items: [{key: k, path: deep/k, mode: 256}]}}, \
         {secret: {name: s}}, {secret: {name: gone, optional: true}}, {downwardAPI: {items: [{path: name, fieldRef: \
         {fieldPath: metadata.name}}]}}]}",
    );
    assert_eq!(
        found,
        [
            file("deep/k", 0o400, "v"),
            file("k", 0o440, "secret"),
            file("name", 0o440, "p"),
            file("u", 0o440, "user"),
        ]
    );
}

#[test]
fn the_pod_is_shown_as_the_kubelet_shows_it() {
    let item = |path: &str, field: &str| format!("{{path: {path}, fieldRef: {{fieldPath: \"{field}\"}}}}");
    let amount = |path: &str, resource: &str, divisor: &str| {
        format!(
            "{{path: {path}, mode: 292, resourceFieldRef: {{containerName: c, resource: {resource}, divisor: {divisor}}}}}"
        )
    };
    let found = files(&format!(
        "downwardAPI: {{items: [{}, {}, {}, {}, {}, {}]}}",
        item("a", "metadata.annotations"),
        item("l", "metadata.labels"),
        item("one", "metadata.labels['app']"),
        item("ns", "metadata.namespace"),
        amount("mem", "limits.memory", "1Mi"),
        amount("cpu", "limits.cpu", "1m"),
    ));
    assert_eq!(
        found,
        [
            file("a", 0o644, "a/b=\"note\""),
            file("cpu", 0o444, "250"),
            file("l", 0o644, "app=\"web\""),
            file("mem", 0o444, "10"),
            file("ns", 0o644, "default"),
            file("one", 0o644, "web"),
        ]
    );
}

#[test]
fn what_no_volume_can_hold_is_refused() {
    for (volume, more, expected) in [
        (
            "projected: {sources: [{configMap: {name: m}}, {secret: {name: s, items: [{key: k, path: k/deep}]}}]}",
            String::new(),
            "`k` would be a file, and the directory of `k/deep`",
        ),
        (
            "projected: {sources: [{secret: {name: gone}}]}",
            String::new(),
            "spec.volumes[0].projected.sources[0].secret: secret \"gone\" not found",
        ),
        (
            "downwardAPI: {items: [{path: p, resourceFieldRef: {containerName: c, resource: limits.cpu}}]}",
            String::new(),
            "has no limits.cpu",
        ),
        (
            "downwardAPI: {items: [{path: p, resourceFieldRef: {containerName: z, resource: limits.cpu}}]}",
            String::new(),
            "container z not found",
        ),
        (
            "configMap: {name: large}",
            format!(
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large}}\ndata: {{a: {0}, b: {0}}}\n",
                "x".repeat(600 << 10)
            ),
            "data: Too long: may not be more than 1048576 bytes",
        ),
        (
            "configMap: {name: odd}",
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd}\nimmutable: 'yes'\n".to_owned(),
            "immutable: must be true or false",
        ),
    ] {
        let refusals = refused(
            "command: [x]",
            &format!("  volumes: [{{name: v, {volume}}}]\n{CONFIG}{more}"),
        );
        assert_eq!(refusals.len(), 1, "{volume}: {refusals:?}");
        assert!(refusals[0].contains(expected), "{volume}: {refusals:?}");
    }
}

#[test]
fn what_is_in_memory_is_no_larger_than_its_limit_and_its_containers() {
    for (resources, volume, expected) in [
        ("", "{medium: Memory}", None),
        ("", "{medium: Memory, sizeLimit: 8Mi}", Some(8 << 20)),
        (
            "resources: {limits: {memory: 4Mi}},",
            "{medium: Memory, sizeLimit: 8Mi}",
            Some(4 << 20),
        ),
        (
            "resources: {limits: {memory: 4Mi}},",
            "{medium: Memory}",
            Some(4 << 20),
        ),
        ("resources: {limits: {memory: 4Mi}},", "{sizeLimit: 8Mi}", None),
    ] {
        let pod = text(
            &format!("{resources} command: [x]"),
            &format!("  volumes: [{{name: v, emptyDir: {volume}}}]\n"),
        );
        let pods = make(&pod, Os::Linux, &Choices::default()).unwrap();
        let Content::Empty(EmptyDir { size, .. }) = pods[0].volumes[0].content else {
            panic!("{:?}", pods[0].volumes[0]);
        };
        assert_eq!(size, expected, "{resources} {volume}");
    }
}

#[test]
fn sub_paths_are_expanded_from_the_containers_own_variables() {
    let with = |mount: &str, env: &str| {
        text(
            &format!("command: [x], env: [{env}], volumeMounts: [{{name: v, mountPath: /v, {mount}}}]"),
            "  volumes: [{name: v}]\n",
        )
    };
    for (mount, env, expected) in [
        ("subPath: a/b", "", Some("a/b")),
        ("subPath: ./a//b/", "", Some("a/b")),
        ("subPath: .", "", None),
        ("subPath: $(A)", "{name: A, value: x}", Some("$(A)")),
        ("subPathExpr: l/$(A)", "{name: A, value: x}", Some("l/x")),
        (
            "subPathExpr: $(A)-$$(A)",
            "{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}",
            Some("p-$(A)"),
        ),
    ] {
        let pods = make(&with(mount, env), Os::Linux, &Choices::default()).unwrap();
        let found = pods[0].containers[0].plan.mounts[0].sub_path.as_deref();
        assert_eq!(found, expected.map(Path::new), "{mount}");
    }
    for (mount, env, expected) in [
        ("subPathExpr: $(B)/$(A)", "", "missing value for A, B"),
        ("subPathExpr: $(A)", "{name: A, value: ''}", "missing value for A"),
        (
            "subPathExpr: $(A)",
            "{name: A, value: /etc}",
            "must be a relative path",
        ),
        (
            "subPathExpr: x/$(A)",
            "{name: A, value: ../..}",
            "must not contain '..'",
        ),
    ] {
        let refusals = make(&with(mount, env), Os::Linux, &Choices::default()).unwrap_err();
        assert_eq!(refusals.len(), 1, "{mount}: {refusals:?}");
        assert!(
            refusals[0].starts_with("spec.containers[0].volumeMounts[0].subPathExpr: ")
                && refusals[0].contains(expected),
            "{refusals:?}"
        );
    }
}

#[test]
fn sockets_are_refused_on_windows_alone() {
    let pod = text(
        "command: [x]",
        "  volumes: [{name: v, hostPath: {path: /run/s, type: Socket}}]\n",
    );
    assert!(make(&pod, Os::Linux, &Choices::default()).is_ok());
    let refusals = make(&pod, Os::Windows, &Choices::default()).unwrap_err();
    assert!(
        refusals[0].contains("hostPath.type: Unix domain sockets"),
        "{refusals:?}"
    );
}

#[test]
fn links_are_not_read_only_unless_it_is_asked_for() {
    let choices = Choices {
        view: Some(View::Links),
        ..Choices::default()
    };
    let more = format!("  volumes: [{{name: m, configMap: {{name: m}}}}]\n{CONFIG}");
    for (mount, choices, expected) in [
        ("{name: m, mountPath: /m}", &Choices::default(), true),
        ("{name: m, mountPath: /m}", &choices, false),
        ("{name: m, mountPath: /m, readOnly: true}", &choices, true),
    ] {
        let pod = text(&format!("command: [x], volumeMounts: [{mount}]"), &more);
        let mut facts = facts(Os::Windows);
        facts.views = vec![View::Private, View::Links];
        let pods = make_on(&pod, &facts, choices).unwrap();
        assert_eq!(
            pods[0].containers[0].plan.mounts[0].read_only, expected,
            "{mount}"
        );
    }
}
