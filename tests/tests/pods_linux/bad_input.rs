use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::room::{Room, patient, signal};

/// Connects to a pod's socket by a name that is short enough.
fn connect(pod: &Path) -> UnixStream {
    let directory = fs::File::open(pod).unwrap();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&directory);
    UnixStream::connect(format!("/proc/self/fd/{descriptor}/control")).unwrap()
}

#[test]
#[ignore = "needs root"]
fn requests_that_are_none_are_refused_and_hurt_nobody() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    let pod = room.pod();
    for request in [
        &b"garbage\n"[..],
        b"{}\n",
        b"\"unknown\"\n",
        b"{\"stop\": {\"grace\": -1}}\n",
        b"{\"stop\": {\"other\": 1}}\n",
        b"{\"limits\": {\"container\": \"none\", \"limits\": {}}}\n",
        b"\xff\xfe\n",
    ] {
        let mut stream = connect(&pod);
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("{\"refused\":"), "{answer}");
    }
    // Endless ones are cut; nobody has to read on.
    let mut stream = connect(&pod);
    let piece = vec![b'x'; 1 << 16];
    while stream.write_all(&piece).is_ok() {}
    // One that says nothing has its turn, and no more than that.
    let silent = connect(&pod);
    assert_eq!(room.good("stop", &["p"]), "default/p\n");
    drop(silent);
    assert_eq!(room.porthole("wait", &["p"]).code, Some(5));
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_supervisor_that_is_stopped_is_named_with_its_process() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    room.hears("c", "ready");
    let supervisor = room.supervisor();
    signal("STOP", &supervisor);
    assert_eq!(
        room.good("ps", &["-q"]),
        "default/p\n",
        "what can be read is read"
    );
    let silent = room.porthole("stop", &["p"]);
    assert_eq!(silent.code, Some(1), "{silent:?}");
    assert!(
        silent.err.contains("does not answer within 10 s")
            && silent.err.contains(&format!("kill -CONT {supervisor}")),
        "{silent:?}"
    );
    signal("CONT", &supervisor);
    room.good("stop", &["p"]);
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_state_directory_of_a_newer_version_is_refused_by_every_verb_and_not_touched() {
    let room = Room::new();
    room.write("pod.yaml", &patient("p"));
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    room.good("stop", &["p"]);
    let version = room.write("state/version", "2\n");
    let before = tree(&room.path("state"));
    for (verb, arguments) in [
        ("run", &["pod.yaml"][..]),
        ("run", &["--detach", "--replace", "pod.yaml"]),
        ("ps", &[]),
        ("stop", &["p"]),
        ("rm", &["-f", "p"]),
        ("wait", &["p"]),
        ("inspect", &["p"]),
        ("image", &["ls"]),
    ] {
        let ended = room.porthole(verb, arguments);
        assert_eq!(ended.code, Some(2), "{verb}: {ended:?}");
        assert!(
            ended
                .err
                .contains("written by a newer porthole (version 2; this one knows 1)"),
            "{verb}: {ended:?}"
        );
    }
    assert_eq!(tree(&room.path("state")), before);
    fs::write(version, "1\n").unwrap();
    // One record alone.
    let record = room.pod().join("pod.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replacen("\"version\":1", "\"version\":2", 1)).unwrap();
    let ended = room.porthole("ps", &["-a", "-q"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{ended:?}");
    fs::write(&record, text).unwrap();
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

/// All files of a directory with their contents.
fn tree(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
#[ignore = "needs root"]
fn a_damaged_record_hides_no_other_pod_and_goes_by_force_alone() {
    let room = Room::new();
    let text = patient("good");
    assert_eq!(room.detach(&text).code, Some(0));
    let before = room.pods();
    assert_eq!(room.detach(&text.replace("good", "bad")).code, Some(0));
    let bad = room.pods().into_iter().find(|pod| !before.contains(pod)).unwrap();
    room.good("stop", &["bad"]);
    fs::write(bad.join("pod.json"), "{\"version\": 1").unwrap();
    let listed = room.porthole("ps", &["-a", "-q"]);
    assert_eq!(
        (listed.code, listed.out.as_str()),
        (Some(0), "default/good\n"),
        "{listed:?}"
    );
    room.good("stop", &["good"]);
    let listed = room.porthole("ps", &["-a"]);
    assert!(
        listed.code == Some(0) && listed.out.contains("default     good"),
        "{listed:?}"
    );
    assert!(
        listed.err.contains("the pod default/bad is left out")
            && listed.err.contains("porthole rm -f default/bad"),
        "{listed:?}"
    );
    for verb in ["inspect", "wait", "logs", "rm"] {
        let refused = room.porthole(verb, &["bad"]);
        assert_eq!(refused.code, Some(2), "{verb}: {refused:?}");
        assert!(
            refused.err.contains("it is not what porthole writes"),
            "{verb}: {refused:?}"
        );
    }
    fs::write(before[0].join("status.json"), "[").unwrap();
    let listed = room.porthole("ps", &["-a"]);
    assert!(listed.out.contains("StatusUnreadable"), "{listed:?}");
    assert_eq!(room.good("rm", &["-f", "bad"]), "default/bad\n");
    assert_eq!(room.good("rm", &["-f", "--all"]), "default/good\n");
    room.finds_nothing("");
}
