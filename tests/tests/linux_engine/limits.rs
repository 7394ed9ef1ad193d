//! Limits, live ones too, what is counted, and containers that try to break out of them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::time::Duration;

use porthole_runtime::engine::{Exit, Signal, UpdateError};
use porthole_runtime::plan::{DeviceLimit, Limits};
use porthole_runtime::{Plan, Running, Stdio};
use porthole_tests::wait;

use crate::bench::{Bench, LIMIT};
use crate::plans::{entry, plan};

const MIB: u64 = 1 << 20;

fn idle() -> Plan {
    plan("SYSTEM", &["/bin/sleep", "1000"])
}

fn end(running: &Arc<dyn Running>) {
    running.kill().unwrap();
    running.wait_for(LIMIT).expect("the container ends");
    running.delete().unwrap();
}

/// A file of the container's cgroup of a controller: its own hierarchy, or the v2 tree.
fn cgroup(pid: u32, controller: &str, file: &str) -> Option<String> {
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let line = own
        .lines()
        .find(|line| {
            line.split(':')
                .nth(1)
                .is_some_and(|list| list.split(',').any(|one| one == controller))
        })
        .or_else(|| own.lines().find(|line| line.starts_with("0::")))?;
    let path = line.splitn(3, ':').nth(2)?;
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = |kind: &str, option: &str| {
        table.lines().find_map(|line| {
            let (mount, of) = line.split_once(" - ")?;
            let (is, options) = (of.split(' ').next()?, of.split(' ').nth(2)?);
            (is == kind && (option.is_empty() || options.split(',').any(|one| one == option)))
                .then(|| mount.split(' ').nth(4).map(str::to_owned))?
        })
    };
    let point = if line.starts_with("0::") {
        point("cgroup2", "")
    } else {
        point("cgroup", controller)
    };
    fs::read_to_string(format!("{}{path}/{file}", point?)).ok()
}

fn throttled(pid: u32) -> u64 {
    let text = cgroup(pid, "cpu", "cpu.stat").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("nr_throttled "))
        .map_or(0, |number| number.parse().unwrap())
}

