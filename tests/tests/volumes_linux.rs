//! Volumes as the programs of a pod see them on this machine, and what is left of them.

#![cfg(target_os = "linux")]

#[path = "run_linux/room.rs"]
mod room;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use porthole_tests::failure::Doing as _;
use porthole_tests::wait;
use room::{LIMIT, Room, is_there, pod, script};

/// A pod whose one container runs a script, with these mounts and volumes.
fn mounting(text: &str, mounts: &str, volumes: &str) -> String {
    pod(&format!(
        "  containers:\n  - name: c\n    image: i\n    env: [{{name: WHO, value: me}}]\n    command: [sh, -c, \
         '{text}']\n    volumeMounts: [{mounts}]\n  volumes: [{volumes}]"
    ))
}

const OBJECTS: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: of the map}\n---\napiVersion: \
                       v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: of the secret}\n";

#[test]
#[ignore = "needs root"]
fn files_of_many_sources_are_one_volume_in_the_kubelets_layout() {
    let room = Room::new();
    let volume = "{name: v, projected: {sources: [{configMap: {name: m}}, {secret: {name: s, items: [{key: p, path: d/p, \
                  mode: 256}]}}, {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}]}}";
    let text = "cd /volumes-linux; cat k; echo; cat d/p; echo; cat labels; echo; stat -L -c %a d/p k; readlink k d \
                ..data; (echo x > k) 2>/dev/null || echo read-only";
    let manifest = mounting(text, "{name: v, mountPath: /volumes-linux}", volume);
    let ended = room.run(&format!("{manifest}{OBJECTS}"), &[]);
    let mut lines = ended.out.lines();
    for expected in [
        "of the map",
        "of the secret",
        "app=\"web\"",
        "400",
        "644",
        "..data/k",
        "..data/d",
    ] {
        assert_eq!(lines.next(), Some(expected), "{ended:?}");
    }
    assert!(
        lines.next().is_some_and(|name| name.starts_with("..20")),
        "{ended:?}"
    );
    assert_eq!(lines.next(), Some("read-only"), "{ended:?}");
}

#[test]
#[ignore = "needs root"]
fn a_volume_in_memory_is_shared_limited_and_gone() {
    let room = Room::new();
    let containers = "  initContainers:\n  - {name: a, image: i, command: [sh, -c, 'echo kept > /volumes-linux/f'], \
                      volumeMounts: [{name: v, mountPath: /volumes-linux}]}\n  containers:\n  - {name: b, image: i, \
                      command: [sh, -c, 'cat /volumes-linux/f; stat -f -c %T /volumes-linux; head -c 2000000 /dev/zero > \
                      /volumes-linux/big || echo full'], volumeMounts: [{name: v, mountPath: /volumes-linux}]}\n  \
                      volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]";
    let ended = room.run(&pod(containers), &[]);
    assert_eq!(ended.out, "[b] kept\n[b] tmpfs\n[b] full\n", "{ended:?}");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let state = room.path("state").display().to_string();
    assert!(!mounts.contains(&state), "{mounts}");
}

#[test]
#[ignore = "needs root"]
fn what_was_in_memory_is_gone_when_porthole_is_killed() {
    let room = Room::new();
    let text = "echo x > /volumes-linux/f; echo ready; sleep 1000";
    let volume = "{name: v, emptyDir: {medium: Memory}}";
    let mut session = room.start(&mounting(text, "{name: v, mountPath: /volumes-linux}", volume));
    session.wait_for("ready", LIMIT).unwrap();
    session.signal("KILL").unwrap();
    session.end(LIMIT).unwrap();
    let ended = room.run(&script("echo next"), &[]);
    assert_eq!(ended.out, "next\n", "{ended:?}");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(
        !mounts.contains(&room.path("state").display().to_string()),
        "{mounts}"
    );
}

