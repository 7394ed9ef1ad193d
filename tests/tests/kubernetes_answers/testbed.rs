//! What the testbed promises to the tests that stand on it.

use std::process::{Command, Stdio};
use std::time::Duration;

use porthole_tests::failure::Doing as _;
use porthole_tests::kubernetes::programs::OLDEST;
use porthole_tests::kubernetes::{ApiServer, Client, Settings};
use porthole_tests::wait;

/// A HostProcess pod.
const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hpc"}, "spec": {"hostNetwork": true,
    "nodeSelector": {"beta.kubernetes.io/os": "windows"},
    "securityContext": {"windowsOptions": {"hostProcess": true}}, "containers": [{"name": "c", "image": "x"}]}}"#;
const PODS: &str = "/api/v1/namespaces/default/pods?dryRun=All&fieldValidation=Strict";

#[test]
#[ignore = "needs kube-apiserver 1.24 and 1.37"]
fn gates_privileges_and_users_are_as_they_are_set() {
    let settings = Settings::of(OLDEST).feature_gate("WindowsHostProcessContainers", false);
    let server = ApiServer::start(&settings).unwrap();
    let answer = Client::new(&server).unwrap().post(PODS, POD).unwrap();
    assert_eq!(answer.code, 422, "{}", answer.body);
    let gate = "not allowed when feature gate 'WindowsHostProcessContainers' is not enabled";
    assert!(answer.body.contains(gate), "{}", answer.body);

    let settings = Settings::default()
        .allow_privileged(false)
        .user("eve", &["readers"]);
    let server = ApiServer::start(&settings).unwrap();
    let answer = Client::new(&server).unwrap().post(PODS, POD).unwrap();
    assert_eq!(answer.code, 422, "{}", answer.body);
    let policy = "hostProcess containers are disallowed by cluster policy";
    assert!(answer.body.contains(policy), "{}", answer.body);
    let eve = Client::with_token(&server, server.token_of("eve").unwrap()).unwrap();
    let answer = eve.post(PODS, POD).unwrap();
    assert_eq!(answer.code, 403, "{}", answer.body);
    assert!(
        answer.body.contains(r#"User \"eve\" cannot create resource"#),
        "{}",
        answer.body
    );
}

#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn an_answer_has_its_warnings_and_nothing_is_left_of_a_server() {
    let server = ApiServer::start(&Settings::default()).unwrap();
    let answer = Client::new(&server).unwrap().post(PODS, POD).unwrap();
    assert_eq!(answer.code, 201, "{}", answer.body);
    let warning =
        "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead";
    assert_eq!(answer.warnings, [warning]);

    let directory = server.directory().to_owned();
    assert!(directory.is_dir());
    drop(server);
    assert!(!directory.exists(), "its files are gone");
    assert_eq!(
        processes_with(&directory.to_string_lossy()),
        "",
        "its programs are gone"
    );
}

/// Not the one that dies here: a test cannot kill itself. It is run again, as a program of its own, to be killed.
#[test]
#[ignore = "needs kube-apiserver 1.37"]
fn nothing_is_left_of_a_server_whose_test_was_killed() {
    const VICTIM: &str = "PORTHOLE_TEST_VICTIM";
    if let Some(file) = std::env::var_os(VICTIM) {
        let server = ApiServer::start(&Settings::default()).unwrap();
        let written = std::path::Path::new(&file).with_extension("part");
        std::fs::write(&written, server.directory().to_string_lossy().as_bytes()).unwrap();
        std::fs::rename(written, file).unwrap();
        loop {
            std::thread::park();
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("directory");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "testbed::nothing_is_left_of_a_server_whose_test_was_killed",
        ])
        .env(VICTIM, &file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let directory = wait::until("the server of the victim", Duration::from_mins(3), || {
        Ok(std::fs::read_to_string(&file).ok())
    });
    victim.kill().unwrap();
    victim.wait().unwrap();
    let directory = directory.unwrap();
    wait::until("everything of it to end", Duration::from_secs(30), || {
        let left = processes_with(&directory);
        Ok((left.is_empty() && !std::path::Path::new(&directory).exists()).then_some(()))
    })
    .unwrap();
}

/// The command lines that name a directory, a line each.
fn processes_with(directory: &str) -> String {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").doing("list the processes").unwrap() {
        let line = std::fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(directory) {
            found.push(line);
        }
    }
    found.join("\n")
}
