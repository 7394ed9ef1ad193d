//! Pods of an ordinary user: with its own files, without anybody else's, and nothing left behind.
//!
//! Root is needed only to become that user.

#![cfg(target_os = "linux")]

#[path = "rootless/user.rs"]
mod user;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use user::{User, pod, until};

#[test]
#[ignore = "needs root"]
fn a_container_is_its_user_with_the_user_s_files_and_nobody_else_s() {
    let user = User::new();
    let home = user.path("home");
    fs::write(home.join("given"), "from the host\n").unwrap();
    fs::write(user.path("secret"), "root's\n").unwrap();
    fs::set_permissions(user.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let script = format!(
        "id -u; id -g; pwd; cat {home}/given; echo back > {home}/made; echo x > $CONTAINER_SANDBOX_MOUNT_POINT/mine && echo \
         rootfs; cat {secret} || echo refused; mount -t tmpfs x /mnt 2>/dev/null || echo no mounts; grep CapEff \
         /proc/self/status; touch /new 2>/dev/null || echo no root directory; exit 7",
        home = home.display(),
        secret = user.path("secret").display()
    );
    let ended = user.run(&pod(&script, "", ""), &["--inherit-user"]);
    assert_eq!(ended.code, Some(7), "{ended:?}");
    let uid = user.uid;
    assert_eq!(
        ended.out,
        format!(
            "{uid}\n{uid}\n/hpc\nfrom the host\nrootfs\nrefused\nno mounts\nCapEff:\t0000000000000000\nno root directory\n"
        ),
        "{ended:?}"
    );
    let made = home.join("made");
    assert_eq!(fs::read_to_string(&made).unwrap(), "back\n");
    assert_eq!(made.metadata().unwrap().uid(), uid);
    assert!(!Path::new("/new").exists());
    assert_eq!(user.containers(), 0);
    user.finds_no_process();
}

#[test]
#[ignore = "needs root"]
fn volumes_are_mounted_also_where_the_user_may_make_nothing() {
    let user = User::new();
    fs::write(user.path("home/file"), "shared\n").unwrap();
    let volumes = format!(
        "  volumes: [{{name: e, emptyDir: {{}}}}, {{name: m, emptyDir: {{medium: Memory}}}}, {{name: c, configMap: {{name: \
         c}}}}, {{name: h, hostPath: {{path: {}}}}}]",
        user.path("home").display()
    );
    let more = "    volumeMounts: [{name: e, mountPath: /no-such-top/e}, {name: m, mountPath: /memory}, {name: c, mountPath: \
                /etc/no-such-app/config}, {name: h, mountPath: /host, readOnly: true}]";
    let script = "echo a > /no-such-top/e/f && cat $CONTAINER_SANDBOX_MOUNT_POINT/no-such-top/e/f; echo b > /memory/f && cat \
                  /memory/f; cat /etc/no-such-app/config/k; cat /host/file; (echo x > /host/file) 2>/dev/null || echo read-only; \
                  test -s /etc/passwd && echo the rest of /etc; (echo x > /etc/no-such-app/x) 2>/dev/null || echo shut";
    let manifest = pod(script, more, &volumes)
        + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: \"configured\\n\"}\n";
    let ended = user.run(&manifest, &["--inherit-user"]);
    assert_eq!(
        ended.out, "a\nb\nconfigured\nshared\nread-only\nthe rest of /etc\nshut\n",
        "{ended:?}"
    );
    for path in ["/no-such-top", "/memory", "/etc/no-such-app"] {
        assert!(!Path::new(path).exists(), "{path} was made on the host");
    }
    assert_eq!(fs::read_to_string(user.path("home/file")).unwrap(), "shared\n");
    let pods = fs::read_dir(user.path("home/.local/state/porthole/pods")).unwrap();
    assert_eq!(pods.count(), 0);
}

#[test]
#[ignore = "needs root"]
fn without_inherit_user_the_way_is_named() {
    let user = User::new();
    let ended = user.run(&pod("true", "", ""), &[]);
    assert_eq!(ended.code, Some(125), "{ended:?}");
    for part in ["--inherit-user", "as root"] {
        assert!(ended.err.contains(part), "{ended:?}");
    }
    assert_eq!(user.containers(), 0);
}

#[test]
#[ignore = "needs root"]
fn limits_that_nothing_enforces_are_said_and_do_not_keep_a_pod_from_running() {
    let user = User::new();
    let limited = pod(
        "echo ran",
        "    resources: {limits: {memory: 64Mi, cpu: 500m}}",
        "",
    );
    let ended = user.run(&limited, &["--inherit-user"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "ran\n"), "{ended:?}");
    for part in [
        "limits on memory, cpu, ",
        "not enforced",
        "systemd-run --user --scope",
    ] {
        assert!(ended.err.contains(part), "{ended:?}");
    }
    let ended = user.run(&pod("echo ran", "", ""), &["--inherit-user"]);
    assert_eq!(ended.err, "", "who asks for nothing misses nothing");
}

/// A program that outlives its parents, and one that does nothing else.
const FAMILY: &str = "(setsid sh -c 'sleep 4711 & sleep 4711; true' &); trap 'echo asked; exit 5' TERM; echo ready; while :; do \
                      sleep 0.1; done";

#[test]
#[ignore = "needs root"]
fn a_detached_pod_is_listed_heard_entered_counted_stopped_and_removed() {
    let user = User::new();
    let ended = user.run(&pod(FAMILY, "", ""), &["--detach", "--inherit-user"]);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(0), "default/p\n"),
        "{ended:?}"
    );
    until("the container's word", || user.good(&["logs", "p"]) == "ready\n");
    assert!(user.good(&["ps"]).contains("Running"));

    let entered = user.porthole(&[
        "exec",
        "p",
        "--",
        "sh",
        "-c",
        "id -u; pwd; (setsid sleep 4712 &); grep -c porthole /proc/self/mountinfo > /dev/null && echo inside; exit 3",
    ]);
    assert_eq!(entered.code, Some(3), "{entered:?}");
    assert_eq!(entered.out, format!("{}\n/hpc\ninside\n", user.uid));
    let stats = user.good(&["stats", "--no-stream", "-o", "json", "p"]);
    assert!(number(&stats, "pids").is_some_and(|pids| pids >= 4), "{stats}");
    assert!(
        number(&stats, "memoryBytes").is_some_and(|bytes| bytes > 0),
        "{stats}"
    );

    assert_eq!(user.good(&["stop", "p"]), "default/p\n");
    assert_eq!(user.porthole(&["wait", "p"]).code, Some(5));
    assert!(user.good(&["logs", "p"]).contains("asked"));
    user.finds_no_process();
    assert_eq!(user.good(&["rm", "p"]), "default/p\n");
    assert_eq!(user.containers(), 0);
}

