use std::fs;
use std::path::Path;
use std::process::Stdio;

use porthole_tests::session::Session;

use crate::room::{LIMIT, Room, end, patient, pod, script, signal, until};

#[test]
#[ignore = "needs root"]
fn a_detached_pod_outlives_its_command_and_is_listed_stopped_and_removed() {
    let room = Room::new();
    let started = room.detach(&patient("p"));
    assert_eq!(
        (started.code, started.out.as_str(), started.err.as_str()),
        (Some(0), "default/p\n", "")
    );
    let supervisor = room.supervisor();
    let stat = fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_eq!(fields[3], supervisor, "it leads a session of its own");
    assert_eq!(fields[4], "0", "it has no terminal");
    room.hears("c", "stdout F ready");
    assert_eq!(room.good("ps", &["-q"]), "default/p\n");

    let refused = room.porthole("rm", &["p"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("remove default/p: it runs"), "{refused:?}");
    assert!(refused.err.contains("porthole stop"), "{refused:?}");

    assert_eq!(room.good("stop", &["p"]), "default/p\n");
    room.hears("c", "asked");
    assert_eq!(room.good("ps", &["-q"]), "");
    assert_eq!(room.good("ps", &["-q", "-a"]), "default/p\n");
    until("an ended pod to have no process", || {
        !Path::new(&format!("/proc/{supervisor}")).exists()
    });
    assert_eq!(room.porthole("wait", &["p"]).code, Some(5));
    assert_eq!(
        room.good("stop", &["p"]),
        "default/p\n",
        "a second stop is no error"
    );
    assert_eq!(room.good("rm", &["p"]), "default/p\n");
    room.finds_nothing("");
    assert_eq!(room.porthole("rm", &["p"]).code, Some(1));
    assert_eq!(room.porthole("rm", &["-f", "p"]).code, Some(0));
}

#[test]
#[ignore = "needs root"]
fn what_the_foreground_refuses_is_refused_in_the_same_words() {
    let room = Room::new();
    for (manifest, code) in [
        (
            pod(
                "p",
                "  containers: [{name: c, image: i, command: [no-such-program]}]",
            ),
            127,
        ),
        (
            pod("p", "  containers: [{name: c, image: i, command: [/etc/passwd]}]"),
            126,
        ),
        (
            pod("p", "  containers: [{name: c, image: other, command: [sh]}]"),
            125,
        ),
        (
            pod(
                "p",
                "  containers: [{name: c, image: i, command: [sh], volumeMounts: [{name: h, mountPath: /h}]}]\n  volumes: \
                 [{name: h, hostPath: {path: /no/such/path}}]",
            ),
            125,
        ),
        ("kind: [".to_owned(), 2),
    ] {
        room.write("pod.yaml", &manifest);
        let foreground = room.porthole("run", &["pod.yaml"]);
        let detached = room.porthole("run", &["--detach", "pod.yaml"]);
        assert_eq!(foreground.code, Some(code), "{foreground:?}");
        assert_eq!(detached.code, Some(code), "{detached:?}");
        let same = |text: &str| {
            // Uids and what is made of them differ from run to run.
            text.split(|one: char| !one.is_ascii_alphanumeric() && one != '.')
                .filter(|word| !word.chars().any(|one| one.is_ascii_digit()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(same(&detached.err), same(&foreground.err));
        room.finds_nothing(&detached.err);
    }
}

#[test]
#[ignore = "needs root"]
fn of_several_pods_all_run_or_none_does() {
    let room = Room::new();
    let bad = pod(
        "bad",
        "  containers: [{name: c, image: i, command: [no-such-program]}]",
    );
    let ended = room.detach(&format!("{}---\n{bad}---\n{}", patient("a"), patient("b")));
    assert_eq!(ended.code, Some(127), "{ended:?}");
    assert_eq!(ended.out, "");
    room.finds_nothing(&ended.err);
    let ended = room.detach(&format!("{}---\n{}", patient("a"), patient("b")));
    assert_eq!(ended.out, "default/a\ndefault/b\n", "{ended:?}");
    assert_eq!(room.good("stop", &["--all"]), "default/a\ndefault/b\n");
    assert_eq!(room.good("rm", &["pod.yaml"]), "default/a\ndefault/b\n");
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_detached_pod_that_ends_by_itself_keeps_its_record_status_and_log_and_no_secret() {
    let room = Room::new();
    let manifest = format!(
        "{}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{key: unmistakable}}\n",
        script("p", "cat /run-pods/key; exit 7").replace(
            "    image: i\n",
            "    image: i\n    volumeMounts: [{name: s, mountPath: /run-pods}]\n"
        ) + "  volumes: [{name: s, secret: {secretName: s}}]\n"
    );
    let ended = room.detach(&manifest);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(room.porthole("wait", &["p"]).code, Some(7));
    let directory = room.pod();
    assert!(!directory.join("volumes").exists());
    assert!(
        fs::read_to_string(directory.join("logs/c/0.log"))
            .unwrap()
            .contains("stdout")
    );
    let record = fs::read_to_string(directory.join("pod.json")).unwrap();
    assert!(!record.contains("unmistakable"), "{record}");
    let inspected = room.good("inspect", &["p"]);
    assert!(
        inspected.starts_with("apiVersion: v1\nkind: Pod\n"),
        "{inspected}"
    );
    assert!(inspected.contains("phase: Failed"), "{inspected}");
    assert!(!inspected.contains("unmistakable"), "{inspected}");
    let json = room.good("inspect", &["-o", "json", "default/p"]);
    assert!(json.contains("\"exitCode\": 7"), "{json}");
    let list = room.good("ps", &["-a", "-o", "json"]);
    assert!(
        list.contains("\"kind\": \"List\"") && list.contains("\"exitCode\": 7"),
        "{list}"
    );
    let table = room.good("ps", &["-a"]);
    assert!(table.starts_with("NAMESPACE   NAME   READY   STATUS"), "{table}");
    assert!(table.contains("default     p      0/1     Error"), "{table}");
    let containers = room.good("ps", &["-a", "--containers"]);
    assert!(
        containers.contains("Error (7)") && containers.contains(r"NT AUTHORITY\SYSTEM"),
        "{containers}"
    );
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_pod_counts_as_started_when_its_first_init_container_runs() {
    let room = Room::new();
    let manifest = pod(
        "p",
        "  initContainers: [{name: first, image: i, command: [sleep, '1000']}]\n  containers: [{name: c, image: i, command: \
         [sleep, '1000']}]",
    );
    assert_eq!(room.detach(&manifest).code, Some(0));
    until("the init container to be seen", || {
        room.good("ps", &[]).contains("Init:0/1")
    });
    let late = room.porthole("wait", &["--for", "ready", "--timeout", "0", "p"]);
    assert_eq!(late.code, Some(1));
    assert!(late.err.contains("default/p is not ready within 0 s"), "{late:?}");
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn wait_returns_when_the_pod_is_ready_or_the_time_is_up() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    room.good("wait", &["--for", "ready", "--timeout", "30s", "p"]);
    let late = room.porthole("wait", &["--timeout", "0", "p"]);
    assert_eq!(late.code, Some(1));
    assert!(
        late.err.contains("default/p has not ended within 0 s"),
        "{late:?}"
    );
    let mut waiter = room
        .command("wait", &["p"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    signal("TERM", &room.supervisor());
    assert_eq!(
        waiter.wait().unwrap().code(),
        Some(5),
        "a supervisor stops its pod in order"
    );
    room.good("rm", &["--all"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_container_that_ignores_the_request_is_killed_after_the_grace_that_stop_gives() {
    let room = Room::new();
    let deaf = script("p", "trap : TERM; echo ready; while :; do sleep 0.01; done");
    assert_eq!(room.detach(&deaf).code, Some(0));
    room.hears("c", "ready");
    room.good("stop", &["-t", "0", "p"]);
    assert_eq!(room.porthole("wait", &["p"]).code, Some(137));
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_pod_in_the_foreground_is_seen_and_stopped_by_others_and_removed_at_its_end() {
    let room = Room::new();
    room.write("pod.yaml", &patient("p"));
    let mut session = Session::start(&mut room.command("run", &["pod.yaml"])).unwrap();
    session.wait_for("ready", LIMIT).unwrap();
    until("others to see the pod", || {
        room.good("ps", &["-q"]) == "default/p\n"
    });
    let taken = room.porthole("run", &["pod.yaml"]);
    assert_eq!(taken.code, Some(125), "{taken:?}");
    room.good("stop", &["pod.yaml"]);
    let (status, said) = session.end(LIMIT).unwrap();
    assert_eq!(status.code(), Some(5), "{said}");
    assert_eq!(room.good("ps", &["-a", "-q"]), "");
    room.finds_nothing(&said);
}

#[test]
#[ignore = "needs root"]
fn nobody_waits_for_a_pod_whose_command_was_interrupted() {
    let room = Room::new();
    room.write("pod.yaml", &patient("p"));
    let mut command = room.command("run", &["--detach", "pod.yaml"]);
    let killed = end(command.env("PORTHOLE_FAULT", "order-sent"));
    assert_eq!(killed.code, None, "{killed:?}");
    room.finds_nothing("");
}
