//! Readers that stop, containers that never stop, disks that are full.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::room::{Room, pod, script, signal, until};

/// What rotation keeps of one attempt, and a file more: one is put away when it is full, then the oldest is removed.
const KEPT: u64 = 6 * 10 * 1024 * 1024;

fn size(directory: &Path) -> u64 {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().map_or(0, |file| file.len()))
        .sum()
}

/// The numbers of a sequence, each on its line: refuses what is torn, out of order or left out.
fn whole(lines: &[&str]) {
    let numbers: Vec<u64> = lines
        .iter()
        .map(|line| line.parse().unwrap_or_else(|_| panic!("torn: {line:?}")))
        .collect();
    for pair in numbers.windows(2) {
        assert_eq!(pair[1], pair[0] + 1, "between {} and {}", pair[0], pair[1]);
    }
}

#[test]
#[ignore = "needs root"]
fn a_reader_that_stops_disturbs_no_container() {
    let room = Room::new();
    let go = room.path("go");
    let manifest = script(
        "p",
        &format!(
            "echo ready; until test -e {}; do sleep 0.01; done; seq 1 500000; echo all said",
            go.display()
        ),
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.hears("c", "ready");
    // One that never takes anything out of its pipe, and one that is stopped.
    let mut full = room
        .command("logs", &["-f", "p"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stopped = room
        .command("logs", &["-f", "p"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    signal("STOP", &stopped.id().to_string());
    // One whose pipe is closed after its first line.
    let mut closed = room
        .command("logs", &["-f", "p"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(closed.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert_eq!(first, "ready\n");
    fs::write(&go, "").unwrap();
    assert_eq!(room.porthole("wait", &["--timeout", "60s", "p"]).code, Some(0));
    assert_eq!(
        closed.wait().unwrap().code(),
        Some(0),
        "nobody reads it, so it ends"
    );
    signal("CONT", &stopped.id().to_string());
    assert!(stopped.wait().unwrap().success());
    // The slow reader, too, hears everything that is kept, in order.
    let mut said = String::new();
    full.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(full.wait().unwrap().success());
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines.last()), ("ready", Some(&"all said")));
    assert_eq!(lines.len(), 500_002);
    whole(&lines[1..500_001]);
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn what_is_said_without_end_is_bounded_on_disk_and_whole_within_what_is_kept() {
    let room = Room::new();
    let manifest = script(
        "p",
        "seq 1 2500000; echo said; trap \"exit 0\" TERM; while :; do sleep 0.01; done",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    let logs = room.pod().join("logs/c");
    until("the end to be said", || {
        assert!(size(&logs) <= KEPT, "{} bytes are kept", size(&logs));
        room.good("logs", &["--tail", "1", "p"]) == "said\n"
    });
    assert!(size(&logs) > KEPT / 2, "{} bytes: it was rotated", size(&logs));
    let said = room.good("logs", &["p"]);
    let lines: Vec<&str> = said.lines().collect();
    let (last, numbers) = lines.split_last().unwrap();
    assert_eq!(*last, "said");
    assert_eq!(numbers.last(), Some(&"2500000"));
    assert_ne!(numbers[0], "1", "the oldest are gone");
    whole(numbers);
    let tail = room.good("logs", &["p", "--tail", "400001"]);
    assert_eq!(tail.lines().count(), 400_001, "over the bounds of files");
    assert!(said.ends_with(&tail));
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

/// A small file system in memory, for as long as this lives.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path, size: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={size},mode=755");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "small"])
            .arg(at)
            .status()
            .unwrap();
        assert!(status.success(), "mount a small file system");
        Self(at)
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0).status();
        assert!(
            std::thread::panicking() || unmounted.is_ok_and(|status| status.success()),
            "somebody still uses {}",
            self.0.display()
        );
    }
}

#[test]
#[ignore = "needs root"]
fn on_a_full_disk_a_container_goes_on_and_the_loss_is_said() {
    let room = Room::new();
    let state = room.path("state");
    let small = Small::mount(&state, "8m");
    let (full, again) = (room.path("full"), room.path("again"));
    let manifest = script(
        "p",
        &format!(
            "echo ready; seq 1 400000; echo >{}; until test -e {}; do sleep 0.01; done; seq 1 3; sleep 1000",
            full.display(),
            again.display()
        ),
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    until("the container to have said more than the disk holds", || {
        full.exists()
    });
    assert_eq!(room.good("ps", &["-q"]), "default/p\n", "it goes on");
    let said = room.good("logs", &["p"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "ready");
    whole(&lines[1..]);
    assert!(lines.len() < 400_001, "{} lines", lines.len());
    // There is room again.
    let log = room.pod().join("logs/c/0.log");
    let bytes = fs::metadata(&log).unwrap().len();
    let more = Command::new("mount")
        .args(["-o", "remount,size=64m"])
        .arg(&state)
        .status();
    assert!(more.unwrap().success());
    fs::write(&again, "").unwrap();
    until("the loss to be said", || {
        let said = room.porthole("logs", &["p"]);
        said.out.ends_with("\n1\n2\n3\n") && said.err.contains("bytes of output are lost here")
    });
    assert!(fs::metadata(&log).unwrap().len() > bytes);
    room.good("rm", &["-f", "p"]);
    assert!(room.pods().is_empty(), "{:?}", room.pods());
    drop(small);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_pod_on_a_disk_without_any_room_is_refused_and_leaves_nothing() {
    let room = Room::new();
    let state = room.path("state");
    let small = Small::mount(&state, "256k");
    // Porthole's own files are there, and nothing fits beside them any more.
    room.good("ps", &[]);
    let filler = state.join("filler");
    let _ = fs::write(&filler, vec![0; 1 << 20]);
    let ended = room.detach(&pod(
        "p",
        "  containers: [{name: c, image: i, command: [sleep, '1000']}]",
    ));
    assert_eq!(ended.code, Some(125), "{ended:?}");
    assert!(ended.err.contains("No space left"), "{ended:?}");
    assert!(room.pods().is_empty(), "{:?}", room.pods());
    fs::remove_file(filler).unwrap();
    room.good("ps", &["-a"]);
    drop(small);
    room.finds_nothing("");
}
