use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use porthole_tests::session::Session;

use crate::room::{LIMIT, Room, end, patient, pod, script, signal, until};

const WAITS: &str = "[sh, -c, 'trap \"exit 5\" TERM; echo ready; while :; do sleep 0.01; done']";

#[test]
#[ignore = "needs root"]
fn a_program_has_its_containers_environment_user_directory_and_mounts() {
    let room = Room::new();
    let manifest = pod(
        "p",
        &format!(
            "  volumes: [{{name: v, emptyDir: {{}}}}]\n  containers:\n  - name: c\n    image: i\n    env: [{{name: A, value: own}}, \
             {{name: B, value: kept}}]\n    workingDir: /tmp\n    volumeMounts: [{{name: v, mountPath: /a-volume}}]\n    \
             command: {WAITS}"
        ),
    )
    .replace("runAsUserName: SYSTEM", "runAsUserName: nobody");
    assert_eq!(room.detach(&manifest).code, Some(0));
    room.hears("c", "ready");
    let exec = |options: &[&str], script: &str| {
        let line = [options, &["p", "--", "sh", "-c", script]].concat();
        room.good("exec", &line)
    };
    assert_eq!(
        exec(
            &[],
            "echo $A $B $(pwd) $(id -un); test -d /a-volume && echo mounted"
        ),
        "own kept /tmp nobody\nmounted\n"
    );
    // The mount namespace, the cgroups and the identity are those of the container's own process.
    let own = exec(
        &[],
        "for p in $(ps -eo pid=,args= | awk '/[e]xit 5/ {print $1}'); do test $p = $$ || { readlink /proc/$p/ns/mnt; cat \
         /proc/$p/cgroup; }; done",
    );
    let exec_d = exec(&[], "readlink /proc/self/ns/mnt; cat /proc/self/cgroup");
    assert!(own.contains(exec_d.lines().next().unwrap()), "{own}\n{exec_d}");
    for line in exec_d.lines().filter(|line| line.contains("porthole")) {
        assert!(own.contains(line), "{line}: {own}");
    }
    assert!(exec_d.contains("porthole"), "{exec_d}");
    assert_eq!(
        exec(
            &["-e", "A=other", "-e", "C=more=less", "-w", "/usr"],
            "echo $A $B $C $(pwd)"
        ),
        "other kept more=less /usr\n"
    );
    assert_eq!(exec(&["-u", "SYSTEM"], "id -u; echo $A"), "0\nown\n");
    let refused = room.porthole("exec", &["-u", "no-such-account", "p", "--", "true"]);
    assert_eq!(refused.code, Some(125), "{refused:?}");
    assert!(refused.err.contains("no-such-account"), "{refused:?}");
    let refused = room.porthole("exec", &["-w", "/no/such/directory", "p", "--", "true"]);
    assert!(matches!(refused.code, Some(125..=127)), "{refused:?}");
    assert!(refused.err.contains("/no/such/directory"), "{refused:?}");
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn the_exit_code_is_the_programs_and_127_126_and_125_say_what_was_not_started() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    for code in [0, 1, 2, 77, 124, 125, 126, 127, 128, 200, 254, 255] {
        let script = format!("exit {code}");
        let ended = room.porthole("exec", &["p", "--", "sh", "-c", &script]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(ended.err, "");
    }
    let killed = room.porthole("exec", &["p", "--", "sh", "-c", "kill -TERM $$"]);
    assert_eq!(killed.code, Some(143), "{killed:?}");
    for (command, code) in [("no-such-program", 127), ("/etc/passwd", 126), ("/etc", 126)] {
        let ended = room.porthole("exec", &["p", "--", command]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.err.contains(command), "{ended:?}");
    }
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_line_that_is_none_is_refused_with_the_right_one() {
    let room = Room::new();
    let two = pod(
        "p",
        &format!(
            "  containers:\n  - {{name: a, image: i, command: {WAITS}}}\n  - {{name: b, image: i, command: [sh, -c, 'exit 4']}}"
        ),
    );
    assert_eq!(room.detach(&two).code, Some(0));
    until("one container to have ended", || {
        room.good("ps", &["--containers"]).contains("(4)")
    });
    for (line, code, says) in [
        (&["p", "ls", "-l"][..], 2, "write: porthole exec p -- ls -l"),
        (&["p"], 2, "no command is given"),
        (&["p", "--"], 2, "no command is given"),
        (&["-e", "=x", "p", "--", "true"], 2, "must be NAME=VALUE"),
        (&["p", "--", "true"], 125, "a, b"),
        (&["-c", "other", "p", "--", "true"], 125, "other"),
        (&["-c", "b", "p", "--", "true"], 125, "these run: a"),
        (&["none", "--", "true"], 125, "default/none"),
        (&["../p", "--", "true"], 2, "../p"),
    ] {
        let refused = room.porthole("exec", line);
        assert!(refused.err.contains(says), "{line:?}: {refused:?}");
        assert_eq!(refused.code, Some(code), "{line:?}: {refused:?}");
    }
    assert_eq!(room.good("exec", &["-c", "a", "p", "--", "echo", "x"]), "x\n");
    room.good("stop", &["p"]);
    let dead = room.porthole("exec", &["-c", "a", "p", "--", "true"]);
    assert_eq!(dead.code, Some(125), "{dead:?}");
    assert!(dead.err.contains("none of them runs"), "{dead:?}");
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn standard_input_of_any_size_goes_through_whole() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut child = room
        .command("exec", &["-i", "p", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || input.write_all(&sent).unwrap());
    let mut back = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut back).unwrap();
    writer.join().unwrap();
    assert!(back == bytes, "{} of {} bytes", back.len(), bytes.len());
    assert!(child.wait().unwrap().success());
    // One that reads nothing ends without waiting for who writes.
    let mut child = room
        .command("exec", &["-i", "p", "--", "sh", "-c", "exit 6"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(6));
    drop(input);
    // Without -i there is none.
    assert_eq!(
        end(room
            .command("exec", &["p", "--", "cat"])
            .stdin(fs::File::open("/etc/passwd").unwrap()))
        .out,
        ""
    );
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_client_that_is_killed_takes_its_program_along_and_nothing_else() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    let alive = room.path("alive");
    let script = format!(
        "echo $$ >{0}.new; mv {0}.new {0}; sleep 1000 & wait",
        alive.display()
    );
    let mut child = room
        .command("exec", &["p", "--", "sh", "-c", &script])
        .spawn()
        .unwrap();
    until("the program to run", || alive.exists());
    let process = fs::read_to_string(&alive).unwrap();
    signal("KILL", &child.id().to_string());
    child.wait().unwrap();
    let process = format!("/proc/{}", process.trim());
    until("the program to be gone", || !fs::exists(&process).unwrap_or(true));
    assert_eq!(room.good("ps", &["-q"]), "default/p\n");
    assert_eq!(room.good("exec", &["p", "--", "echo", "on"]), "on\n");
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn stopping_the_pod_asks_every_program_in_it() {
    let room = Room::new();
    // Ends in its grace only if the further program was asked as well.
    let container = script(
        "p",
        "trap \"until test -e asked; do sleep 0.01; done; exit 5\" TERM; echo ready; while :; do sleep 0.1; done",
    );
    assert_eq!(room.detach(&container).code, Some(0));
    room.hears("c", "ready");
    let program = "trap 'touch asked; exit 6' TERM; echo in; while :; do sleep 0.1; done";
    let mut session = Session::start(&mut room.command("exec", &["p", "--", "sh", "-c", program])).unwrap();
    session.wait_for("in\n", LIMIT).unwrap();
    room.good("stop", &["p"]);
    assert_eq!(room.porthole("wait", &["p"]).code, Some(5));
    session.end(LIMIT).unwrap();
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn removing_the_pod_ends_every_program_in_it() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    room.hears("c", "ready");
    let mut session = Session::start(&mut room.command(
        "exec",
        &[
            "p",
            "--",
            "sh",
            "-c",
            "trap : TERM HUP; echo in; while :; do sleep 0.01; done",
        ],
    ))
    .unwrap();
    session.wait_for("in\n", LIMIT).unwrap();
    // Programs that are just being started, too: each comes to run, or says why it does not.
    let mut starting: Vec<_> = (0..4)
        .map(|_| {
            room.command("exec", &["p", "--", "sleep", "1000"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    room.good("rm", &["-f", "p"]);
    let (status, said) = session.end(LIMIT).unwrap();
    assert_eq!(status.code(), Some(137), "{said}");
    for child in &mut starting {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let code = child.wait().unwrap().code();
        assert!(
            code == Some(137)
                || (code.is_some_and(|code| (1..=125).contains(&code)) && said.contains("error: ")),
            "{code:?} {said}"
        );
    }
    room.finds_nothing("");
}
