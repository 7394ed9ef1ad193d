use crate::room::{Room, pod, until};
use crate::seen::{container, restarted, status, wanted};

const FOREVER: &str = "sleep 1000";

fn probed(policy: &str, container_lines: &str) -> String {
    let lines = format!("  containers:\n  - name: c\n    image: i\n{container_lines}");
    restarted(&pod("p", &lines), policy)
}

#[test]
#[ignore = "needs root"]
fn a_container_whose_liveness_fails_is_ended_and_started_again() {
    let room = Room::new();
    let manifest = probed(
        "Always",
        "    command: [sh, -c, 'trap \"echo ended; exit 0\" TERM; echo life >alive; echo ready; while :; do sleep 0.01; done']\n    \
         livenessProbe: {exec: {command: [test, -e, alive]}, periodSeconds: 1, failureThreshold: 2}",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.hears("c", "ready");
    room.good("exec", &["p", "--", "rm", "alive"]);
    let own = wanted(&room, "c", "a second life", |own| {
        own["restartCount"] == 1 && own["state"]["running"].is_object()
    });
    let message = own["lastState"]["terminated"]["message"].as_str().unwrap_or("");
    assert!(message.contains("liveness"), "{own:#}");
    assert_eq!(
        room.good("logs", &["-p", "p"]),
        "ready\nended\n",
        "it was asked to end"
    );
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn readiness_is_seen_as_it_comes_and_goes() {
    let room = Room::new();
    let manifest = probed(
        "Always",
        &format!(
            "    command: [sh, -c, {FOREVER}]\n    readinessProbe: {{exec: {{command: [test, -e, ready]}}, periodSeconds: 1, \
             failureThreshold: 1}}"
        ),
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    let shows = |ready: &str| {
        until(&format!("READY {ready}"), || {
            room.good("ps", &[]).contains(&format!("{ready}     Running"))
        });
    };
    shows("0/1");
    let late = room.porthole("wait", &["--for", "ready", "--timeout", "0", "p"]);
    assert_eq!(late.code, Some(1), "{late:?}");
    room.good("exec", &["p", "--", "touch", "ready"]);
    room.good("wait", &["--for", "ready", "--timeout", "60s", "p"]);
    shows("1/1");
    room.good("exec", &["p", "--", "rm", "ready"]);
    shows("0/1");
    assert_eq!(container(&status(&room), "c")["restartCount"], 0);
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn other_probes_wait_for_the_startup_probe() {
    let room = Room::new();
    let manifest = probed(
        "Never",
        &format!(
            "    command: [sh, -c, {FOREVER}]\n    startupProbe: {{exec: {{command: [sh, -c, 'echo x >>asked; test -e begun']}}, \
             periodSeconds: 1, failureThreshold: 1000}}\n    readinessProbe: {{exec: {{command: [sh, -c, 'test -e begun || echo \
             >early']}}, periodSeconds: 1}}\n    livenessProbe: {{exec: {{command: [sh, -c, 'test -e begun || echo >early']}}, \
             periodSeconds: 1}}"
        ),
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    until("the startup probe to have asked twice", || {
        room.porthole("exec", &["p", "--", "wc", "-l", "asked"])
            .out
            .starts_with('2')
    });
    let own = container(&status(&room), "c").clone();
    assert_eq!(
        (&own["started"], &own["ready"]),
        (&false.into(), &false.into()),
        "{own:#}"
    );
    room.good("exec", &["p", "--", "touch", "begun"]);
    room.good("wait", &["--for", "ready", "--timeout", "60s", "p"]);
    assert_eq!(container(&status(&room), "c")["started"], true);
    assert_eq!(
        room.porthole("exec", &["p", "--", "test", "-e", "early"]).code,
        Some(1),
        "no other probe asked before"
    );
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_startup_probe_that_never_succeeds_ends_the_container() {
    let room = Room::new();
    let manifest = probed(
        "Never",
        "    command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 0.01; done']\n    startupProbe: {tcpSocket: {host: \
         127.0.0.1, port: 1}, periodSeconds: 1, failureThreshold: 2}",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.porthole("wait", &["--timeout", "60s", "p"]);
    let own = container(&status(&room), "c").clone();
    let message = own["state"]["terminated"]["message"].as_str().unwrap_or("");
    assert!(message.contains("startup"), "{own:#}");
    room.good("rm", &["p"]);
    room.finds_nothing("");
}
