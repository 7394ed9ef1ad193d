//! What containers use, as `porthole stats` tells it of detached pods.

#![cfg(target_os = "linux")]

#[path = "pods_linux/room.rs"]
#[allow(dead_code, reason = "other tests use what these do not")]
mod room;

use std::fs;

use porthole_tests::failure::Failure;
use porthole_tests::wait;
use room::{LIMIT, Room, pod};
use serde_json::Value;

const MIB: u64 = 1 << 20;

/// One container's numbers.
fn stats(room: &Room, container: &str) -> Value {
    let report: Value = serde_json::from_str(&room.good("stats", &["-o", "json", "p"])).unwrap();
    let rows = report["containers"].as_array().unwrap();
    let own = rows.iter().find(|row| row["container"] == container);
    own.unwrap_or_else(|| panic!("{container} is in {report}"))
        .clone()
}

fn number(row: &Value, name: &str) -> u64 {
    let value = row.pointer(name).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("{name} is a number in {row}"))
}

/// Waits until a container's numbers are as wanted.
fn wanted(room: &Room, container: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, LIMIT, || {
        let row = stats(room, container);
        Ok::<_, Failure>(is(&row).then_some(row))
    })
    .unwrap()
}

#[test]
#[ignore = "needs root"]
fn a_busy_and_an_idle_container_are_told_apart() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  containers:\n  - {name: busy, image: i, command: [sh, -c, 'while :; do :; done']}\n  - name: idle\n    image: i\n    \
         resources: {limits: {memory: 128Mi}}\n    command: [sh, -c, 'sleep 1000 & sleep 1000 & echo ready; wait']",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.hears("idle", "ready");
    let idle = stats(&room, "idle");
    let busy = stats(&room, "busy");
    let percent = |row: &Value| row["cpuPercent"].as_f64().unwrap();
    assert!(
        percent(&busy) > percent(&idle) && percent(&busy) > 1.0,
        "{busy} {idle}"
    );
    assert!(number(&busy, "/stats/cpuNanoseconds") > number(&idle, "/stats/cpuNanoseconds"));
    assert_eq!(number(&idle, "/stats/pids"), 3);
    assert_eq!(number(&busy, "/stats/pids"), 1);
    assert_eq!(number(&idle, "/stats/memoryLimitBytes"), 128 * MIB);
    assert_eq!(busy["stats"]["memoryLimitBytes"], Value::Null);
    let table = room.good("stats", &["--no-stream"]);
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0].join(" "),
        "POD CONTAINER CPU % MEMORY / LIMIT PIDS READ WRITTEN ROOTFS VOLUMES LOGS"
    );
    assert_eq!(lines[1][..2], ["default/p", "busy"], "{table}");
    assert_eq!(lines[2][..2], ["default/p", "idle"], "{table}");
    assert!(table.contains(" / 128.0 MiB "), "{table}");
    assert_eq!(lines.len(), 3, "{table}");
    room.good("stop", &["-t", "0", "p"]);
    assert_eq!(
        room.good("stats", &[]).lines().count(),
        1,
        "an ended pod uses nothing"
    );
    room.good("rm", &["p"]);
    assert_eq!(room.porthole("stats", &["p"]).code, Some(1));
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn memory_and_the_disk_use_of_rootfs_volumes_and_logs_are_counted_where_they_are() {
    let room = Room::new();
    let next = |name: &str| room.path(name).display().to_string();
    let manifest = pod(
        "p",
        &format!(
            "  volumes: [{{name: v, emptyDir: {{}}}}, {{name: host, hostPath: {{path: {}}}}}]\n  containers:\n  - name: c\n    image: \
             i\n    volumeMounts: [{{name: v, mountPath: /a-volume}}, {{name: host, mountPath: /of-host}}]\n    command:\n    - sh\n    \
             - -c\n    - |\n      step() {{ echo ready for $1; until test -e /of-host/$1; do sleep 0.01; done; }}\n      step \
             rootfs; head -c 3145728 /dev/zero >own-file\n      step volume; head -c 5242880 /dev/zero >/a-volume/file\n      step \
             host; head -c 7340032 /dev/zero >/of-host/file\n      step logs; seq 1 150000\n      step memory; head -c 67108864 \
             /dev/zero | tail | sleep 1000",
            next("host")
        ),
    );
    fs::create_dir(room.path("host")).unwrap();
    assert_eq!(room.detach(&manifest).code, Some(0));
    let go = |step: &str| {
        room.hears("c", &format!("ready for {step}"));
        fs::write(room.path("host").join(step), "").unwrap();
    };
    room.hears("c", "ready for rootfs");
    let before = stats(&room, "c");
    let (rootfs, volumes, logs) = ("/disk/rootfsBytes", "/disk/volumesBytes", "/disk/logsBytes");
    for name in [rootfs, volumes, logs] {
        assert!(number(&before, name) < MIB, "{name}: {before}");
    }
    assert_eq!(before["disk"]["atLeast"], false);
    let grown = |row: &Value, name: &str| number(row, name) - number(&before, name);
    let by = |bytes: u64, mib: u64| (mib * MIB..(mib + 1) * MIB).contains(&bytes);
    go("rootfs");
    room.hears("c", "ready for volume");
    let row = stats(&room, "c");
    assert!(by(grown(&row, rootfs), 3) && grown(&row, volumes) < MIB, "{row}");
    go("volume");
    room.hears("c", "ready for host");
    let row = stats(&room, "c");
    assert!(by(grown(&row, rootfs), 3) && by(grown(&row, volumes), 5), "{row}");
    go("host");
    room.hears("c", "ready for logs");
    let row = stats(&room, "c");
    assert!(by(grown(&row, rootfs), 3) && by(grown(&row, volumes), 5), "{row}");
    assert!(grown(&row, logs) < MIB, "{row}");
    go("logs");
    room.hears("c", "ready for memory");
    let row = stats(&room, "c");
    let log = fs::metadata(room.pod().join("logs/c/0.log")).unwrap().len();
    assert!(
        log > 5 * MIB && (log..log + MIB).contains(&number(&row, logs)),
        "{log}: {row}"
    );
    go("memory");
    // `tail` holds it all: a line without an end.
    let full = wanted(&room, "c", "64 MiB to be held", |row| {
        number(row, "/stats/memoryBytes") > 64 * MIB
    });
    assert!(number(&full, "/stats/workingSetBytes") > 60 * MIB, "{full}");
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}
