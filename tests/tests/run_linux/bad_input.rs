//! Bad input: one clear error each, the exit code of the design, and nothing left behind.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use porthole_tests::program;

use crate::room::{Ended, Room, is_there, pod, script};

/// One error that says `expected`, and this code.
fn refused(ended: &Ended, code: i32, expected: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.out, "", "{ended:?}");
    let errors = ended
        .err
        .lines()
        .filter(|line| line.starts_with("error: "))
        .count();
    assert_eq!(errors, 1, "{}", ended.err);
    for expected in expected {
        assert!(ended.err.contains(expected), "{expected}\n{}", ended.err);
    }
}

#[test]
fn refuses_broken_and_hostile_yaml() {
    let room = Room::new();
    let bomb = format!(
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{}",
        (1..9).fold(String::new(), |text, n| {
            let alias = format!("*a{},", n - 1).repeat(10);
            format!("{text}a{n}: &a{n} [{alias}]\n")
        })
    );
    for (manifest, expected) in [
        ("kind: Pod\n  spec: [\n", "pod.yaml:2:"),
        (
            "kind: Pod\nkind: Pod\n",
            "pod.yaml:2:1: key \"kind\" is already set in line 1",
        ),
        (bomb.as_str(), "pod.yaml:"),
        ("", "no pod in pod.yaml"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
            "no pod in pod.yaml",
        ),
    ] {
        refused(&room.run(manifest, &[]), 2, &[expected]);
    }
    room.write("pod.yaml", "", 0o644);
    fs::write(room.path("pod.yaml"), b"a: \xff\n").unwrap();
    refused(&room.end(room.porthole(&["pod.yaml"])), 2, &["not UTF-8"]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(&room.run(&deep, &[]), 2, &["pod.yaml:1:"]);
}

#[test]
fn refuses_paths_that_are_not_there() {
    let room = Room::new();
    refused(
        &room.end(room.porthole(&["gone.yaml"])),
        2,
        &["read `gone.yaml`", "caused by: No such file"],
    );
    fs::create_dir(room.path("empty")).unwrap();
    refused(
        &room.end(room.porthole(&["empty"])),
        2,
        &["no .yaml, .yml or .json file"],
    );
    refused(
        &room.end(room.porthole(&["http://example.org/pod.yaml"])),
        2,
        &["plain http", "use https://"],
    );
}

#[test]
fn refuses_misspelt_fields_of_the_object_itself() {
    let room = Room::new();
    let manifest = format!("{}sepc: {{}}\n", script("echo ran"));
    refused(
        &room.run(&manifest, &[]),
        125,
        &[
            "strict decoding error: unknown field \"sepc\"",
            "pod.yaml:12:1: sepc [unknown-field]: did you mean spec?",
        ],
    );
}

#[test]
fn refuses_what_the_api_server_refuses_in_its_words() {
    let room = Room::new();
    let manifest = script("exit 0").replace("  hostNetwork: true\n", "");
    let ended = room.run(&manifest, &[]);
    let words = "Pod \"p\" is invalid: spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any \
                 hostProcess containers";
    refused(&ended, 125, &[words, "\n  pod.yaml:6:"]);
    let manifest = manifest.replace("name: p,", "generateName: web-,");
    refused(
        &room.run(&manifest, &[]),
        125,
        &["Pod \"web-xxxxx\" is invalid: "],
    );
}

#[test]
fn refuses_unsupported_fields_by_name_and_place() {
    let room = Room::new();
    let manifest = script("exit 0").replace("name: c\n", "name: c\n    livenessProbe: {grpc: {port: 1}}\n");
    refused(
        &room.run(&manifest, &[]),
        125,
        &["pod.yaml:10:21: spec.containers[0].livenessProbe.grpc: is not supported"],
    );
}

#[test]
#[ignore = "needs root"]
fn says_which_image_is_missing_and_what_to_do() {
    let room = Room::new();
    let manifest = script("exit 0").replace("image: i", "image: gone:v1");
    let expected = [
        "spec.containers[0].image: no image \"gone:v1\"",
        "help: build it with",
        "--image gone:v1=PATH",
    ];
    refused(&room.run(&manifest, &[]), 125, &expected);
    let ended = room.run(
        &script("exit 0").replace("image: i", "image: j"),
        &["--image", "j=/nowhere"],
    );
    refused(&ended, 125, &["/nowhere", "No such file"]);
}

#[test]
#[ignore = "needs root"]
fn says_where_a_missing_command_was_looked_for() {
    let room = Room::new();
    let ended = room.run(
        &pod("  containers: [{name: c, image: i, command: [no-such-program]}]"),
        &[],
    );
    refused(
        &ended,
        127,
        &[
            "start container `c`",
            "command `no-such-program` not found",
            "`/hpc/usr/bin/no-such-program`",
        ],
    );
    let ended = room.run(
        &pod("  containers: [{name: c, image: i, command: [/no/such]}]"),
        &[],
    );
    refused(&ended, 127, &["`/hpc/no/such`, `/no/such`"]);
    let ended = room.run(&pod("  containers: [{name: c, image: i}]"), &[]);
    refused(&ended, 125, &["no command specified"]);
}

#[test]
#[ignore = "needs root"]
fn says_what_cannot_be_executed() {
    let room = Room::new();
    room.write("image/bin/plain", "not a program", 0o644);
    let ended = room.run(
        &pod("  containers: [{name: c, image: i, command: [/bin/plain]}]"),
        &[],
    );
    refused(
        &ended,
        126,
        &[
            "/hpc/bin/plain",
            "permission denied: not an executable file",
            "check the file's mode",
        ],
    );
    let long = "x".repeat(200_000);
    let ended = room.run(
        &pod(&format!(
            "  containers: [{{name: c, image: i, command: ['true', {long}]}}]"
        )),
        &[],
    );
    refused(&ended, 126, &["longer than the kernel takes"]);
    assert!(!ended.err.contains("check the file"), "{}", ended.err);
}

#[test]
#[ignore = "needs root"]
fn refuses_accounts_that_cannot_be() {
    let room = Room::new();
    let manifest = script("exit 0");
    let ended = room.run(&manifest.replace("SYSTEM", "no-such-user"), &[]);
    refused(&ended, 125, &["no-such-user"]);
    let ended = room.run(&manifest.replace(", runAsUserName: SYSTEM", ""), &[]);
    refused(&ended, 125, &["runAsUserName: must be set", "--inherit-user"]);
    let ended = room.run(
        &manifest.replace("{windowsOptions", "{runAsNonRoot: true, windowsOptions"),
        &[],
    );
    refused(&ended, 125, &["spec.securityContext.runAsNonRoot"]);
    let manifest = manifest.replace("{windowsOptions", "{runAsNonRoot: true, windowsOptions");
    let ended = room.run(&manifest.replace("SYSTEM", "ContainerAdministrator"), &[]);
    refused(
        &ended,
        125,
        &["container's runAsUserName (ContainerAdministrator) which will be regarded as root identity"],
    );
}

#[test]
#[ignore = "needs root"]
fn refuses_mounts_that_cannot_be() {
    let room = Room::new();
    let socket = room.path("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let with = |mounts: &str, volume: &str| {
        let container = "  containers:\n  - name: c\n    image: i\n    command: ['true']\n";
        pod(&format!(
            "{container}    volumeMounts: [{mounts}]\n  volumes:\n  - {{name: v, {volume}}}"
        ))
    };
    let mount = "{name: v, mountPath: /run-linux}";
    for (mounts, volume, expected) in [
        (
            mount,
            "hostPath: {path: /no/such/source}".to_owned(),
            "hostPath /no/such/source doesn't exist",
        ),
        (
            mount,
            "hostPath: {path: /etc/passwd, type: Directory}".to_owned(),
            "hostPath type check failed: /etc/passwd is not a directory, it's a File",
        ),
        (
            mount,
            format!("hostPath: {{path: {}, type: File}}", socket.display()),
            "is not a file, it's a Socket",
        ),
        (
            mount,
            "hostPath: {path: /etc/passwd, type: Socket}".to_owned(),
            "hostPath type check failed: /etc/passwd is not a socket file",
        ),
        (
            mount,
            r"hostPath: {path: '\\.\pipe\x'}".to_owned(),
            "interact with the pipe directly",
        ),
        (
            mount,
            "configMap: {name: gone}".to_owned(),
            "configmap \"gone\" not found",
        ),
        (
            "{name: v, mountPath: /run-linux}, {name: v, mountPath: /run-linux/}",
            "emptyDir: {}".to_owned(),
            "must be unique",
        ),
    ] {
        refused(&room.run(&with(mounts, &volume), &[]), 125, &[expected]);
    }
    assert!(!is_there("/run-linux".as_ref()));
}

#[test]
#[ignore = "needs root"]
fn a_program_that_does_not_start_takes_the_others_with_it() {
    let room = Room::new();
    let containers = "  containers:\n  - {name: a, image: i, command: [sleep, '1000']}\n  - {name: b, image: i, command: \
                      [no-such-program]}";
    let ended = room.run(&pod(containers), &[]);
    refused(&ended, 127, &["start container `b`"]);
}

#[test]
#[ignore = "needs root"]
fn refuses_a_state_directory_that_cannot_be_written() {
    let room = Room::new();
    // A file where the directory should be.
    room.write("state", "", 0o644);
    let ended = room.run(&script("exit 0"), &[]);
    refused(&ended, 125, &["state", "Not a directory"]);
}

#[test]
#[ignore = "needs root"]
fn a_full_disk_is_one_error_and_leaves_nothing() {
    let room = Room::new();
    let state = room.path("state");
    fs::create_dir(&state).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&state)
        .status()
        .unwrap();
    assert!(mount.success());
    let text = "x".repeat(200_000);
    let manifest = format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{k: {text}}}\n",
        pod(
            "  containers: [{name: c, image: i, command: ['true']}]\n  volumes: [{name: v, configMap: {name: m}}]"
        )
    );
    room.write("pod.yaml", &manifest, 0o644);
    let output = room.porthole(&["pod.yaml"]).output().unwrap();
    let left: Vec<_> = fs::read_dir(state.join("pods"))
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    let unmount = Command::new("umount").arg(&state).status().unwrap();
    assert!(unmount.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(left.is_empty(), "{left:?}");
    room.finds_nothing(&said);
}

#[test]
#[ignore = "needs root"]
fn without_root_says_that_it_needs_it() {
    let room = Room::new();
    room.write("pod.yaml", &script("exit 0"), 0o644);
    // The build directory may be out of reach of another user.
    let porthole = room.path("porthole");
    fs::copy(program::host("porthole").unwrap(), &porthole).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&porthole)
        .args(["run", "pod.yaml", "--image"])
        .arg(format!("i={}", room.path("image").display()))
        .arg("--state")
        .arg(room.path("state"))
        .current_dir(room.path(""))
        .env("NO_COLOR", "1");
    let ended = room.end(command);
    refused(&ended, 125, &["root"]);
}