#[test]
#[ignore = "needs root"]
fn a_further_program_is_asked_to_stop_with_its_container() {
    let user = User::new();
    // Ends in its grace only if the further program was asked as well.
    let script = "trap 'until test -e asked; do sleep 0.01; done; exit 5' TERM; until test -e entered; do sleep 0.01; done; \
                  echo entered; while :; do sleep 0.1; done";
    assert_eq!(
        user.run(&pod(script, "", ""), &["--detach", "--inherit-user"])
            .code,
        Some(0)
    );
    let program = "trap 'touch asked; exit 6' TERM; touch entered; while :; do sleep 0.1; done";
    let mut program = user
        .command(&["exec", "p", "--", "sh", "-c", program])
        .spawn()
        .unwrap();
    until("the program to run", || user.good(&["logs", "p"]) == "entered\n");
    user.good(&["stop", "p"]);
    assert_eq!(user.porthole(&["wait", "p"]).code, Some(5));
    program.wait().unwrap();
    user.finds_no_process();
    user.good(&["rm", "p"]);
    assert_eq!(user.containers(), 0);
}

/// The first number of this name in a JSON text.
fn number(text: &str, name: &str) -> Option<u64> {
    let (_, value) = text.split_once(&format!("\"{name}\":"))?;
    let digits = value
        .trim_start()
        .split(|byte: char| !byte.is_ascii_digit())
        .next()?;
    digits.parse().ok()
}

