//! The examples' Windows programs under Wine, which has no logon: everything runs as whoever runs Wine.

use std::path::Path;
use std::time::Duration;

use porthole_tests::program;
use porthole_tests::session::Session;
use porthole_tests::traces::Traces;
use porthole_tests::wine::Prefix;

const LIMIT: Duration = Duration::from_mins(1);

/// Runs a ping pod until it has got an answer, ends it by Ctrl-C, and returns what it said.
fn run_until_ctrl_c(name: &str, file: &str, image: &str) -> String {
    let dir = program::target()
        .unwrap()
        .join("xtask")
        .join("wine-examples")
        .join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    let rootfs = dir.join("image");
    std::fs::create_dir_all(&rootfs).unwrap();
    std::fs::copy(program::windows("ping").unwrap(), rootfs.join("ping.exe")).unwrap();
    let state = dir.join("state");
    let before = Traces::read(&state, name).unwrap();

    let prefix = Prefix::ready().unwrap();
    let mut run = prefix.command(&program::windows("porthole").unwrap());
    run.args([
        "run",
        "--inherit-user",
        "--as-host-process",
        "--state",
        &Prefix::windows_path(&state),
    ]);
    run.args(["--image", &format!("{image}={}", Prefix::windows_path(&rootfs))]);
    run.arg(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../examples/seeds/windows-pods")
            .join(file),
    );
    let mut session = Session::start(&mut run).unwrap();
    session.wait_for("Reply from ", LIMIT).unwrap();
    session.interrupt().unwrap();
    let (_, said) = session.end(LIMIT).unwrap();
    Traces::read(&state, name)
        .unwrap()
        .nothing_more_than(&before)
        .unwrap();
    said
}

#[test]
#[ignore = "needs Wine"]
fn the_ping_pod_runs_until_ctrl_c() {
    let said = run_until_ctrl_c("wine-ping", "1.3-ping-pod.yaml", "image1:latest");
    assert!(said.contains("Pinging 127.0.0.1 [127.0.0.1] as "), "{said}");
}

#[test]
#[ignore = "needs Wine"]
fn the_user_name_of_pod_or_container_is_told_to_the_program() {
    let image = "mcr.microsoft.com/windows/servercore:ltsc2019";
    let said = run_until_ctrl_c("wine-pod-user", "3-run-as-username-pod.yaml", image);
    assert!(said.contains(" as ContainerUser,"), "{said}");
    let said = run_until_ctrl_c("wine-container-user", "3.1-run-as-username-container.yaml", image);
    assert!(said.contains(" as ContainerAdministrator,"), "{said}");
}