#[test]
#[ignore = "needs root"]
fn a_sub_path_is_a_part_of_its_volume_and_nothing_else() {
    let room = Room::new();
    let data = room.path("data");
    fs::create_dir_all(data.join("real")).unwrap();
    fs::write(data.join("real/f"), "found\n").unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o750)).unwrap();
    symlink("real", data.join("link")).unwrap();
    symlink("/etc", data.join("out")).unwrap();
    let volume = format!("{{name: v, hostPath: {{path: {}}}}}", data.display());
    let mounts = "{name: v, mountPath: /volumes-linux/a, subPath: link, readOnly: true}, {name: v, mountPath: \
                  /volumes-linux/b, subPathExpr: new/$(WHO)}";
    let text = "cat /volumes-linux/a/f; (echo x > /volumes-linux/a/x) 2>/dev/null || echo read-only; echo y > \
                /volumes-linux/b/f";
    let ended = room.run(&mounting(text, mounts, &volume), &[]);
    assert_eq!(ended.out, "found\nread-only\n", "{ended:?}");
    assert_eq!(fs::read_to_string(data.join("new/me/f")).unwrap(), "y\n");
    let mode = fs::metadata(data.join("new")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750, "as the volume's");

    let ended = room.run(
        &mounting(
            "cat /volumes-linux/passwd",
            "{name: v, mountPath: /volumes-linux, subPath: out}",
            &volume,
        ),
        &[],
    );
    assert_eq!((ended.code, ended.out.as_str()), (Some(125), ""), "{ended:?}");
    assert!(ended.err.contains("leads out of the volume"), "{ended:?}");
    assert!(!is_there("/volumes-linux".as_ref()));
}

#[test]
#[ignore = "needs root"]
fn a_key_of_an_object_is_one_file_by_its_sub_path() {
    let room = Room::new();
    let manifest = mounting(
        "cat /volumes-linux.conf",
        "{name: v, mountPath: /volumes-linux.conf, subPath: k}",
        "{name: v, configMap: {name: m}}",
    );
    let ended = room.run(&format!("{manifest}{OBJECTS}"), &[]);
    assert_eq!(ended.out, "of the map", "{ended:?}");
}

#[test]
#[ignore = "needs root"]
fn a_socket_of_the_host_is_reached_by_its_mount() {
    let room = Room::new();
    let socket = room.path("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let volume = format!(
        "{{name: v, hostPath: {{path: {}, type: Socket}}}}",
        socket.display()
    );
    let text = "test -S /volumes-linux.sock && echo socket";
    let ended = room.run(
        &mounting(text, "{name: v, mountPath: /volumes-linux.sock}", &volume),
        &[],
    );
    assert_eq!(ended.out, "socket\n", "{ended:?}");
}

#[test]
#[ignore = "needs root"]
fn read_only_reaches_what_is_mounted_below() {
    let room = Room::new();
    let data = room.path("data");
    fs::create_dir_all(data.join("below")).unwrap();
    let mount = |arguments: &[&str]| {
        let below = data.join("below");
        let status = std::process::Command::new(arguments[0])
            .args(&arguments[1..])
            .arg(below)
            .status();
        assert!(status.unwrap().success());
    };
    mount(&["mount", "-t", "tmpfs", "tmpfs"]);
    let volume = format!("{{name: v, hostPath: {{path: {}}}}}", data.display());
    let text = "for d in /volumes-linux /volumes-linux/below; do (echo x > $d/x) 2>/dev/null || echo read-only; done";
    let mounts = "{name: v, mountPath: /volumes-linux, readOnly: true, recursiveReadOnly: Enabled}";
    let ended = room.run(&mounting(text, mounts, &volume), &[]);
    mount(&["umount"]);
    assert_eq!(ended.out, "read-only\nread-only\n", "{ended:?}");
}

