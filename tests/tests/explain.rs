//! `porthole explain` of the examples: data for programs, and the table for people.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use porthole_tests::program;

fn examples() -> PathBuf {
    program::checkout().join("examples")
}

/// What `porthole explain` prints of an example, and whether it succeeded.
fn explain(example: &str, output: &str) -> String {
    let path = examples().join(example);
    let result = Command::new(program::host("porthole").unwrap())
        .args(["explain", "-o", output])
        .arg(path)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(
        result.status.success(),
        "{}",
        String::from_utf8_lossy(&result.stderr)
    );
    String::from_utf8(result.stdout).unwrap()
}

#[test]
fn json_names_the_account_and_the_field_that_decided() {
    let text = explain("seeds/tutorial/hostprocesspod.yaml", "json");
    for expected in [
        r#""value": "NT AUTHORITY\\SYSTEM""#,
        r#""field": "spec.securityContext.windowsOptions.runAsUserName""#,
        r#"hostprocesspod.yaml:11:22""#,
        r#""administrator": true"#,
        r#""field": "spec.nodeSelector[kubernetes.io/os]""#,
        r#""findings": []"#,
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn yaml_says_what_json_says() {
    let text = explain("seeds/windows-pods/3.1-run-as-username-container.yaml", "yaml");
    for expected in [
        "value: ContainerAdministrator",
        "field: spec.containers[0].securityContext.windowsOptions.runAsUserName",
        "administrator: true",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn findings_stand_below_the_table() {
    let text = explain("seeds/windows-pods/2.4-with-creds-container.yaml", "human");
    let (table, findings) = text
        .split_once("the API server refuses it:")
        .unwrap_or_else(|| panic!("{text}"));
    assert!(table.contains("credential spec  gmsa-Webapp1"), "{text}");
    assert_eq!(
        table.matches(".yaml").count(),
        1,
        "the title alone names the file: {text}"
    );
    assert!(
        findings.contains("gmsaCredentialSpecName: Invalid value: \"gmsa-Webapp1\""),
        "{text}"
    );
}

#[test]
fn the_administrator_of_a_container_is_none_of_the_host() {
    let text = explain("seeds/windows-pods/3.1-run-as-username-container.yaml", "human");
    assert!(text.contains("administrator  of its container only"), "{text}");
    assert!(
        text.contains("15:24  spec.containers[0].securityContext.windowsOptions.runAsUserName"),
        "{text}"
    );
}

#[test]
fn says_what_run_refuses() {
    let text = explain("seeds/windows-pods/2.4-with-creds-pod.yaml", "human");
    let (_, refusals) = text
        .split_once("porthole run refuses it here as it is:")
        .unwrap_or_else(|| panic!("{text}"));
    for expected in ["credential specs are not supported", "--as-host-process"] {
        assert!(refusals.contains(expected), "{text}");
    }
}

#[test]
fn fields_without_effect_are_counted_and_named_under_verbose() {
    let manifest = examples().join("seeds/windows-pods/2.4-with-creds-pod.yaml");
    let said = |options: &[&str]| {
        let output = Command::new(program::host("porthole").unwrap())
            .arg("explain")
            .arg(&manifest)
            .args(options)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (short, long) = (said(&[]), said(&["-v"]));
    assert!(
        short.contains("1 field is without effect") && !short.contains("imagePullPolicy"),
        "{short}"
    );
    assert!(
        long.contains("imagePullPolicy: registries are asked under `run --pull` alone"),
        "{long}"
    );
}

#[test]
fn completions_and_man_pages_come_from_the_same_definitions() {
    let porthole = program::host("porthole").unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Command::new(&porthole)
            .args(["completions", shell])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains("inherit-user"),
            "{shell}: {text}"
        );
        assert!(!text.contains("guard"), "a hidden verb is not completed");
    }
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new(&porthole)
        .arg("man")
        .arg(directory.path())
        .status()
        .unwrap();
    assert!(status.success());
    let page = std::fs::read_to_string(directory.path().join("porthole-run.1")).unwrap();
    assert!(page.contains("any\\-node"), "{page}");
}

#[test]
fn files_without_a_pod_are_said_to_hold_what_they_hold() {
    for (text, found, help) in [
        ("# nothing\n", "nothing is written there", "kind: Pod"),
        (
            "kind: Role\n---\nkind: Role\n---\nkind: Secret\n",
            "found Role, Secret;",
            "kind: Pod",
        ),
        (
            "kind: Kustomization\n",
            "found Kustomization;",
            "kubectl kustomize",
        ),
        (
            "kind: A\n---\nkind: B\n---\nkind: C\n---\nkind: D\n---\nkind: E\n---\nkind: F\n",
            "found A, B, C, D, E, …;",
            "",
        ),
    ] {
        let mut explain = Command::new(program::host("porthole").unwrap())
            .args(["explain", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        explain.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let ended = explain.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(
            said.contains("no pod in -: ") && said.contains(found) && said.contains(help),
            "{said}"
        );
    }
}
