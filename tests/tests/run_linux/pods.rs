use std::fs;
use std::io::{BufRead as _, Write as _};
use std::process::Stdio;

use porthole_tests::wait;

use crate::room::{LIMIT, Room, pod, script};

#[test]
#[ignore = "needs root"]
fn one_container_is_a_bare_log_and_its_own_exit_code() {
    let room = Room::new();
    let ended = room.run(&script("echo out; echo err >&2; exit 7"), &[]);
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err.as_str()),
        (Some(7), "out\n", "err\n")
    );
}

#[test]
#[ignore = "needs root"]
fn several_containers_have_their_names_before_whole_lines() {
    let room = Room::new();
    let containers = "  initContainers:\n  - {name: first, image: i, command: [echo, made]}\n  containers:\n  - {name: a, \
                      image: i, command: [sh, -c, 'for i in 1 2 3; do printf half; sleep 0.01; echo -whole; done']}\n  - \
                      {name: b, image: i, command: [sh, -c, 'for i in 1 2 3; do echo b; done; printf last; exit 4']}";
    let ended = room.run(&pod(containers), &[]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let mut lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], "[first] made");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "[a] half-whole",
            "[a] half-whole",
            "[a] half-whole",
            "[b] b",
            "[b] b",
            "[b] b",
            "[b] last",
            "[first] made"
        ]
    );
    assert!(
        ended.err.contains("note: p/b ended with exit code 4"),
        "{}",
        ended.err
    );
}

#[test]
#[ignore = "needs root"]
fn a_hangup_and_a_termination_stop_the_pod_as_ctrl_c_does() {
    for signal in ["HUP", "TERM"] {
        let room = Room::new();
        let mut session = room.start(&script(
            "trap \"echo asked; exit 5\" TERM; echo ready; while :; do sleep 0.01; done",
        ));
        session.wait_for("ready", LIMIT).unwrap();
        session.signal(signal).unwrap();
        let (status, said) = session.end(LIMIT).unwrap();
        assert_eq!(status.code(), Some(5), "{signal}: {said}");
        assert!(said.contains("asked"), "{signal}: {said}");
        room.finds_nothing(&said);
    }
}

#[test]
#[ignore = "needs root"]
fn containers_end_when_nobody_listens_any_more() {
    let room = Room::new();
    let yes = "command: [sh, -c, 'exec yes']";
    let one = pod(&format!("  containers:\n  - {{name: a, image: i, {yes}}}"));
    let two = format!("{one}  - {{name: b, image: i, {yes}}}\n");
    for manifest in [one, two] {
        room.write("pod.yaml", &manifest, 0o644);
        let mut porthole = room.porthole(&["pod.yaml"]);
        let mut child = porthole
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.ends_with("y\n"), "{line}");
        let code = wait::until("porthole to end with its listener", LIMIT, || {
            Ok(child.try_wait().unwrap())
        })
        .unwrap()
        .code();
        // 128 + SIGPIPE.
        assert_eq!(code, Some(141));
        room.finds_nothing("");
    }
}