/// `porthole update` with the room's state.
fn update(room: &Room, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = std::process::Command::new(porthole_tests::program::host("porthole").unwrap())
        .args(["update", "--state"])
        .arg(room.path("state"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .current_dir(room.path(""))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Waits until others see the pod: a pod in the foreground is shown to them a moment after its start.
fn until_seen(room: &Room) {
    wait::until("others to see the pod", LIMIT, || {
        let porthole = porthole_tests::program::host("porthole")?;
        let output = std::process::Command::new(porthole)
            .args(["ps", "-q", "--state"])
            .arg(room.path("state"))
            .output()
            .doing("run `porthole ps`")?;
        Ok((output.stdout == b"default/p\n").then_some(()))
    })
    .unwrap();
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: one}\n";

#[test]
#[ignore = "needs root"]
fn an_update_reaches_the_volumes_of_a_pod_that_runs_and_nothing_else() {
    let room = Room::new();
    let text = "while :; do now=$(cat /volumes-linux/k); [ \"$now\" = \"$last\" ] || echo \"now $now, env $K, part $(cat \
                /volumes-linux.part)\"; last=$now; sleep 0.02; done";
    let manifest = mounting(
        text,
        "{name: v, mountPath: /volumes-linux}, {name: v, mountPath: /volumes-linux.part, subPath: k}",
        "{name: v, projected: {sources: [{configMap: {name: m}}, {secret: {name: s}}]}}",
    )
    .replace(
        "env: [",
        "env: [{name: K, valueFrom: {configMapKeyRef: {name: m, key: k}}}, ",
    );
    let secret = OBJECTS.rsplit_once("---\n").unwrap().1;
    let mut session = room.start(&format!("{manifest}---\n{MAP}---\n{secret}"));
    session.wait_for("now one, env one, part one", LIMIT).unwrap();
    until_seen(&room);

    // The same contents change nothing.
    room.write("same.yaml", MAP, 0o644);
    assert_eq!(
        update(&room, &["-f", "same.yaml"]),
        (Some(0), String::new(), String::new())
    );
    room.write("new.yaml", &MAP.replace("one", "two"), 0o644);
    let (code, out, err) = update(&room, &["-f", "new.yaml"]);
    assert_eq!((code, out.as_str()), (Some(0), "default/p: v\n"), "{err}");
    assert!(
        err.contains("has a subPath of volume `v` and keeps what it has"),
        "{err}"
    );
    session.wait_for("now two, env one, part one", LIMIT).unwrap();

    let other = MAP.replace("name: m", "name: other");
    room.write("other.yaml", &other, 0o644);
    let (code, out, err) = update(&room, &["-f", "other.yaml"]);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(
        err.contains("no pod that runs has ConfigMap default/other in a volume"),
        "{err}"
    );

    session.interrupt().unwrap();
    let (_, said) = session.end(LIMIT).unwrap();
    room.finds_nothing(&said);
}

#[test]
#[ignore = "needs root"]
fn a_killed_update_leaves_the_old_files_or_the_new_ones() {
    let room = Room::new();
    let text = "echo ready; while [ ! -e /volumes-linux/end ]; do sleep 0.02; done; cat /volumes-linux/k";
    let manifest = mounting(
        text,
        "{name: v, mountPath: /volumes-linux}",
        "{name: v, configMap: {name: m}}",
    );
    let mut session = room.start(&format!("{manifest}---\n{MAP}"));
    session.wait_for("ready", LIMIT).unwrap();
    until_seen(&room);
    room.write("new.yaml", &MAP.replace("one", "two"), 0o644);
    let killed = std::process::Command::new(porthole_tests::program::host("porthole").unwrap())
        .args(["update", "-f", "new.yaml", "--state"])
        .arg(room.path("state"))
        .env("PORTHOLE_FAULT", "volume-swapped")
        .current_dir(room.path(""))
        .status()
        .unwrap();
    assert_eq!(killed.code(), None, "killed by itself");
    room.write("last.yaml", &MAP.replace("k: one", "k: three, end: now"), 0o644);
    let (code, out, err) = update(&room, &["-f", "last.yaml"]);
    assert_eq!((code, out.as_str()), (Some(0), "default/p: v\n"), "{err}");
    session.wait_for("three", LIMIT).unwrap();
    let (_, said) = session.end(LIMIT).unwrap();
    room.finds_nothing(&said);
}

#[test]
#[ignore = "needs root"]
fn a_pod_that_fills_its_volume_is_evicted() {
    let room = Room::new();
    let text = "head -c 3000000 /dev/zero > /volumes-linux/big; sleep 1000";
    let ended = room.run(
        &mounting(
            text,
            "{name: v, mountPath: /volumes-linux}",
            "{name: v, emptyDir: {sizeLimit: 1Mi}}",
        ),
        &[],
    );
    assert!(ended.code.is_some_and(|code| code != 0), "{ended:?}");
    assert!(
        ended
            .err
            .contains("Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\""),
        "{ended:?}"
    );
}

#[test]
#[ignore = "needs root"]
fn limits_change_while_the_container_runs() {
    let room = Room::new();
    let mut session = room.start(&script("echo ready; while :; do sleep 0.05; done"));
    session.wait_for("ready", LIMIT).unwrap();
    let (code, out, err) = update(&room, &["p", "--memory", "64Mi", "--pids-limit", "50"]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "default/p/c: memory 67108864, pids 50\n"),
        "{err}"
    );
    // What is not named stays.
    let (code, out, err) = update(&room, &["p", "-c", "c", "--memory", "none"]);
    assert_eq!((code, out.as_str()), (Some(0), "default/p/c: pids 50\n"), "{err}");
    let (code, _, err) = update(&room, &["p", "-c", "other", "--memory", "1Gi"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("has no container `other`"), "{err}");
    session.interrupt().unwrap();
    let (_, said) = session.end(LIMIT).unwrap();
    room.finds_nothing(&said);
}
