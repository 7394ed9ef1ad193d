use porthole_tests::session::Session;

use crate::room::{LIMIT, Room, pod, script, until};

/// A pod that goes on until it is asked to end. The shell itself says nothing of its `sleep` that ends.
fn patient() -> String {
    script(
        "p",
        "exec 2>/dev/null; trap \"echo asked; exit 5\" TERM; echo ready; while :; do sleep 0.01; done",
    )
}

#[test]
#[ignore = "needs root"]
fn what_a_container_says_is_read_while_it_runs_and_after_its_end() {
    let room = Room::new();
    let manifest = script(
        "p",
        "trap \"echo asked; exit 0\" TERM; echo first; echo wrong >&2; exec 2>/dev/null; while :; do sleep 0.01; done",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.hears("c", "first");
    room.hears("c", "wrong");
    let running = room.porthole("logs", &["p"]);
    assert_eq!(
        (running.code, running.out.as_str(), running.err.as_str()),
        (Some(0), "first\n", "wrong\n")
    );
    room.good("stop", &["p"]);
    assert_eq!(room.good("logs", &["pod.yaml"]), "first\nasked\n");
    assert_eq!(room.good("logs", &["p", "--tail", "1"]), "asked\n");
    assert_eq!(room.good("logs", &["p", "--tail", "0"]), "");
    assert_eq!(room.good("logs", &["p", "--since", "1h"]), "first\nasked\n");
    assert_eq!(
        room.good("logs", &["p", "--since-time", "2999-01-01T00:00:00Z"]),
        ""
    );
    let stamped = room.good("logs", &["p", "--timestamps", "--tail", "1"]);
    let (time, text) = stamped.split_once(' ').unwrap();
    assert_eq!(text, "asked\n");
    // The moment that is shown is one that can be asked for.
    assert_eq!(room.good("logs", &["p", "--since-time", time]), "asked\n");
    for (arguments, says) in [
        (&["p", "-c", "other"][..], "`other`"),
        (&["none"], "default/none"),
        (&["p", "-p"], "second time"),
    ] {
        let refused = room.porthole("logs", arguments);
        assert_ne!(refused.code, Some(0), "{arguments:?}");
        assert!(refused.err.contains(says), "{refused:?}");
    }
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn following_ends_with_the_container() {
    let room = Room::new();
    assert_eq!(room.detach(&patient()).code, Some(0));
    let mut session = Session::start(&mut room.command("logs", &["-f", "p"])).unwrap();
    session.wait_for("ready", LIMIT).unwrap();
    room.good("stop", &["p"]);
    let (status, said) = session.end(LIMIT).unwrap();
    assert!(status.success(), "{said}");
    assert_eq!(said, "ready\nasked\n");
    assert_eq!(
        room.good("logs", &["-f", "p"]),
        "ready\nasked\n",
        "what has ended is not waited for"
    );
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn following_ends_when_the_pod_is_removed() {
    let room = Room::new();
    assert_eq!(room.detach(&patient()).code, Some(0));
    let mut session = Session::start(&mut room.command("logs", &["-f", "p"])).unwrap();
    session.wait_for("ready", LIMIT).unwrap();
    room.good("rm", &["-f", "p"]);
    let (status, said) = session.end(LIMIT).unwrap();
    assert!(status.success(), "{said}");
    assert!(said.starts_with("ready\n"), "{said}");
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn the_attempt_before_the_last_one_is_read_by_previous() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  volumes: [{name: v, emptyDir: {}}]\n  containers:\n  - name: c\n    image: i\n    volumeMounts: [{name: v, \
         mountPath: /counted}]\n    command: [sh, -c, 'echo x >>/counted/n; n=$(wc -l </counted/n); echo life $n; test $n = 2 \
         && exec sleep 1000; exit 1']",
    )
    .replace("restartPolicy: Never", "restartPolicy: Always");
    assert_eq!(room.detach(&manifest).code, Some(0));
    until("the second life", || {
        room.porthole("logs", &["p"]).out == "life 2\n"
    });
    assert_eq!(room.good("logs", &["-p", "p"]), "life 1\n");
    assert!(room.good("ps", &[]).contains("   1 "), "{}", room.good("ps", &[]));
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn lines_of_several_containers_have_their_names_before_them() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  initContainers: [{name: first, image: i, command: [echo, one]}]\n  containers:\n  - {name: a, image: i, command: \
         [sh, -c, echo two; echo three]}\n  - {name: b, image: i, command: [printf, unended]}",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    assert_eq!(room.porthole("wait", &["p"]).code, Some(0));
    let all = room.good("logs", &["p"]);
    let mut lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines[0], "[first] one", "in the order of their times");
    lines.sort_unstable();
    assert_eq!(lines, ["[a] three", "[a] two", "[b] unended", "[first] one"]);
    assert_eq!(room.good("logs", &["p", "-c", "b"]), "unended");
    room.good("rm", &["p"]);
    room.finds_nothing("");
}
