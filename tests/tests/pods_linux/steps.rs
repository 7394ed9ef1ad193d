use std::fmt::Write as _;
use std::fs;

use porthole_runtime::fault;

use crate::room::{Room, end, pod, signal, until};

/// Goes through every step at which porthole can be killed, whichever process of it takes the step. After the next command
/// nothing is left.
#[test]
#[ignore = "needs root"]
fn whoever_dies_at_whatever_step_the_next_command_leaves_nothing() {
    let mut missed = Vec::new();
    for step in fault::STEPS.iter().filter(|step| !ON_WINDOWS.contains(step)) {
        if !dies_at(step) {
            missed.push(*step);
        }
    }
    assert!(missed.is_empty(), "never reached: {}", missed.join(", "));
}

/// The steps of the other system's engine alone.
const ON_WINDOWS: &[&str] = &["job", "exec-job", "exec-started", "limits", "delete"];

/// Takes a pod through its life until a process of porthole's dies at the step. Returns whether one did.
fn dies_at(step: &str) -> bool {
    let room = Room::new();
    let note = room.path("reached");
    room.write("pod.yaml", &manifest("one"));
    room.write("changed.yaml", &manifest("two"));
    room.write(
        "short.yaml",
        &pod("short", "  containers: [{name: c, image: i, command: ['true']}]"),
    );
    room.write("job.yaml", JOB);
    let life: &[(&str, &[&str])] = &[
        ("run", &["short.yaml"]),
        ("run", &["--detach", "job.yaml"]),
        ("wait", &["--timeout", "20s", "job.yaml"]),
        ("rm", &["-f", "job.yaml"]),
        ("run", &["--detach", "pod.yaml"]),
        ("wait", &["--for", "ready", "--timeout", "20s", "p"]),
        ("exec", &["p", "--", "true"]),
        ("update", &["-f", "changed.yaml", "p"]),
        ("stop", &["p"]),
        ("rm", &["p"]),
        ("run", &["--detach", "pod.yaml"]),
        ("wait", &["--for", "ready", "--timeout", "20s", "p"]),
        ("rm", &["-f", "p"]),
        ("run", &["--detach", "pod.yaml"]),
        ("wait", &["--for", "ready", "--timeout", "20s", "p"]),
        // Here the supervisor is killed: the repair has something to do.
        ("ps", &[]),
    ];
    let mut said = String::new();
    let mut guardian = None;
    for (verb, arguments) in life {
        if *verb == "ps" {
            // Its guardian would do that at once: it is held back until the next command has.
            let held = guardian.insert(room.guardian());
            signal("STOP", held);
            signal("KILL", &room.supervisor());
            until("the supervisor to be gone", || room.pod_is_free());
        }
        let mut command = room.command(verb, arguments);
        let ended = end(command
            .env("PORTHOLE_FAULT", step)
            .env("PORTHOLE_FAULT_NOTE", &note));
        let _ = writeln!(said, "{step}: {verb} {arguments:?}: {ended:?}");
        if note.exists() {
            break;
        }
    }
    let reached = note.exists();
    // The next command repairs; what it may keep of a lost pod is removed like any ended pod.
    let next = room.porthole("ps", &["-a"]);
    assert_eq!(next.code, Some(0), "{said}{next:?}");
    let removed = room.porthole("rm", &["-f", "--all"]);
    assert_eq!(removed.code, Some(0), "{said}{removed:?}");
    if let Some(guardian) = guardian {
        signal("CONT", &guardian);
    }
    room.finds_nothing(&said);
    let _ = fs::remove_file(note);
    reached
}

/// A job of two short pods.
const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  completions: 2\n  template:\n    spec:\n      \
                   restartPolicy: Never\n      hostNetwork: true\n      securityContext: {windowsOptions: {hostProcess: true, \
                   runAsUserName: SYSTEM}}\n      containers: [{name: c, image: i, command: ['true']}]\n";

/// A pod with everything that takes steps: an init container, volumes of several kinds, an account of its own.
fn manifest(value: &str) -> String {
    format!(
        "{}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{key: {value}}}\n",
        pod(
            "p",
            "  initContainers: [{name: first, image: i, command: ['true']}]\n  containers:\n  - name: c\n    image: i\n    \
             command: [sleep, '1000']\n    lifecycle: {postStart: {exec: {command: ['true']}}, preStop: {exec: {command: ['true']}}}\n    volumeMounts: [{name: s, mountPath: /run-pods/s}, {name: m, mountPath: /run-pods/m}]\n  \
             volumes: [{name: s, secret: {secretName: s}}, {name: m, emptyDir: {medium: Memory}}]"
        )
    )
}
