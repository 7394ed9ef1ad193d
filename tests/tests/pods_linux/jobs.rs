use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use porthole_tests::session::Session;

use crate::room::{LIMIT, Room, signal, until};

/// A job with these lines in its spec, whose pods run a shell script.
fn job(lines: &str, script: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:\n{lines}  template:\n    spec:\n      restartPolicy: \
         Never\n      hostNetwork: true\n      securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: \
         SYSTEM}}}}\n      containers:\n      - name: c\n        image: i\n        command: [sh, -c, '{script}']\n        \
         volumeMounts: [{{name: s, mountPath: /run-pods}}]\n      volumes: [{{name: s, secret: {{secretName: s}}}}]\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{key: hidden}}\n"
    )
}

/// One whose pods go on until they are asked to end.
fn patient(lines: &str) -> String {
    job(
        lines,
        "trap \"exit 5\" TERM; echo ready; while :; do sleep 0.01; done",
    )
}

/// The directory of the only job.
fn directory(room: &Room) -> PathBuf {
    let mut jobs: Vec<PathBuf> = fs::read_dir(room.path("state/jobs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs.remove(0)
}

fn supervisor(room: &Room) -> String {
    fs::read_to_string(directory(room).join("lock")).unwrap()
}

#[test]
#[ignore = "needs root"]
fn a_job_in_the_foreground_runs_each_index_once_and_leaves_nothing() {
    let room = Room::new();
    let lines = "  completions: 3\n  parallelism: 2\n  completionMode: Indexed\n";
    room.write("job.yaml", &job(lines, "echo index $JOB_COMPLETION_INDEX"));
    let ended = room.porthole("run", &["job.yaml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for index in 0..3 {
        let line = format!("/c] index {index}\n");
        assert_eq!(ended.out.matches(&line).count(), 1, "{ended:?}");
        assert!(ended.out.contains(&format!("[j-{index}-")), "{ended:?}");
    }
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_job_that_fails_has_the_code_of_its_first_pod_that_did() {
    let room = Room::new();
    room.write(
        "job.yaml",
        &job("  completions: 3\n  backoffLimit: 0\n", "exit 7"),
    );
    let ended = room.porthole("run", &["job.yaml"]);
    assert_eq!(ended.code, Some(7), "{ended:?}");
    assert!(
        ended
            .err
            .contains("the job default/j has failed (0 succeeded, 1 failed)")
            && ended.err.contains("--restart"),
        "{ended:?}"
    );
    room.finds_nothing("");
    assert_eq!(room.good("run", &["--detach", "job.yaml"]), "default/j\n");
    assert_eq!(room.porthole("wait", &["job.yaml"]).code, Some(7));
    let inspected = room.good("inspect", &["job.yaml"]);
    for word in [
        "kind: Job",
        "reason: BackoffLimitExceeded",
        "failed: 1",
        "kind: Pod",
    ] {
        assert!(inspected.contains(word), "{word}: {inspected}");
    }
    assert_eq!(room.pods().len(), 1);
    assert!(!room.pod().join("volumes").exists());
    assert_eq!(room.good("rm", &["j"]), "default/j\n");
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn what_no_pod_of_a_job_can_start_is_refused_and_nothing_is_left() {
    let room = Room::new();
    let text = patient("  completions: 3\n  parallelism: 2\n").replace("[sh,", "[no-such-program,");
    let ended = room.detach(&text);
    assert_eq!((ended.code, ended.out.as_str()), (Some(127), ""), "{ended:?}");
    room.finds_nothing(&ended.err);
}

#[test]
#[ignore = "needs root"]
fn a_stopped_job_starts_no_further_pod() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("  completions: 3\n")).code, Some(0));
    room.hears("c", "ready");
    let second = room.porthole("run", &["--detach", "pod.yaml"]);
    assert_eq!(second.code, Some(125), "{second:?}");
    assert!(
        second.err.contains("the job default/j is there already and runs"),
        "{second:?}"
    );
    let refused = room.porthole("rm", &["pod.yaml"]);
    assert!(refused.err.contains("remove default/j: it runs"), "{refused:?}");
    assert_eq!(room.good("stop", &["pod.yaml"]), "default/j\n");
    assert_eq!(room.good("ps", &["-q"]), "");
    assert_eq!(room.pods().len(), 1, "one has run, and no other was made");
    assert_eq!(room.porthole("wait", &["j"]).code, Some(5));
    assert_eq!(
        room.good("run", &["--detach", "--replace", "pod.yaml"]),
        "default/j\n"
    );
    assert_eq!(room.good("rm", &["-f", "pod.yaml"]), "default/j\n");
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_job_is_stopped_while_none_of_its_pods_runs() {
    let room = Room::new();
    assert_eq!(room.detach(&job("  backoffLimit: 3\n", "exit 7")).code, Some(0));
    until("the first pod to have failed", || {
        room.good("inspect", &["j"]).contains("active: 0")
    });
    assert_eq!(room.good("ps", &["-q"]), "");
    assert_eq!(room.good("stop", &["pod.yaml"]), "default/j\n");
    assert_eq!(room.porthole("wait", &["pod.yaml"]).code, Some(7));
    room.good("rm", &["pod.yaml"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_killed_supervisor_of_a_job_leaves_no_container_and_no_secret() {
    for (text, pods_run) in [
        (patient("  completions: 3\n  parallelism: 2\n"), true),
        (job("  backoffLimit: 3\n", "exit 7"), false),
    ] {
        let room = Room::new();
        assert_eq!(room.detach(&text).code, Some(0));
        if !pods_run {
            until("the first pod to have failed", || {
                room.good("inspect", &["j"]).contains("active: 0")
            });
        }
        signal("KILL", &supervisor(&room));
        assert_eq!(room.porthole("wait", &["pod.yaml"]).code, Some(137));
        let inspected = room.good("inspect", &["pod.yaml"]);
        assert!(inspected.contains("reason: JobLost"), "{inspected}");
        until("no pod to be alive", || room.good("ps", &["-q"]).is_empty());
        for pod in room.pods() {
            assert!(!pod.join("volumes").exists(), "{}", pod.display());
        }
        assert_eq!(room.good("rm", &["-f", "--all"]), "default/j\n");
        room.finds_nothing("");
    }
}

#[test]
#[ignore = "needs root"]
fn ctrl_c_stops_all_pods_of_a_job() {
    let room = Room::new();
    room.write("job.yaml", &patient("  completions: 3\n  parallelism: 2\n"));
    let mut session = Session::start(&mut room.command("run", &["job.yaml"])).unwrap();
    session.wait_for("ready", LIMIT).unwrap();
    session.interrupt().unwrap();
    let (status, said) = session.end(LIMIT).unwrap();
    assert!(!status.success(), "{said}");
    room.finds_nothing(&said);
}

#[test]
#[ignore = "needs root"]
fn a_later_pod_that_cannot_start_has_failed_and_says_why() {
    let room = Room::new();
    // The first pod takes away what the second needs: its program, or its volume.
    let program = room.path("once");
    fs::write(&program, "#!/bin/sh\nrm -- \"$0\"\n").unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let text = job("  completions: 2\n  backoffLimit: 0\n", "x");
    let once = text.replace("[sh, -c, 'x']", &format!("[{}]", program.display()));
    let place = room.path("place");
    fs::create_dir(&place).unwrap();
    let text = job(
        "  completions: 2\n  backoffLimit: 0\n",
        &format!("rmdir {}", place.display()),
    );
    let volume = format!(
        "volumes: [{{name: h, hostPath: {{path: {}, type: Directory}}}}, ",
        place.display()
    );
    let placeless = text.replace("volumes: [", &volume);
    for (text, code, reason, why) in [
        (once, 128, "StartError", "once"),
        (placeless, 1, "Error", "place"),
    ] {
        assert_eq!(room.detach(&text).code, Some(0));
        let waited = room.porthole("wait", &["pod.yaml"]);
        assert_eq!(waited.code, Some(code), "{waited:?}");
        let said = "the job default/j has failed (1 succeeded, 1 failed): BackoffLimitExceeded: Job has reached the \
                    specified backoff limit; the last pod that failed, default/j-";
        assert!(waited.err.contains(said), "{waited:?}");
        assert!(waited.err.contains(why), "{waited:?}");
        let listed = room.good("ps", &["-a"]);
        assert!(listed.contains(&format!(" {reason} ")), "{listed}");
        let inspected = room.good("inspect", &["pod.yaml"]);
        for word in ["type: FailureTarget", "type: Failed", "lastFailure:"] {
            assert!(inspected.contains(word), "{word}: {inspected}");
        }
        assert_eq!(room.pods().len(), 2, "the pod that did not start is still there");
        room.good("rm", &["pod.yaml"]);
    }
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_success_policy_ends_a_job_early_and_its_time_removes_it() {
    let room = Room::new();
    let lines = "  completions: 3\n  parallelism: 3\n  completionMode: Indexed\n  ttlSecondsAfterFinished: 86400\n  \
                 successPolicy: {rules: [{succeededIndexes: \"1\"}]}\n";
    let script = "trap \"exit 5\" TERM; while [ $JOB_COMPLETION_INDEX != 1 ]; do sleep 0.01; done";
    let text = job(lines, script);
    assert_eq!(room.detach(&text).code, Some(0));
    assert_eq!(room.porthole("wait", &["pod.yaml"]).code, Some(0));
    let inspected = room.good("inspect", &["pod.yaml"]);
    for word in [
        "type: SuccessCriteriaMet",
        "type: Complete",
        "reason: SuccessPolicy",
        "message: Matched rules at index 0",
        "completedIndexes: '1'",
        "  failed: 0",
    ] {
        assert!(
            inspected.contains(word) || inspected.contains(&word.replace('\'', "\"")),
            "{word}: {inspected}"
        );
    }
    room.good("rm", &["pod.yaml"]);
    assert_eq!(room.detach(&text.replace("86400", "0")).code, Some(0));
    until("the ended job to be removed by its time", || {
        room.good("ps", &["-a", "-q"]).is_empty()
    });
    room.finds_nothing("");
}
