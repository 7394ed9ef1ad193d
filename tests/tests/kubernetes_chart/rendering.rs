//! What Helm renders is what `porthole install` prints.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use porthole_tests::helm;
use serde_json::{Value, json};

use super::cases::{Case, combined, single};
use super::objects::{NAMESPACE, Objects, differences, printed, read, rendered, run, text};

/// Versions of clusters between which something is otherwise.
const VERSIONS: [&str; 6] = ["1.22", "1.24", "1.25", "1.27", "1.28", "1.37"];

/// What an installer prints, as a chart has it.
fn as_chart(mut objects: Objects) -> Objects {
    // A release's namespace is not its chart's, and the definition is in `crds/`.
    assert!(objects.remove(&format!("Namespace/{NAMESPACE}")).is_some());
    objects.retain(|key, _| !key.starts_with("CustomResourceDefinition/"));
    for object in objects.values_mut() {
        managed_by_helm(object);
    }
    objects
}

fn managed_by_helm(object: &mut Value) {
    for pointer in ["/metadata/labels", "/spec/template/metadata/labels"] {
        if let Some(labels) = object.pointer_mut(pointer) {
            assert_eq!(labels["app.kubernetes.io/managed-by"], "porthole-install");
            labels["app.kubernetes.io/managed-by"] = json!("Helm");
        }
    }
}

fn compare(case: &Case, version: &str) -> Vec<String> {
    let mut expected = as_chart(printed(&case.flags, version));
    (case.beside)(&mut expected);
    let rendered = rendered(&case.values, version, &[]);
    let mut found = Vec::new();
    differences(
        &format!("{version} {}: ", case.values),
        &Value::Object(rendered),
        &Value::Object(expected),
        &mut found,
    );
    found
}

/// Compares on two threads: each case starts two programs.
fn compare_all(cases: &[(&Case, &str)]) {
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(2)) {
            let found = &found;
            scope.spawn(move || {
                for (case, version) in part {
                    found.lock().unwrap().extend(compare(case, version));
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
#[ignore = "needs Helm"]
fn every_value_renders_what_the_flag_prints() {
    let cases = single();
    let pairs: Vec<(&Case, &str)> = cases
        .iter()
        .enumerate()
        .flat_map(|(number, case)| {
            // All versions for the defaults; for each other case an old one and the newest.
            let versions: &[&str] = if number == 0 { &VERSIONS } else { &["1.27", "1.37"] };
            versions.iter().map(move |version| (case, *version))
        })
        .collect();
    compare_all(&pairs);
}

#[test]
#[ignore = "needs Helm"]
fn values_together_render_what_the_flags_print() {
    let cases = combined();
    assert_eq!(cases.len(), 128);
    // Each at two versions, another pair for each next one.
    let pairs: Vec<(&Case, &str)> = cases
        .iter()
        .enumerate()
        .flat_map(|(number, case)| [number % 3, 3 + number % 3].map(|version| (case, VERSIONS[version])))
        .collect();
    compare_all(&pairs);
}

#[test]
#[ignore = "needs Helm"]
fn it_is_seen_where_chart_and_flags_differ() {
    let mut case = single().remove(0);
    case.flags.push("--webhook-timeout=9");
    let sees = |case: &Case, what: &str| {
        let found = compare(case, "1.37");
        assert!(found.iter().any(|found| found.contains(what)), "{found:?}");
    };
    sees(&case, "webhooks[0].timeoutSeconds is 10 by the chart and 9 by");
    case.flags = vec!["--no-viewer-role", "--certificates=secret"];
    sees(&case, "viewer is the chart's alone");
    sees(&case, ".volumes is the installer's alone");
}

/// The paths of the values below a value, lists and what is free in its keys as one.
fn leaves(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(&path, value, found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn no_value_is_without_a_case() {
    let yaml = std::fs::read_to_string(helm::chart().join("values.yaml")).unwrap();
    let stream = porthole_manifest::parse(&yaml, &porthole_manifest::Limits::default());
    let mut values = BTreeSet::new();
    leaves("", &stream.documents[0].root().to_json(), &mut values);
    assert!(values.len() > 40, "{values:?}");
    let mut touched = BTreeSet::new();
    for case in single() {
        leaves("", &case.values, &mut touched);
    }
    // A test of its own.
    touched.insert("crds.managed".to_owned());
    // Their fields are Kubernetes' own, and written as they are.
    let is_free = |path: &str| {
        ["resources.", "podSecurityContext.", "securityContext."]
            .iter()
            .any(|start| path.starts_with(start))
    };
    let has_case = |path: &String| {
        touched
            .iter()
            .any(|touched| touched == path || touched.starts_with(&format!("{path}.")))
    };
    let missing: Vec<&String> = values
        .iter()
        .filter(|path| !is_free(path) && !has_case(path))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
#[ignore = "needs Helm"]
fn the_definition_is_the_printed_one() {
    let strip = |mut definition: Value| {
        definition["metadata"].as_object_mut().unwrap().remove("labels");
        definition
    };
    let key = "CustomResourceDefinition/gmsacredentialspecs.windows.k8s.io";
    let printed_for = |version: &str| printed(&[], version).remove(key).unwrap();
    // In `crds/`, for clusters of any version.
    let file = std::fs::read_to_string(helm::chart().join("crds/gmsacredentialspecs.yaml")).unwrap();
    assert_eq!(read(&file)[key], strip(printed_for("1.22")));
    // As a part of the release, for the cluster's own version; it stays when the release is removed.
    for version in ["1.22", "1.32", "1.33", "1.37"] {
        let values = json!({"crds": {"managed": true}});
        let rendered = rendered(&values, version, &["--skip-crds"]).remove(key).unwrap();
        let mut expected = printed_for(version);
        managed_by_helm(&mut expected);
        expected["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
        let mut found = Vec::new();
        differences(key, &rendered, &expected, &mut found);
        assert!(found.is_empty(), "{version}: {found:?}");
        let has_patterns = rendered.to_string().contains("\"pattern\"");
        assert_eq!(has_patterns, version >= "1.33", "{version}");
    }
}

#[test]
#[ignore = "needs Helm"]
fn helm_has_nothing_against_it() {
    let directory = tempfile::tempdir().unwrap();
    for case in single() {
        let mut helm = helm::command(crate::HELM, directory.path()).unwrap();
        helm.args(["lint", "--strict", "--namespace", NAMESPACE])
            .arg(helm::chart());
        let output = run(helm, Some(&case.values));
        assert!(
            output.status.success(),
            "{}: {}",
            case.values,
            text(&output.stdout)
        );
    }
}
