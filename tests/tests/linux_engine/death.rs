//! Nothing outlives its holder.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use porthole_tests::wait;

use crate::bench::{Bench, LIMIT, helper};
use crate::plans::plan;

/// Leaves a descendant that has left its parents, its session and its output, and says its number.
const DAEMON: &str = "setsid sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo daemon $!'; ";

fn exists(pid: &str) -> bool {
    // A zombie that nobody has waited for yet is dead.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim()
            .starts_with('Z')
    })
}

/// A holder in a process group of its own, with the numbers of the daemon and of the container's first process.
fn holder(bench: &Bench) -> (Child, Vec<String>) {
    let script = format!("{DAEMON} echo first $$; exec sleep 1000");
    let mut child = std::os::unix::process::CommandExt::process_group(&mut Command::new(helper()), 0)
        .arg(bench.state())
        .arg(script)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(2);
    let pids: Vec<String> = lines
        .map(|line| line.unwrap().split_once(' ').unwrap().1.to_owned())
        .collect();
    assert_eq!(pids.len(), 2, "the holder says what it holds");
    assert!(pids.iter().all(|pid| exists(pid)));
    (child, pids)
}

fn kill(target: &str) {
    let killed = Command::new("kill")
        .args(["-KILL", "--", target])
        .status()
        .unwrap();
    assert!(killed.success());
}

fn wait_for_end(pids: &[String]) {
    wait::until("all processes of the container to end", LIMIT, || {
        Ok((!pids.iter().any(|pid| exists(pid))).then_some(()))
    })
    .unwrap();
}

/// Children of the holder by the guardians' name.
fn guardians(holder: u32) -> Vec<String> {
    let parent = format!("PPid:\t{holder}");
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|process| {
            fs::read_to_string(process.path().join("status")).is_ok_and(|status| {
                status.starts_with("Name:\tporthole-guard\n")
                    && status.lines().any(|line| line == parent)
                    && !status.contains("\nState:\tZ")
            })
        })
        .filter_map(|process| process.file_name().into_string().ok())
        .collect()
}

#[test]
#[ignore = "needs root"]
fn killing_the_holder_kills_daemonised_descendants() {
    let bench = Bench::new();
    let (mut holder, pids) = holder(&bench);
    // The volumes of a pod, whose lock went with the holder.
    let volumes = bench.state().join("pods/default_test_0");
    fs::create_dir_all(volumes.join("volumes/secret")).unwrap();
    fs::write(volumes.join("lock"), "").unwrap();
    fs::write(volumes.join("volumes/secret/key"), "secret").unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for_end(&pids);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn killing_the_holder_s_process_group_leaves_the_guardian_to_its_work() {
    let bench = Bench::new();
    let (mut holder, pids) = holder(&bench);
    kill(&format!("-{}", holder.id()));
    holder.wait().unwrap();
    wait_for_end(&pids);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn killing_the_holder_kills_what_its_deleted_state_directory_knew() {
    let bench = Bench::new();
    let (mut holder, pids) = holder(&bench);
    fs::remove_dir_all(bench.state()).unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for_end(&pids);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_guardian_can_be_had_before_anything_is_made() {
    let bench = Bench::new();
    bench.engine().guard();
    assert_eq!(guardians(std::process::id()).len(), 1);
    bench.nothing_is_left();
    assert!(guardians(std::process::id()).is_empty());
}

#[test]
#[ignore = "needs root"]
fn a_guardian_that_dies_is_replaced() {
    let bench = Bench::new();
    let (mut holder, pids) = holder(&bench);
    let first = guardians(holder.id());
    assert_eq!(first.len(), 1);
    kill(&first[0]);
    wait::until("another guardian", LIMIT, || {
        let now = guardians(holder.id());
        Ok((now.len() == 1 && now != first).then_some(()))
    })
    .unwrap();
    assert!(pids.iter().all(|pid| exists(pid)), "the container goes on");
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for_end(&pids);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_later_command_sweeps_when_holder_and_guardian_are_gone() {
    let bench = Bench::new();
    let (mut holder, pids) = holder(&bench);
    // Stopped, so that it cannot make another guardian.
    let holder_pid = holder.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-STOP", &holder_pid])
            .status()
            .unwrap()
            .success()
    );
    for guardian in guardians(holder.id()) {
        kill(&guardian);
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(exists(&pids[0]), "the daemon is still there");
    let swept = bench.engine().sweep().unwrap();
    assert_eq!(swept.len(), 1);
    wait_for_end(&pids);
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn what_the_first_process_leaves_behind_is_killed() {
    let bench = Bench::new();
    let script = format!("{DAEMON} exit 5");
    let (exit, out, _) = bench.run(&plan("SYSTEM", &["/bin/sh", "-c", &script]));
    assert_eq!(exit.code(), 5);
    let daemon = out.trim().strip_prefix("daemon ").unwrap();
    assert!(!exists(daemon));
    bench.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_cgroup_that_the_container_made_below_its_own_is_removed() {
    let bench = Bench::new();
    let unified = fs::read_to_string("/proc/self/mountinfo")
        .unwrap()
        .lines()
        .find(|line| line.contains(" - cgroup2 "))
        .map(|line| PathBuf::from(line.split(' ').nth(4).unwrap()))
        .expect("a v2 tree");
    let script = format!(
        "c={}$(sed -n 's/^0:://p' /proc/self/cgroup)/own && mkdir $c && \
         sh -c \"echo 0 > $c/cgroup.procs && exec sleep 1000\" & \
         while ! grep -q . {0}$(sed -n 's/^0:://p' /proc/self/cgroup)/own/cgroup.procs 2>/dev/null; do :; done",
        unified.display()
    );
    let (exit, _, err) = bench.run(&plan("SYSTEM", &["/bin/sh", "-c", &script]));
    assert_eq!(exit.code(), 0, "{err}");
    bench.nothing_is_left();
}
