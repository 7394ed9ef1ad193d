//! Porthole is killed at every step of a container's start, of an exec, of its stop and of its removal.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use porthole_runtime::{Stdio, fault};
use porthole_tests::wait;

use crate::bench::{Bench, LIMIT, helper};
use crate::plans::{entry, plan};

/// Runs the helper until it ends, killed at a step.
fn killed_at(step: &str, args: &[&std::ffi::OsStr]) -> ExitStatus {
    let mut child = Command::new(helper())
        .args(args)
        .env("PORTHOLE_FAULT", step)
        .spawn()
        .unwrap();
    wait::until("the helper to be killed", LIMIT, || Ok(child.try_wait().unwrap())).unwrap_or_else(|error| {
        let _ = child.kill();
        panic!("{step}: {error}");
    })
}

/// The steps of a container's start, stop and removal.
const LIFE: [&str; 17] = [
    "container-directory",
    "account",
    "journal",
    "cgroup",
    "rootfs",
    "places",
    "streams",
    "process",
    "started",
    "container-signalled",
    "container-killed",
    "remove-processes",
    "remove-cgroup",
    "remove-places",
    "remove-container-files",
    "remove-account",
    "remove-journal",
];

/// The steps of a further program.
const EXEC: [&str; 3] = ["exec-account", "exec-streams", "exec-process"];

#[test]
#[ignore = "needs root"]
fn a_holder_killed_at_any_step_leaves_nothing() {
    for step in LIFE {
        assert!(fault::STEPS.contains(&step), "{step}");
        let bench = Bench::new();
        let state = bench.state();
        let script = "setsid sleep 1000 & trap '' TERM; echo ready; while :; do sleep 1; done";
        let status = killed_at(step, &["stop".as_ref(), state.as_os_str(), script.as_ref()]);
        assert_eq!(status.signal(), Some(9), "{step}: {status}");
        // The next command does what the guardian has not come to; what both touch, one of them removes.
        wait::until("the next command to succeed", LIMIT, || {
            Ok(bench.engine().sweep().is_ok().then_some(()))
        })
        .unwrap_or_else(|error| panic!("{step}: {error}"));
        bench.nothing_is_left();
    }
}

#[test]
#[ignore = "needs root"]
fn an_exec_killed_at_any_step_leaves_the_container_as_it_was() {
    let bench = Bench::new();
    let plan = plan("audio", &["/bin/sleep", "1000"]);
    let running = bench.start(&plan);
    for step in EXEC {
        let args = [
            std::ffi::OsString::from("exec"),
            bench.state().into_os_string(),
            plan.id.clone().into(),
            "exec sleep 1000".into(),
        ];
        let args: Vec<&std::ffi::OsStr> = args.iter().map(std::ffi::OsString::as_os_str).collect();
        let status = killed_at(step, &args);
        assert_eq!(status.signal(), Some(9), "{step}: {status}");
        assert!(bench.engine().sweep().unwrap().is_empty(), "{step}");
        wait::until("the program to end", LIMIT, || {
            let pids = bench.engine().stats(&plan.id).unwrap().pids;
            Ok((pids == Some(1)).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{step}: {error}"));
    }
    let program = bench.engine().exec(&plan, &entry(&["/bin/true"]), Stdio::Null);
    let exit = program.unwrap().wait_for(LIMIT);
    assert_eq!(exit.map(porthole_runtime::Exit::code), Some(0));
    assert!(
        running.wait_for(Duration::ZERO).is_none(),
        "the container goes on"
    );
    running.kill().unwrap();
    running.wait_for(LIMIT).unwrap();
    running.delete().unwrap();
    bench.nothing_is_left();
}
