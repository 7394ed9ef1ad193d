//! What would escape, collide or change its meaning on the way from a pod to its plans.

use super::*;

#[test]
fn keys_that_are_no_config_keys_are_refused() {
    for (key, reason) in [
        ("../x", "a valid config key must consist"),
        ("a/b", "a valid config key must consist"),
        ("a=b", "a valid config key must consist"),
        (r"a\b", "a valid config key must consist"),
        ("", "a valid config key must consist"),
        ("é", "a valid config key must consist"),
        (".", "must not be '.'"),
        ("..", "must not start with '..'"),
        ("..data", "must not start with '..'"),
    ] {
        let map =
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{'{key}': x}}\n");
        let container = "command: [x], envFrom: [{configMapRef: {name: m}}]";
        let refusals = refused(container, &map);
        assert!(
            refusals[0].contains(&format!("data[{key}]: Invalid value: {key:?}: {reason}")),
            "{refusals:?}"
        );
    }
}

#[test]
fn a_key_is_text_or_bytes_and_not_both() {
    let map =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: x}\nbinaryData: {k: eA==}\n";
    let refusals = refused("command: [x], envFrom: [{configMapRef: {name: m}}]", map);
    assert!(
        refusals[0].contains("binaryData[k]: Invalid value: \"k\": duplicate of key present in data"),
        "{refusals:?}"
    );
}

#[test]
fn the_namespace_of_the_command_line_stays_in_its_directory() {
    let pod = text("command: [x]", "");
    let source = Source::new("p.yaml", pod.as_str());
    let stream = source.parse(&ManifestLimits::default());
    let object = objects(&stream.documents[0])[0];
    let template = pod_template(&object).unwrap();
    let spec = spec::read(&template).unwrap();
    let refusals = pods(&Request {
        template: &template,
        spec: &spec,
        namespace: "../../etc",
        objects: &Objects::default(),
        images: &Shelf,
        facts: &facts(Os::Linux),
        state: Path::new("/state"),
        choices: &Choices::default(),
    })
    .unwrap_err();
    assert_eq!(refusals[0].field, "metadata.namespace");
    assert!(refusals[0].reason.starts_with("Invalid value: \"../../etc\": "));
}

#[test]
fn a_generated_name_begins_as_the_manifest_says() {
    let pod = text("command: [x]", "").replace("name: p,", "generateName: hpc-,");
    let names: std::collections::HashSet<String> = (0..20)
        .map(|_| {
            make(&pod, Os::Linux, &Choices::default()).unwrap()[0]
                .identity
                .name
                .clone()
        })
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let suffix = name.strip_prefix("hpc-").unwrap();
        assert!(
            suffix.len() == 5 && suffix.chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c)),
            "{name}"
        );
    }
}
