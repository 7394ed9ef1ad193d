//! `porthole check --kubectl`, held against what kubectl 1.32 printed of the same files and an API server 1.37.

use std::path::Path;
use std::process::Command;

use porthole_tests::program;

/// Standard output, standard error and the exit code for files of those names and texts.
fn kubectl(files: &[(&str, &str)], arguments: &[&str]) -> (String, String, Option<i32>) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let names = files.iter().map(|(name, _)| Path::new(name));
    let result = Command::new(program::host("porthole").unwrap())
        .args(["check", "--kubectl", "--kubernetes-version", "1.37"])
        .args(names)
        .args(arguments)
        .current_dir(&directory)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(result.stdout), text(result.stderr), result.status.code())
}

const GOOD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec:\n  containers:\n  - name: c\n    image: i\n    \
                    env: [{name: A, value: '1'}, {name: A, value: '2'}]\n";
const INVALID: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: hpc}\nspec:\n  securityContext: {windowsOptions: \
                       {hostProcess: true}}\n  containers: [{name: c, image: i}]\n";
const UNKNOWN_FIELD: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: dep}\nspec:\n  selector: {matchLabels: \
                             {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: c, image: \
                             i, foo: 1}]}\n";
const UNKNOWN_KIND: &str = "apiVersion: foo/v1\nkind: Bar\nmetadata: {name: x}\n";
const LIST: &str = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: x/v1, kind: Foo, metadata: {name: b}}\n- \
                    {apiVersion: v1, kind: ConfigMap, metadata: {name: m}}\n";

#[test]
fn several_documents_are_told_one_by_one_and_their_errors_at_the_end() {
    let all = [INVALID, GOOD, UNKNOWN_FIELD, UNKNOWN_KIND].join("---\n");
    let (out, err, code) = kubectl(&[("bad.yaml", &all)], &[]);
    assert_eq!(out, "pod/good created (server dry run)\n");
    assert_eq!(
        err,
        "Warning: spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply\n\
         resource mapping not found for name: \"x\" namespace: \"\" from \"bad.yaml\": no matches for kind \"Bar\" in \
         version \"foo/v1\"\nensure CRDs are installed first\n\
         Error from server (Invalid): error when creating \"bad.yaml\": Pod \"hpc\" is invalid: spec.hostNetwork: Invalid \
         value: false: hostNetwork must be true if pod contains any hostProcess containers\n\
         Error from server (BadRequest): error when creating \"bad.yaml\": Deployment in version \"v1\" cannot be handled \
         as a Deployment: strict decoding error: unknown field \"spec.template.spec.containers[0].foo\"\n"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn one_error_has_a_form_of_its_own() {
    let (out, err, code) = kubectl(&[("f.yaml", INVALID)], &[]);
    assert_eq!((out.as_str(), code), ("", Some(1)));
    assert_eq!(
        err,
        "The Pod \"hpc\" is invalid: spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any \
         hostProcess containers\n"
    );
    let twice = INVALID.replace("{name: c, image: i}", "{name: c, image: i}, {name: c, image: i}");
    let (_, err, _) = kubectl(&[("f.yaml", &twice)], &[]);
    assert!(
        err.starts_with(
            "The Pod \"hpc\" is invalid: \n* spec.containers[1].name: Duplicate value: \"c\"\n* spec."
        ),
        "{err}"
    );
    let (_, err, code) = kubectl(
        &[("f.yaml", INVALID)],
        &["--pod-security", "baseline", "missing.yaml"],
    );
    assert_eq!(
        (err.as_str(), code),
        ("error: the path \"missing.yaml\" does not exist\n", Some(1))
    );
    let valid = INVALID.replace("spec:\n", "spec:\n  hostNetwork: true\n");
    let (_, err, _) = kubectl(&[("f.yaml", &valid)], &["--pod-security", "baseline"]);
    assert_eq!(
        err,
        "Error from server (Forbidden): error when creating \"f.yaml\": pods \"hpc\" is forbidden: violates PodSecurity \
         \"baseline:latest\": host namespaces (hostNetwork=true), hostProcess (pod must not set \
         securityContext.windowsOptions.hostProcess=true)\n"
    );
}

#[test]
fn what_is_no_object_is_said_before_anything_is_sent() {
    let (out, err, _) = kubectl(&[("l.yaml", LIST)], &[]);
    assert_eq!(out, "configmap/m created (server dry run)\n");
    assert_eq!(
        err,
        "unable to recognize no matches for kind \"Foo\" in version \"x/v1\"\n"
    );
    let (_, err, _) = kubectl(&[("e.yaml", "# nothing\n---\n")], &[]);
    assert_eq!(err, "error: no objects passed to apply\n");
    let (_, err, _) = kubectl(&[("n.yaml", "a: b\n")], &[]);
    assert_eq!(
        err,
        "error: error validating \"n.yaml\": error validating data: [apiVersion not set, kind not set]; if you choose to \
         ignore these errors, turn validation off with --validate=false\n"
    );
    let unnamed = INVALID.replace("{name: hpc}", "{generateName: a-}");
    let (_, err, _) = kubectl(
        &[("g.yaml", &unnamed), ("l.yaml", LIST), ("n.yaml", "kind: A\n")],
        &[],
    );
    assert_eq!(
        err,
        "[unable to recognize no matches for kind \"Foo\" in version \"x/v1\", error validating \"n.yaml\": error \
         validating data: apiVersion not set; if you choose to ignore these errors, turn validation off with \
         --validate=false]\nfrom a-: cannot use generate name with apply\n"
    );
    let placed = GOOD.replace("{name: good}", "{name: good, namespace: a}");
    let (_, err, _) = kubectl(&[("p.yaml", &placed)], &["-n", "other"]);
    assert_eq!(
        err,
        "error: the namespace from the provided object \"a\" does not match the namespace \"other\". You must pass \
         '--namespace=a' to perform this operation.\n"
    );
}

#[test]
fn repeated_keys_are_gone_before_the_server_sees_them() {
    let text = format!("{GOOD}spec:\n  containers: [{{name: c, image: i}}]\n");
    let (out, err, code) = kubectl(&[("d.yaml", &text)], &[]);
    assert_eq!(
        (out.as_str(), err.as_str(), code),
        ("pod/good created (server dry run)\n", "", Some(0))
    );
}
