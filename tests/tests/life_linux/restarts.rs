use std::fs;

use crate::room::{Room, pod, script, signal, until};
use crate::seen::{container, restarted, status, wanted};

#[test]
#[ignore = "needs root"]
fn a_container_that_fails_again_and_again_is_started_again_and_then_waits() {
    let room = Room::new();
    let manifest = restarted(&script("p", "echo life; exit 3"), "Always");
    let detached = room.detach(&manifest);
    // It is not said to run once, as it would in the foreground.
    assert_eq!((detached.code, detached.err.as_str()), (Some(0), ""));
    let own = wanted(&room, "c", "a second end", |own| {
        own["restartCount"] == 1 && own["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    });
    let said = own["state"]["waiting"]["message"].as_str().unwrap();
    assert!(said.contains("10s"), "{said}");
    assert_eq!(own["lastState"]["terminated"]["exitCode"], 3);
    assert_eq!(own["lastState"]["terminated"]["reason"], "Error");
    let table = room.good("ps", &[]);
    assert!(table.contains("0/1     CrashLoopBackOff   1 "), "{table}");
    assert_eq!(status(&room)["phase"], "Running");
    let entered = room.porthole("exec", &["p", "--", "true"]);
    assert_eq!(entered.code, Some(125), "{entered:?}");
    assert!(
        entered
            .err
            .contains("container `c` of the pod default/p does not run")
            && entered.err.contains("none of them runs"),
        "{entered:?}"
    );
    // A stop is not waited for until the next life.
    room.good("stop", &["p"]);
    assert_eq!(container(&status(&room), "c")["restartCount"], 1);
    assert_eq!(room.porthole("wait", &["p"]).code, Some(3));
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn on_failure_a_container_that_succeeds_has_ended_for_good() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  volumes: [{name: v, emptyDir: {}}]\n  containers:\n  - name: c\n    image: i\n    volumeMounts: [{name: v, \
         mountPath: /kept}]\n    command: [sh, -c, 'test -e /kept/tried && exit 0; echo >/kept/tried; exit 9']",
    );
    assert_eq!(room.detach(&restarted(&manifest, "OnFailure")).code, Some(0));
    assert_eq!(room.porthole("wait", &["--timeout", "60s", "p"]).code, Some(0));
    let own = status(&room);
    assert_eq!(own["phase"], "Succeeded");
    let own = container(&own, "c");
    assert_eq!(own["restartCount"], 1);
    assert_eq!(own["state"]["terminated"]["exitCode"], 0);
    assert_eq!(own["lastState"]["terminated"]["exitCode"], 9);
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn an_init_container_that_fails_is_tried_again_but_not_under_never() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  volumes: [{name: v, emptyDir: {}}]\n  initContainers:\n  - name: first\n    image: i\n    volumeMounts: [{name: v, \
         mountPath: /kept}]\n    command: [sh, -c, 'test -e /kept/tried && exit 0; echo >/kept/tried; exit 9']\n  containers:\n  \
         - {name: c, image: i, command: [echo, begun]}",
    );
    assert_eq!(room.detach(&restarted(&manifest, "OnFailure")).code, Some(0));
    assert_eq!(room.porthole("wait", &["--timeout", "60s", "p"]).code, Some(0));
    assert_eq!(container(&status(&room), "first")["restartCount"], 1);
    assert_eq!(room.good("logs", &["-c", "c", "p"]), "begun\n");
    room.good("rm", &["p"]);
    assert_eq!(room.detach(&manifest).code, Some(0));
    assert_eq!(room.porthole("wait", &["--timeout", "60s", "p"]).code, Some(9));
    let own = status(&room);
    assert_eq!(own["phase"], "Failed");
    assert!(
        container(&own, "c")["state"]["waiting"].is_object(),
        "it was never started: {own:#}"
    );
    assert!(
        room.good("ps", &["-a"]).contains("Init:Error"),
        "{}",
        room.good("ps", &["-a"])
    );
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn sidecars_start_before_and_end_after_the_containers_the_last_one_first() {
    let room = Room::new();
    let order = room.path("order");
    let sidecar = |name: &str| {
        format!(
            "  - name: {name}\n    image: i\n    restartPolicy: Always\n    command: [sh, -c, 'trap \"echo {name} ends >>{0}; exit \
             0\" TERM; echo {name} begins >>{0}; echo >up-{name}; while :; do sleep 0.01; done']\n    startupProbe: {{exec: \
             {{command: [test, -e, up-{name}]}}, periodSeconds: 1, failureThreshold: 60}}\n",
            order.display()
        )
    };
    let manifest = pod(
        "p",
        &format!(
            "  initContainers:\n{}{}  containers:\n  - {{name: c, image: i, command: [sh, -c, 'echo works >>{}']}}",
            sidecar("one"),
            sidecar("two"),
            order.display()
        ),
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    assert_eq!(room.porthole("wait", &["--timeout", "60s", "p"]).code, Some(0));
    assert_eq!(
        fs::read_to_string(&order).unwrap(),
        "one begins\ntwo begins\nworks\ntwo ends\none ends\n"
    );
    assert_eq!(status(&room)["phase"], "Succeeded");
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_container_that_is_killed_from_outside_is_started_again_with_a_new_rootfs() {
    let room = Room::new();
    let manifest = restarted(
        &script(
            "p",
            "test -e left-over && echo dirty; echo >left-over; echo process $$$$; while :; do sleep 0.01; done",
        ),
        "Always",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.hears("c", "process ");
    let said = room.good("logs", &["p"]);
    signal("KILL", said.trim().strip_prefix("process ").unwrap());
    until("another life", || {
        let said = room.porthole("logs", &["p"]).out;
        assert!(!said.contains("dirty"), "{said}");
        container(&status(&room), "c")["restartCount"] == 1 && said.starts_with("process ")
    });
    assert_eq!(
        container(&status(&room), "c")["lastState"]["terminated"]["exitCode"],
        137
    );
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}