#[test]
#[ignore = "needs root"]
fn limits_below_what_can_run_are_one_clear_error() {
    let bench = Bench::new();
    let device = |path: &str, rate| DeviceLimit {
        device: path.into(),
        read_bytes: Some(rate),
        write_bytes: None,
        read_operations: None,
        write_operations: None,
    };
    let running = bench.start(&idle());
    let id = fs::read_dir(bench.state().join("containers"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let id = id.file_name().into_string().unwrap();
    let cases: [(Limits, &str); 7] = [
        (
            Limits {
                memory: Some(4096),
                ..Limits::default()
            },
            "no process starts in 4096 bytes",
        ),
        (
            Limits {
                cpu_milli: Some(0),
                ..Limits::default()
            },
            "nothing runs on 0 processors",
        ),
        (
            Limits {
                pids: Some(0),
                ..Limits::default()
            },
            "0 processes are no container",
        ),
        (
            Limits {
                processors: vec![0, 4000],
                ..Limits::default()
            },
            "this host has no processor 4000",
        ),
        (
            Limits {
                devices: vec![device("/proc/self", 1)],
                ..Limits::default()
            },
            "no block device (proc)",
        ),
        (
            Limits {
                devices: vec![device("/nowhere", 1)],
                ..Limits::default()
            },
            "No such file",
        ),
        (
            Limits {
                devices: vec![device("/", 0)],
                ..Limits::default()
            },
            "a rate of 0",
        ),
    ];
    for (limits, reason) in cases {
        let mut plan = idle();
        plan.limits = limits.clone();
        let error = bench
            .engine()
            .create(&plan, Stdio::Null)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(reason), "{reason}: {error}");
        let error = bench.engine().update(&id, &limits).unwrap_err();
        assert!(
            matches!(&error, UpdateError::Refused { reason: said, .. } if said.contains(reason)),
            "{reason}: {error:?}"
        );
    }
    for id in ["nobody", "../x", ""] {
        let error = bench.engine().update(id, &Limits::default()).unwrap_err();
        assert!(matches!(error, UpdateError::NotRunning { .. }), "{error:?}");
        assert!(bench.engine().stats(id).is_err());
    }
    end(&running);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn the_least_memory_that_is_accepted_runs_a_program() {
    let bench = Bench::new();
    let mut plan = plan("SYSTEM", &["/bin/true"]);
    plan.limits.memory = Some(MIB);
    plan.limits.pids = Some(1);
    plan.limits.cpu_milli = Some(100);
    let (exit, _, error) = bench.run(&plan);
    assert_eq!(exit, Exit::Code(0), "{error}");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn limits_are_changed_live_as_the_kernel_rounds_them_and_lifted() {
    let bench = Bench::new();
    let plan = plan("SYSTEM", &["/bin/sh", "-c", "while :; do :; done"]);
    let running = bench.start(&plan);
    let wanted = Limits {
        // The kernel counts in pages.
        memory: Some(64 * MIB + 1),
        cpu_milli: Some(150),
        cpu_shares: Some(512),
        pids: Some(20),
        processors: vec![0],
        devices: vec![DeviceLimit {
            device: "/".into(),
            read_bytes: Some(MIB),
            write_bytes: None,
            read_operations: None,
            write_operations: Some(100),
        }],
    };
    let has = bench.engine().update(&plan.id, &wanted).unwrap();
    let shares = cgroup(running.pid(), "cpu", "cpu.shares");
    let weight = cgroup(running.pid(), "cpu", "cpu.weight");
    let rounded = Limits {
        memory: Some(64 * MIB),
        // v1 has shares; v2 has weights, of which 20 begins with 501 shares.
        cpu_shares: Some(if shares.is_some() { 512 } else { 501 }),
        ..wanted.clone()
    };
    assert_eq!(has, rounded);
    assert!(
        shares.as_deref() == Some("512\n") || weight.as_deref() == Some("20\n"),
        "{shares:?} {weight:?}"
    );
    let process = fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    assert!(process.contains("Cpus_allowed_list:\t0\n"), "{process}");
    wait::until("the quota to be enforced", LIMIT, || {
        Ok((throttled(running.pid()) > 0).then_some(()))
    })
    .unwrap();
    let used = bench.engine().stats(&plan.id).unwrap();
    assert_eq!(used.memory_limit_bytes, Some(64 * MIB));
    assert_eq!(used.pids_limit, Some(20));
    // What is started later is under them too.
    let program = bench
        .engine()
        .exec(&plan, &entry(&["/bin/cat", "/proc/self/cgroup"]), Stdio::Piped)
        .unwrap();
    let text = std::io::read_to_string(program.take_output().unwrap().stdout).unwrap();
    let own = fs::read_to_string(format!("/proc/{}/cgroup", running.pid())).unwrap();
    assert_eq!(text, own);
    let has = bench.engine().update(&plan.id, &Limits::default()).unwrap();
    assert_eq!(has, Limits::default());
    let usual =
        cgroup(running.pid(), "cpu", "cpu.shares").or_else(|| cgroup(running.pid(), "cpu", "cpu.weight"));
    assert!(matches!(usual.as_deref(), Some("1024\n" | "100\n")), "{usual:?}");
    let processors = |process: &str| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("Cpus_allowed_list:"));
        line.unwrap().to_owned()
    };
    assert_eq!(processors(&running.pid().to_string()), processors("self"));
    end(&running);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_change_that_fails_leaves_every_limit_as_it_was() {
    let bench = Bench::new();
    let mut plan = plan(
        "SYSTEM",
        &[
            "/bin/sh",
            "-c",
            "x=$(head -c 20000000 /dev/zero | tr '\\0' x); echo ready; sleep 1000",
        ],
    );
    plan.limits.memory = Some(256 * MIB);
    plan.limits.pids = Some(50);
    plan.limits.cpu_milli = Some(900);
    let running = bench.start(&plan);
    let mut output = BufReader::new(running.take_output().unwrap().stdout);
    output.read_line(&mut String::new()).unwrap();
    let before = bench.engine().update(&plan.id, &plan.limits).unwrap();
    assert_eq!(before, plan.limits);
    let lower = Limits {
        memory: Some(4 * MIB),
        cpu_milli: Some(100),
        pids: Some(10),
        ..Limits::default()
    };
    let error = bench.engine().update(&plan.id, &lower).unwrap_err();
    assert!(
        matches!(&error, UpdateError::Refused { what, reason, .. } if what == "memory" && reason.contains("could not reclaim")),
        "{error:?}"
    );
    let pid = running.pid();
    assert_eq!(cgroup(pid, "pids", "pids.max").unwrap(), "50\n");
    let stats = bench.engine().stats(&plan.id).unwrap();
    assert_eq!(stats.memory_limit_bytes, plan.limits.memory);
    assert!(running.wait_for(Duration::ZERO).is_none(), "it goes on");
    end(&running);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn limits_of_processors_and_devices_hold_from_the_start() {
    let bench = Bench::new();
    let mut plan = plan(
        "LocalService",
        &[
            "/bin/sh",
            "-c",
            "grep Cpus_allowed_list /proc/self/status; sleep 1000",
        ],
    );
    plan.limits.processors = vec![0];
    plan.limits.devices = vec![DeviceLimit {
        device: "/".into(),
        read_bytes: Some(MIB),
        write_bytes: Some(2 * MIB),
        read_operations: None,
        write_operations: None,
    }];
    let running = bench.start(&plan);
    let mut output = BufReader::new(running.take_output().unwrap().stdout);
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "Cpus_allowed_list:\t0\n");
    assert_eq!(
        bench.engine().update(&plan.id, &plan.limits).unwrap(),
        plan.limits
    );
    end(&running);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn counts_what_a_container_uses() {
    let bench = Bench::new();
    let script = "x=$(head -c 8000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; \
                  echo ready; sleep 1000 & wait";
    let plan = plan("SYSTEM", &["/bin/sh", "-c", script]);
    let running = bench.start(&plan);
    let mut output = BufReader::new(running.take_output().unwrap().stdout);
    output.read_line(&mut String::new()).unwrap();
    wait::until("its second process", LIMIT, || {
        Ok((bench.engine().stats(&plan.id).unwrap().pids == Some(2)).then_some(()))
    })
    .unwrap();
    let stats = bench.engine().stats(&plan.id).unwrap();
    assert!(stats.cpu_nanoseconds.unwrap() > 1_000_000, "{stats:?}");
    assert!(stats.cpu_user_nanoseconds.is_some() && stats.cpu_system_nanoseconds.is_some());
    assert!(stats.memory_bytes.unwrap() > 8_000_000, "{stats:?}");
    assert!(stats.working_set_bytes.unwrap() <= stats.memory_bytes.unwrap());
    assert!(stats.memory_peak_bytes.unwrap() >= 8_000_000, "{stats:?}");
    assert_eq!((stats.memory_limit_bytes, stats.pids_limit), (None, None));
    assert_eq!(stats.hits, porthole_runtime::engine::Hits::default());
    end(&running);
    assert!(bench.engine().stats(&plan.id).is_err());
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_kill_for_memory_is_counted_whoever_was_killed() {
    let bench = Bench::new();
    let eat = "x=$(head -c 100000000 /dev/zero | tr '\\0' x)";
    for (script, expected) in [
        // The first process itself.
        (format!("{eat}; echo survived"), None),
        // Another one, and the first goes on.
        (
            format!("(exec sh -c \"{}\"); exit 3", eat.replace('$', "\\$")),
            Some(Exit::Code(3)),
        ),
    ] {
        let mut plan = plan("nobody", &["/bin/sh", "-c", &script]);
        plan.limits.memory = Some(32 * MIB);
        let running = bench.start(&plan);
        let exit = running.wait_for(LIMIT).expect("it ends");
        if let Some(expected) = expected {
            assert_eq!(exit, expected, "{script}");
        }
        assert!(running.hits().oom_kills >= 1, "{script}: {:?}", running.hits());
        running.delete().unwrap();
    }
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_container_that_forks_without_end_is_held_counted_and_removed() {
    let bench = Bench::new();
    let script = "trap '' TERM INT HUP; f() { f | f & }; f; while :; do f; sleep 0.01; done";
    let mut plan = plan("SYSTEM", &["/bin/bash", "-c", script]);
    plan.limits.pids = Some(100);
    let created = bench
        .engine()
        .create(&plan, Stdio::Null)
        .unwrap_or_else(|error| panic!("{error}"));
    let running = created.start().unwrap();
    wait::until("the limit to be hit", LIMIT, || {
        Ok((running.hits().pids_refusals > 10).then_some(()))
    })
    .unwrap();
    assert!(bench.engine().stats(&plan.id).unwrap().pids.unwrap() <= 100);
    // Nobody listens.
    running.signal(Signal::Term).unwrap();
    assert_eq!(running.wait_for(Duration::from_millis(200)), None);
    end(&running);
    assert!(running.hits().pids_refusals == 0, "removed with the container");
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_container_that_writes_without_end_is_ended_whoever_reads() {
    let bench = Bench::new();
    let plan = plan(
        "SYSTEM",
        &[
            "/bin/sh",
            "-c",
            "trap '' PIPE TERM; while :; do echo line || :; done",
        ],
    );
    let running = bench.start(&plan);
    let mut output = running.take_output().unwrap();
    let mut some = [0; 4096];
    std::io::Read::read_exact(&mut output.stdout, &mut some).unwrap();
    // The pipe fills up, and then its reader goes away.
    drop(output);
    end(&running);
    bench.nothing_is_left();
}
