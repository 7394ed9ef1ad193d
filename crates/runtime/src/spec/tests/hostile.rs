//! Pods made to escape, to overflow, or to hide something.

use super::*;

/// The refused fields and reasons of a whole object.
fn refused_of(text: &str) -> Vec<String> {
    let source = Source::new("p.yaml", text);
    let stream = source.parse(&Limits::default());
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    let object = objects(&stream.documents[0])[0];
    let template = pod_template(&object).unwrap();
    let refusals = read(&template).err().unwrap_or_default();
    refusals.iter().map(ToString::to_string).collect()
}

#[test]
fn names_that_would_leave_their_directory_are_refused() {
    for name in [
        "../../etc",
        "/etc",
        "a/b",
        "..",
        ".",
        r"a\b",
        "C:",
        "Upper",
        "-a",
        "a-",
        "é",
        "a b",
    ] {
        let quoted = format!("'{name}'");
        let pod = |pod: &str, namespace: &str, container: &str, volume: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {pod}, namespace: {namespace}}}\nspec:\n  containers: \
                 [{{name: {container}, image: i}}]\n  volumes: [{{name: {volume}}}]\n"
            )
        };
        for (text, field) in [
            (pod(&quoted, "ns", "c", "v"), "metadata.name"),
            (pod("p", &quoted, "c", "v"), "metadata.namespace"),
            (pod("p", "ns", &quoted, "v"), "spec.containers[0].name"),
            (pod("p", "ns", "c", &quoted), "spec.volumes[0].name"),
        ] {
            let refused = refused_of(&text);
            assert_eq!(refused.len(), 1, "{text}{refused:?}");
            assert!(
                refused[0].starts_with(&format!(
                    "{field}: Invalid value: {name:?}: a lowercase RFC 1123 "
                )),
                "{refused:?}"
            );
        }
    }
    let long = "a".repeat(64);
    let refused = refused(&format!("  volumes: [{{name: {long}}}]"));
    assert!(
        refused[0].1.ends_with("must be no more than 63 characters"),
        "{refused:?}"
    );
}

#[test]
fn containers_of_one_name_are_refused() {
    let refused = refused("  - {name: c, image: i}\n  initContainers: [{name: c, image: i}]");
    let fields: Vec<&str> = refused.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["spec.containers[0].name", "spec.containers[1].name"]);
    assert!(
        refused[0].1.contains("Duplicate value: \"c\": another container"),
        "{refused:?}"
    );
}

#[test]
fn fields_beside_the_spec_are_not_passed_over() {
    let spec = "containers: [{name: c, image: i}]";
    for (text, field) in [
        (
            format!("apiVersion: v1\nkind: Pod\nhostNetwork: true\nspec: {{{spec}}}\n"),
            "hostNetwork",
        ),
        (
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p, label: {{}}}}\nspec: {{{spec}}}\n"),
            "metadata.label",
        ),
        (
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nspec: {{template: {{hostNetwork: true, spec: {{{spec}}}}}}}\n"
            ),
            "spec.template.hostNetwork",
        ),
        (
            format!(
                "apiVersion: batch/v1\nkind: CronJob\nspec: {{jobTemplate: {{x: 1, spec: {{template: {{spec: \
                 {{restartPolicy: Never, {spec}}}}}}}}}}}\n"
            ),
            "spec.jobTemplate.x",
        ),
        (
            format!("apiVersion: v1\nkind: PodTemplate\nspec: {{}}\ntemplate: {{spec: {{{spec}}}}}\n"),
            "spec",
        ),
    ] {
        let refused = refused_of(&text);
        assert_eq!(refused.len(), 1, "{text}{refused:?}");
        assert!(
            refused[0].starts_with(&format!("{field}: unknown field")),
            "{refused:?}"
        );
    }
}

#[test]
fn numbers_of_pods_are_numbers_that_a_machine_runs() {
    for (replicas, reason) in [
        ("-1", "must be a whole number, 0 or more"),
        ("'3'", "must be a whole number, 0 or more"),
        ("111", "asks for 111 pods; one machine runs at most 110"),
        ("9223372036854775807", "one machine runs at most 110"),
    ] {
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nspec: {{replicas: {replicas}, template: {{spec: {{containers: [{{name: \
             c, image: i}}]}}}}}}\n"
        );
        let refused = refused_of(&text);
        assert_eq!(refused.len(), 1, "{text}{refused:?}");
        assert!(
            refused[0].starts_with("spec.replicas: ") && refused[0].contains(reason),
            "{refused:?}"
        );
    }
}

#[test]
fn the_longest_grace_is_one_that_clocks_can_count() {
    let lines = format!("{CONTAINERS}  terminationGracePeriodSeconds: 9223372036854775807");
    let spec = read_spec(&lines).unwrap();
    assert!(std::time::Instant::now().checked_add(spec.grace).is_some());
    let lines = format!("{CONTAINERS}  terminationGracePeriodSeconds: 0");
    assert_eq!(read_spec(&lines).unwrap().grace, Duration::ZERO);
}

#[test]
fn of_several_sources_of_a_value_none_is_chosen() {
    for (lines, field) in [
        (
            "    env: [{name: A, valueFrom: {configMapKeyRef: {name: m, key: k}, secretKeyRef: {name: s, key: k}}}]",
            "spec.containers[0].env[0].valueFrom",
        ),
        (
            "    envFrom: [{configMapRef: {name: m}, secretRef: {name: s}}]",
            "spec.containers[0].envFrom[0]",
        ),
    ] {
        let refused = refused(lines);
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(refused[0].0, field);
        assert!(
            refused[0].1.contains("may not have more than one field"),
            "{refused:?}"
        );
    }
    let refused = refused("    envFrom: [{prefix: 'A=', configMapRef: {name: m}}]");
    assert_eq!(refused[0].0, "spec.containers[0].envFrom[0].prefix");
}

#[test]
fn amounts_that_yaml_reads_as_numbers_are_what_the_cluster_reads() {
    for (written, memory) in [
        ("010", Some(8)),
        ("'010'", Some(10)),
        ("0x10", Some(16)),
        ("1_000", Some(1000)),
        ("1e3", Some(1000)),
        ("1.5e3", Some(1500)),
        ("1e21", None),
        ("1e18", Some(1_000_000_000_000_000_000)),
        ("8Ei", None),
        ("7Ei", Some(7 << 60)),
        ("9223372036854775807", Some(i64::MAX.unsigned_abs())),
        ("9223372036854775808", None),
        ("0.0000000001", Some(1)),
        ("true", None),
        ("[1]", None),
        ("-1", None),
        ("1e-3", Some(1)),
        ("'.inf'", None),
        ("!!str 5", Some(5)),
    ] {
        let spec = read_spec(&format!(
            "{CONTAINERS}    resources: {{limits: {{memory: {written}}}}}"
        ));
        let found = spec.ok().and_then(|spec| spec.containers[0].limits.memory);
        assert_eq!(found, memory, "{written}");
    }
}