#[test]
#[ignore = "needs root"]
fn whatever_kills_the_holder_kills_the_container_and_all_that_it_left_behind() {
    let user = User::new();
    let ended = user.run(&pod(FAMILY, "", ""), &["--detach", "--inherit-user"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    until("programs that outlived their parents", || {
        let sleepers = user
            .processes()
            .into_iter()
            .filter(|(_, name)| name == "sleep")
            .count();
        sleepers >= 2
    });
    let lock = fs::read_dir(user.path("home/.local/state/porthole/pods"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("lock");
    let holder = fs::read_to_string(lock).unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", holder.trim()])
            .status()
            .unwrap()
            .success()
    );
    user.finds_no_process();
    assert!(user.good(&["ps", "-a"]).contains("PodLost"));
    assert_eq!(user.containers(), 0);
    user.good(&["rm", "p"]);
}

#[test]
#[ignore = "needs root"]
fn a_program_ends_with_its_signal_and_takes_its_descendants_along() {
    let user = User::new();
    let ended = user.run(
        &pod("(setsid sleep 4713 &); kill -9 $$$$", "", ""),
        &["--inherit-user"],
    );
    assert_eq!(ended.code, Some(128 + 9), "{ended:?}");
    user.finds_no_process();
}

#[test]
#[ignore = "needs root"]
fn a_delegated_cgroup_holds_containers_together() {
    let Some(tree) = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .into_iter()
        .map(Path::new)
        .find(|tree| tree.join("cgroup.controllers").exists())
    else {
        panic!("no cgroup v2 tree is mounted");
    };
    let user = User::new();
    let delegated = tree.join(format!("porthole-rootless-{}", user.uid));
    let own = delegated.join("own");
    fs::create_dir_all(&own).unwrap();
    for directory in [&delegated, &own] {
        chown(directory, Some(user.uid), Some(user.uid)).unwrap();
        for file in ["cgroup.procs", "cgroup.subtree_control"] {
            chown(directory.join(file), Some(user.uid), Some(user.uid)).unwrap();
        }
    }
    fs::write(
        user.path("pod.yaml"),
        pod("grep ^0:: /proc/self/cgroup; (setsid sleep 4714 &)", "", ""),
    )
    .unwrap();
    let uid = user.uid.to_string();
    let output = Command::new("sh")
        .args([
            "-c",
            "echo $$ > \"$1/cgroup.procs\"; shift; exec setpriv \"$@\"",
            "sh",
        ])
        .arg(&own)
        .args(["--reuid", &uid, "--regid", &uid, "--clear-groups"])
        .arg(user.path("porthole"))
        .args(["run", "--inherit-user", "--image", "i=image", "pod.yaml"])
        .env("HOME", user.path("home"))
        .env_remove("PORTHOLE_STATE")
        .env_remove("XDG_STATE_HOME")
        .current_dir(user.path(""))
        .output()
        .unwrap();
    user.finds_no_process();
    let left: Vec<_> = fs::read_dir(&delegated)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name())
        .collect();
    until("the cgroup to be removable", || fs::remove_dir(&own).is_ok());
    until("the cgroup to be removable", || {
        fs::remove_dir(&delegated).is_ok()
    });
    let out = String::from_utf8_lossy(&output.stdout);
    let place = format!("/porthole-rootless-{}/porthole/", user.uid);
    assert!(output.status.success() && out.contains(&place), "{output:?}");
    assert_eq!(left, ["own"], "containers' cgroups are gone");
}

/// An OCI layout of one image with a program, made as this user.
fn layered(user: &User) {
    fs::write(
        user.path("home/app"),
        "#!/bin/sh\necho from a layer; echo more > /hpc/own; cat /hpc/own; exit 6\n",
    )
    .unwrap();
    fs::set_permissions(user.path("home/app"), fs::Permissions::from_mode(0o755)).unwrap();
    chown(user.path("home/app"), Some(user.uid), Some(user.uid)).unwrap();
    let text = "FROM scratch\nCOPY app /bin/app\nCOPY app /bin/gone\n";
    fs::write(user.path("home/Dockerfile"), text).unwrap();
    user.good(&[
        "image",
        "build",
        "--platform",
        "linux/amd64",
        "-t",
        "layered:1",
        "home",
    ]);
}

#[test]
#[ignore = "needs root"]
fn images_with_layers_are_built_and_run_and_their_rootfs_is_each_container_s_own() {
    let user = User::new();
    layered(&user);
    let text = pod("x", "", "")
        .replace("image: i", "image: layered:1")
        .replace("command: [sh, -c, \"x\"]", "command: [/bin/app]");
    for _ in 0..2 {
        let ended = user.run(&text, &["--inherit-user"]);
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (Some(6), "from a layer\nmore\n"),
            "{ended:?}"
        );
    }
    assert_eq!(user.containers(), 0);
    user.finds_no_process();
    // What is in the store is the user's, and goes by its own hand.
    user.good(&["image", "rm", "layered:1"]);
    let layers = user.path("home/.local/state/porthole/images/layers/linux");
    assert_eq!(fs::read_dir(layers).map_or(0, Iterator::count), 0);
}

#[test]
#[ignore = "needs root"]
fn probes_ask_restart_and_end_as_they_do_for_root() {
    let user = User::new();
    let probes = "    startupProbe: {exec: {command: [test, -e, /hpc/begun]}, periodSeconds: 1, failureThreshold: 60}\n    \
                  readinessProbe: {exec: {command: [sh, -c, 'test -e /hpc/ready']}, periodSeconds: 1}\n    \
                  livenessProbe: {exec: {command: [sh, -c, 'test ! -e /hpc/sick']}, periodSeconds: 1, failureThreshold: 1}\n    \
                  lifecycle: {postStart: {exec: {command: [touch, /hpc/greeted]}}, preStop: {exec: {command: [touch, \
                  /hpc/told]}}}";
    let script =
        "trap 'test -e /hpc/told && echo told; exit 5' TERM; touch /hpc/begun; while :; do sleep 0.05; done";
    let text = pod(script, probes, "").replace("restartPolicy: Never", "restartPolicy: Always");
    let ended = user.run(&text, &["--detach", "--inherit-user"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    until("the pod to have started and not to be ready", || {
        user.good(&["inspect", "p"]).contains("started: true")
    });
    assert!(user.good(&["ps"]).contains("0/1"));
    user.good(&[
        "exec",
        "p",
        "--",
        "sh",
        "-c",
        "test -e /hpc/greeted && touch /hpc/ready",
    ]);
    user.good(&["wait", "--for", "ready", "--timeout", "60", "p"]);
    // A rootfs of its own begins anew, so the container is not sick any more.
    user.good(&["exec", "p", "--", "touch", "/hpc/sick"]);
    until("the container to be started again", || {
        user.good(&["inspect", "p"]).contains("restartCount: 1")
    });
    assert!(user.good(&["logs", "-p", "p"]).contains("told"));
    user.good(&["rm", "-f", "p"]);
    user.finds_no_process();
    assert_eq!(user.containers(), 0);
}

#[test]
#[ignore = "needs root"]
fn what_is_missing_is_said_by_explain_and_inspect_too() {
    let user = User::new();
    let limits = "    resources: {limits: {memory: 64Mi}}";
    let text = pod("while :; do sleep 0.05; done", limits, "");
    let ended = user.run(&text, &["--detach", "--inherit-user"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let inspected = user.good(&["inspect", "p"]);
    for part in [
        "type: LimitsEnforced",
        "reason: HostLacks",
        "no cgroup is delegated to this user",
    ] {
        assert!(inspected.contains(part), "{part}: {inspected}");
    }
    user.good(&["rm", "-f", "p"]);
    let explained = user.porthole(&["explain", "pod.yaml"]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    for part in [
        "porthole run --inherit-user",
        "limits on memory, cpu, ",
        "not enforced",
    ] {
        assert!(explained.err.contains(part), "{part}: {explained:?}");
    }
    fs::write(user.path("pod.yaml"), pod("true", "", "")).unwrap();
    let explained = user.porthole(&["explain", "pod.yaml"]);
    assert!(!explained.err.contains("not enforced"), "{explained:?}");
    assert_eq!(user.porthole(&["explain", "-q", "pod.yaml"]).err, "");
    user.finds_no_process();
}
