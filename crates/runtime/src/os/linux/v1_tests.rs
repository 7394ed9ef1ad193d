//! The engine on a host that has only v1 hierarchies, which the machine of these tests need not be: the layout is given.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use porthole_pod::Account;

use super::{Host, Layout, LinuxEngine, facts, guardian::Guardian};
use crate::engine::{Engine, Exit, Signal, Stdio};
use crate::plan::{CommandLine, Limits, Plan, PodIdentity, Rootfs, Stop, User, View};
use crate::state::State;

/// This host's v1 hierarchies, as if there were no v2 tree.
fn layout() -> Layout {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let v1: Vec<&str> = mountinfo
        .lines()
        .filter(|line| !line.contains(" - cgroup2 "))
        .collect();
    Layout::parse(&v1.join("\n"), |_| String::new())
}

fn engine(directory: &Path) -> LinuxEngine {
    // Never asked to do anything here.
    let guardian = directory.join("guardian");
    fs::write(&guardian, "#!/bin/sh\nexec sleep 100\n").unwrap();
    fs::set_permissions(&guardian, fs::Permissions::from_mode(0o755)).unwrap();
    let state = directory.join("state");
    LinuxEngine(Arc::new(Host {
        facts: facts::host_facts(),
        guardian: Guardian::new(&state, &guardian).unwrap(),
        state: State::new(&state),
        layout: layout().into(),
    }))
}

fn plan(id: &str, script: &str) -> Plan {
    Plan {
        id: format!("{id}-{}", std::process::id()),
        pod: PodIdentity {
            namespace: "default".to_owned(),
            name: "test".to_owned(),
            uid: "0".to_owned(),
        },
        container: "main".to_owned(),
        rootfs: Rootfs::Empty,
        view: View::Private,
        command: CommandLine::Arguments(["/bin/sh", "-c", script].map(str::to_owned).into()),
        working_directory: None,
        environment: Vec::new(),
        mounts: Vec::new(),
        user: User::Account(Account::parse("SYSTEM").unwrap()),
        limits: Limits::default(),
        stop: Stop {
            signal: Signal::Term,
            grace: Duration::from_secs(1),
        },
        credential_spec: None,
        streams: crate::plan::Streams::default(),
    }
}

#[test]
#[ignore = "needs root"]
fn kills_a_forking_tree_through_the_freezer_and_removes_its_cgroups() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(directory.path());
    let script = "(while :; do setsid sleep 1000 & sleep 0.001; done) & sleep 0.1; exit 4";
    let mut plan = plan("v1", script);
    plan.limits.pids = Some(200);
    let running = engine.create(&plan, Stdio::Null).unwrap().start().unwrap();
    let freezer = engine
        .0
        .layout()
        .unwrap()
        .want(&plan.id, &plan.limits, &[])
        .unwrap()
        .group;
    assert!(freezer.exists());
    assert_eq!(running.wait_for(Duration::from_secs(20)), Some(Exit::Code(4)));
    assert!(freezer.is_empty().unwrap());
    running.delete().unwrap();
    assert!(!freezer.exists());
}

#[test]
#[ignore = "needs root"]
fn signals_and_kills_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(directory.path());
    for (signal, expected) in [(Signal::Term, Exit::Signal(15)), (Signal::Kill, Exit::Signal(9))] {
        let running = engine
            .create(&plan("v1-signal", "exec sleep 1000"), Stdio::Null)
            .unwrap()
            .start()
            .unwrap();
        running.signal(signal).unwrap();
        assert_eq!(running.wait_for(Duration::from_secs(20)), Some(expected));
        running.delete().unwrap();
    }
}