#[test]
#[ignore = "needs root"]
fn init_containers_run_in_order_and_a_failed_one_ends_the_pod() {
    let room = Room::new();
    let file = room.path("order");
    let step = |name: &str, command: &str| {
        format!(
            "  - {{name: {name}, image: i, command: [sh, -c, 'echo {name} >> {}; {command}']}}\n",
            file.display()
        )
    };
    let containers = format!(
        "  initContainers:\n{}{}  containers:\n{}",
        step("a", ":"),
        step("b", "exit 9"),
        step("c", ":")
    );
    let ended = room.run(&pod(&containers), &[]);
    assert_eq!(ended.code, Some(9), "{ended:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "a\nb\n");
}

#[test]
#[ignore = "needs root"]
fn volumes_are_where_the_seed_says() {
    let room = Room::new();
    room.write("host", "of the host\n", 0o644);
    let manifest = format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{key: \"of the map\\n\"}}\n---\napiVersion: \
         v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{key: \"of the secret\\n\"}}\n",
        pod(&format!(
            "  containers:\n  - name: c\n    image: i\n    command: [sh, -c, 'cat /run-linux/map/key \
             $CONTAINER_SANDBOX_MOUNT_POINT/run-linux/secret/key run-linux/host; echo x > /run-linux/scratch/x && cat \
             run-linux/scratch/x; echo no > /run-linux/map/key || echo read-only']\n    volumeMounts:\n    - {{name: m, \
             mountPath: /run-linux/map}}\n    - {{name: s, mountPath: /run-linux/secret}}\n    - {{name: h, mountPath: \
             /run-linux/host}}\n    - {{name: e, mountPath: /run-linux/scratch}}\n  volumes:\n  - {{name: m, configMap: \
             {{name: m}}}}\n  - {{name: s, secret: {{secretName: s}}}}\n  - {{name: h, hostPath: {{path: {}, type: \
             File}}}}\n  - {{name: e, emptyDir: {{}}}}",
            room.path("host").display()
        ))
    );
    let ended = room.run(&manifest, &[]);
    assert_eq!(
        ended.out, "of the map\nof the secret\nof the host\nx\nread-only\n",
        "{ended:?}"
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        !std::path::Path::new("/run-linux").exists(),
        "mount points on the host are removed again"
    );
}

#[test]
#[ignore = "needs root"]
fn env_and_expansion_reach_the_program() {
    let room = Room::new();
    let manifest = pod(
        "  containers:\n  - name: c\n    image: i\n    env:\n    - {name: APP, valueFrom: {fieldRef: {fieldPath: \
         \"metadata.labels['app']\"}}}\n    - {name: GREETING, value: 'hello $(APP)'}\n    - {name: EMPTY, value: ''}\n    \
         command: [sh, -c, 'echo \"$0 $1 ${EMPTY-unset}\"', '$(GREETING)', '$$(GREETING)']",
    );
    let ended = room.run(&manifest, &[]);
    assert_eq!(ended.out, "hello web $(GREETING) \n", "{ended:?}");
}

#[test]
#[ignore = "needs root"]
fn a_program_of_the_image_is_found_before_the_systems() {
    let room = Room::new();
    room.write("image/bin/ls", "#!/bin/sh\necho the image\\'s\n", 0o755);
    let ended = room.run(&pod("  containers: [{name: c, image: i, command: [ls]}]"), &[]);
    assert_eq!(ended.out, "the image's\n", "{ended:?}");
}

#[test]
#[ignore = "needs root"]
fn ctrl_c_stops_within_the_grace_and_twice_at_once() {
    let room = Room::new();
    let mut session = room.start(&script(
        "trap \"echo asked; exit 5\" TERM; echo ready; while :; do sleep 0.01; done",
    ));
    session.wait_for("ready", LIMIT).unwrap();
    session.interrupt().unwrap();
    let (status, said) = session.end(LIMIT).unwrap();
    assert_eq!(status.code(), Some(5), "{said}");
    assert!(said.contains("asked"), "{said}");
    room.finds_nothing(&said);

    let mut session = room.start(&script("trap : TERM; echo ready; while :; do sleep 0.01; done"));
    session.wait_for("ready", LIMIT).unwrap();
    session.interrupt().unwrap();
    session.wait_for("stopping", LIMIT).unwrap();
    session.interrupt().unwrap();
    let (status, said) = session.end(LIMIT).unwrap();
    assert_eq!(status.code(), Some(137), "{said}");
    room.finds_nothing(&said);
}

#[test]
#[ignore = "needs root"]
fn a_container_that_ignores_the_request_is_killed_after_its_grace() {
    let room = Room::new();
    let manifest = script("trap : TERM; echo ready; while :; do sleep 0.01; done").replace(
        "restartPolicy",
        "terminationGracePeriodSeconds: 0\n  restartPolicy",
    );
    let mut session = room.start(&manifest);
    session.wait_for("ready", LIMIT).unwrap();
    session.interrupt().unwrap();
    let (status, said) = session.end(LIMIT).unwrap();
    assert_eq!(status.code(), Some(137), "{said}");
    room.finds_nothing(&said);
}

#[test]
#[ignore = "needs root"]
fn a_deployment_runs_its_replicas() {
    let room = Room::new();
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 2\n  selector: \
                    {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      hostNetwork: \
                    true\n      securityContext: {windowsOptions: {hostProcess: true, runAsUserName: SYSTEM}}\n      \
                    containers: [{name: c, image: i, command: [sh, -c, 'echo here']}]\n";
    let ended = room.run(manifest, &[]);
    let mut lines: Vec<&str> = ended.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["[d-0/c] here", "[d-1/c] here"], "{ended:?}");
    let ended = room.run(&manifest.replace("replicas: 2", "replicas: 0"), &[]);
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err.as_str()),
        (
            Some(0),
            "",
            "note: Deployment default/d wants 0 pods: none is made\n"
        )
    );
}

#[test]
#[ignore = "needs root"]
fn manifests_come_from_standard_input_and_from_directories() {
    let room = Room::new();
    let mut child = room
        .porthole(&["-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script("echo from stdin").as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "from stdin\n");

    fs::create_dir(room.path("pods")).unwrap();
    room.write(
        "pods/b.yaml",
        &script("echo $WORD").replace("name: c\n", "name: c\n    envFrom: [{configMapRef: {name: m}}]\n"),
        0o644,
    );
    room.write(
        "pods/a.json",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"WORD":"directory"}}"#,
        0o644,
    );
    room.write("pods/notes.txt", "not a manifest: [", 0o644);
    let ended = room.end(room.porthole(&["pods"]));
    assert_eq!(ended.out, "directory\n", "{ended:?}");
}

#[test]
#[ignore = "needs root"]
fn a_limit_reaches_the_kernel() {
    let room = Room::new();
    // More memory than allowed, twice over: the kernel ends the program.
    let text = "x=0123456789abcdef; while :; do x=$x$x; done";
    let manifest = script(text).replace("name: c\n", "name: c\n    resources: {limits: {memory: 20Mi}}\n");
    let ended = room.run(&manifest, &[]);
    assert_eq!(ended.code, Some(137), "{ended:?}");
}
