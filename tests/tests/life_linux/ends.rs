use std::fs;

use crate::room::{Room, pod, script, until};
use crate::seen::{container, status};

#[test]
#[ignore = "needs root"]
fn hooks_are_carried_out_after_the_start_and_before_the_end() {
    let room = Room::new();
    let order = room.path("order");
    let manifest = pod(
        "p",
        &format!(
            "  containers:\n  - name: c\n    image: i\n    command: [sh, -c, 'trap \"echo asked >>{0}; exit 0\" TERM; until test -e \
             hooked; do sleep 0.01; done; echo works >>{0}; echo ready; while :; do sleep 0.01; done']\n    lifecycle:\n      \
             postStart: {{exec: {{command: [sh, -c, 'echo postStart >>{0}; echo >hooked']}}}}\n      preStop: {{exec: {{command: \
             [sh, -c, 'echo preStop >>{0}']}}}}",
            order.display()
        ),
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.hears("c", "ready");
    room.good("stop", &["p"]);
    assert_eq!(
        fs::read_to_string(&order).unwrap(),
        "postStart\nworks\npreStop\nasked\n"
    );
    assert_eq!(room.porthole("wait", &["p"]).code, Some(0));
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_hook_that_does_not_end_is_cut_off_by_the_grace() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  terminationGracePeriodSeconds: 1\n  containers:\n  - name: c\n    image: i\n    command: [sh, -c, 'trap \"echo asked; \
         exit 4\" TERM; echo ready; while :; do sleep 0.01; done']\n    lifecycle: {preStop: {exec: {command: [sleep, '1000']}}}",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.hears("c", "ready");
    room.good("stop", &["p"]);
    assert_eq!(
        room.porthole("wait", &["p"]).code,
        Some(4),
        "the signal has its 2 seconds all the same"
    );
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_hook_after_the_start_that_fails_ends_the_container() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  terminationGracePeriodSeconds: 1\n  containers:\n  - name: c\n    image: i\n    command: [sleep, '1000']\n    lifecycle: \
         {postStart: {exec: {command: [sh, -c, 'exit 8']}}}",
    );
    room.detach(&manifest);
    assert_ne!(room.porthole("wait", &["--timeout", "60s", "p"]).code, Some(0));
    let own = container(&status(&room), "c").clone();
    let message = own["state"]["terminated"]["message"].as_str().unwrap_or("");
    assert!(
        message.contains("FailedPostStartHook") && message.contains("exited with 8"),
        "{own:#}"
    );
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_pod_past_its_deadline_has_failed_with_that_reason() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  activeDeadlineSeconds: 1\n  terminationGracePeriodSeconds: 5\n  containers: [{name: c, image: i, command: [sleep, \
         '1000']}]",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    assert_ne!(room.porthole("wait", &["--timeout", "60s", "p"]).code, Some(0));
    let status = status(&room);
    assert_eq!(
        (&status["phase"], &status["reason"]),
        (&"Failed".into(), &"DeadlineExceeded".into()),
        "{status:#}"
    );
    assert!(room.good("ps", &["-a"]).contains("DeadlineExceeded"));
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn what_the_kernel_kills_for_memory_is_named() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  containers:\n  - name: c\n    image: i\n    resources: {limits: {memory: 16Mi}}\n    command: [sh, -c, 'exec tail \
         /dev/zero']",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    assert_eq!(room.porthole("wait", &["--timeout", "60s", "p"]).code, Some(137));
    let own = container(&status(&room), "c").clone();
    assert_eq!(own["state"]["terminated"]["reason"], "OOMKilled", "{own:#}");
    assert_eq!(own["state"]["terminated"]["exitCode"], 137);
    assert!(room.good("ps", &["-a"]).contains("OOMKilled"));
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn the_message_of_an_end_is_shown() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  containers:\n  - name: file\n    image: i\n    terminationMessagePath: /my/message\n    command: [sh, -c, 'echo my last words >/my/message; exit 3']\n  - \
         name: log\n    image: i\n    terminationMessagePolicy: FallbackToLogsOnError\n    command: [sh, -c, 'echo said at the end; \
         exit 2']",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    assert_eq!(
        room.porthole("wait", &["--timeout", "60s", "p"]).code,
        Some(3),
        "that of the first one that failed"
    );
    let status = status(&room);
    for (name, message) in [("file", "my last words\n"), ("log", "said at the end\n")] {
        let own = container(&status, name);
        assert_eq!(own["state"]["terminated"]["message"], message, "{own:#}");
    }
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_fork_bomb_is_bounded_and_stopped() {
    let room = Room::new();
    let bomb = script(
        "p",
        "echo ready; (while :; do (sleep 1000 &); done); while :; do :; done",
    );
    room.write("pod.yaml", &bomb);
    room.good("run", &["--detach", "--pids-limit", "20", "pod.yaml"]);
    room.hears("c", "ready");
    until("the limit to be met", || {
        let used = room.good("stats", &["-o", "json", "p"]);
        let used: serde_json::Value = serde_json::from_str(&used).unwrap();
        let own = &used["containers"][0]["stats"];
        assert!(own["pids"].as_u64().is_some_and(|pids| pids <= 20), "{used:#}");
        own["hits"]["pidsRefusals"]
            .as_u64()
            .is_some_and(|refused| refused > 0)
    });
    room.good("stop", &["-t", "0", "p"]);
    room.good("rm", &["p"]);
    room.finds_nothing("");
}
