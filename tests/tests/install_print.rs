//! `porthole install --print`, and the script with the flags of the existing one: what asks no cluster.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Output};

use porthole_tests::program;

fn porthole(arguments: &[&str]) -> Output {
    Command::new(program::host("porthole").unwrap())
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The command line in the printed Deployment.
fn arguments_of_the_server(printed: &str) -> Vec<String> {
    let stream = porthole_manifest::parse(printed, &porthole_manifest::Limits::default());
    let found = stream.documents.iter().find_map(|document| {
        let root = document.root();
        let is_deployment = root.child("kind").as_str() == Some("Deployment");
        is_deployment.then(|| {
            root.at("spec.template.spec.containers[0].args")
                .unwrap()
                .to_json()
        })
    });
    serde_json::from_value(found.unwrap()).unwrap()
}

/// Every way of combining these.
fn combinations(choices: &[&[&'static [&'static str]]]) -> Vec<Vec<&'static str>> {
    choices.iter().fold(vec![Vec::new()], |all, choice| {
        let with = |flags: &[&'static str]| -> Vec<Vec<&'static str>> {
            all.iter().map(|before| [before, flags].concat()).collect()
        };
        choice.iter().flat_map(|flags| with(flags)).collect()
    })
}

#[test]
fn check_has_nothing_against_what_any_settings_make() {
    let directory = tempfile::tempdir().unwrap();
    let every = combinations(&[
        &[
            &["--kubernetes-version=1.22"],
            &["--kubernetes-version=1.28"],
            &["--kubernetes-version=1.37"],
        ],
        &[
            &[],
            &["--certificates=cert-manager"],
            &["--certificates=secret", "--secret=tls"],
        ],
        &[
            &[],
            &[
                "--replicas=1",
                "--toleration=a=b:NoExecute",
                "--node-label=a=b",
                "--priority-class=high",
                "--image-pull-secret=pull",
            ],
        ],
        &[
            &[],
            &[
                "--name=w",
                "--namespace=team",
                "--no-network-policy",
                "--no-viewer-role",
                "--host-accounts=audit",
            ],
        ],
    ]);
    assert_eq!(every.len(), 36);
    let mut files = Vec::new();
    for (number, settings) in every.iter().enumerate() {
        let printed = porthole(&[&["install", "--print"], settings.as_slice()].concat());
        assert!(
            printed.status.success(),
            "{settings:?}: {}",
            text(&printed.stderr)
        );
        let file = directory.path().join(format!("{number}.yaml"));
        std::fs::write(&file, &printed.stdout).unwrap();
        files.push((settings, file));
    }
    let check = |version: &str, file: &Path| {
        let arguments = ["check", version, "--fail-on=advice"];
        let checked = porthole(&[&arguments[..], &[file.to_str().unwrap()]].concat());
        (
            checked.status.code(),
            text(&checked.stdout) + &text(&checked.stderr),
        )
    };
    for (settings, file) in &files {
        let (code, said) = check(settings[0], file);
        assert_eq!(code, Some(0), "{settings:?}: {said}");
    }
    // The server takes what its Deployment says.
    for (settings, file) in &files {
        let printed = std::fs::read_to_string(file).unwrap();
        let mut arguments = arguments_of_the_server(&printed);
        assert_eq!(arguments[0], "webhook", "{settings:?}");
        arguments.push("--help".to_owned());
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let told = porthole(&words);
        assert!(told.status.success(), "{words:?}: {}", text(&told.stderr));
    }
    // It does look at what is in them.
    let (settings, file) = &files[0];
    let stuck = std::fs::read_to_string(file)
        .unwrap()
        .replace("maxSurge: 1", "maxSurge: 0");
    std::fs::write(file, stuck).unwrap();
    let (code, said) = check(settings[0], file);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("spec.strategy.rollingUpdate.maxUnavailable"),
        "{said}"
    );
}

#[test]
fn parts_are_printed_alone_and_wrong_settings_are_refused_by_name() {
    for (part, kind, count) in [
        ("crd", "kind: CustomResourceDefinition\n", 1),
        ("configurations", "WebhookConfiguration\n", 2),
        ("server", "kind: Deployment\n", 1),
    ] {
        let printed = porthole(&["install", &format!("--print={part}")]);
        assert_eq!(text(&printed.stdout).matches(kind).count(), count, "{part}");
    }
    let refused = porthole(&["install", "--print", "--webhook-timeout=31"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("the timeout is 31: it is from 1 to 30"));
    // No cluster is asked.
    let told = porthole(&["install", "--dry-run", "--kubeconfig=/nowhere"]);
    assert_eq!(told.status.code(), Some(0));
    assert!(text(&told.stdout).contains("deployment.apps/porthole-webhook applied (client dry run)\n"));
}

fn script(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(program::checkout().join("deploy/deploy-gmsa-webhook.sh"))
        .args(arguments)
        .env("PORTHOLE", program::host("porthole").unwrap())
        .current_dir(directory)
        .output()
        .unwrap()
}

#[test]
fn the_script_takes_the_flags_of_the_existing_one() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    // As Kubernetes' own end-to-end test calls it.
    let flags = [
        "--file",
        "gmsa.yml",
        "--name",
        "w",
        "--namespace",
        "team",
        "--certs-dir",
        "c",
        "--tolerate-master",
        "--dry-run",
    ];
    let done = script(at, &flags);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("deployment.apps/w applied (client dry run)\n"));
    let written = std::fs::read_to_string(at.join("gmsa.yml")).unwrap();
    assert!(
        written.contains("node-role.kubernetes.io/control-plane") && written.contains("namespace: team\n")
    );
    assert!(!written.contains("PRIVATE KEY") && !at.join("c").exists());
    let again = script(at, &flags);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("--overwrite writes it anew"));
    let over = script(at, &[&flags[..], &["--overwrite"]].concat());
    assert_eq!(over.status.code(), Some(0));

    let unknown = script(at, &["--nonsense"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).starts_with("Unknown option: --nonsense\nusage:"));
    assert_eq!(script(at, &["--help"]).status.code(), Some(0));
    let missing = script(at, &[]);
    assert!(text(&missing.stderr).starts_with("--file is missing"));
}
