use std::path::Path;

use crate::room::{Room, patient, signal, until};
use crate::screen::Screen;

/// A room with a container that waits, and the modes of a terminal before anything used it.
fn started() -> (Room, Screen, String) {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    room.hears("c", "ready");
    let screen = Screen::new(101, 23);
    let modes = screen.modes();
    (room, screen, modes)
}

fn finish(room: &Room) {
    assert_eq!(room.good("ps", &["-q"]), "default/p\n", "the container goes on");
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_program_has_a_terminal_whose_size_follows_the_users() {
    let (room, mut screen, modes) = started();
    let script = "test -t 0 && test -t 1 && test -t 2 && echo all three; stty size; trap \"stty size\" WINCH; echo ready; \
                  until test \"$line\" = end; do read line; echo got $line; done; exit 7";
    let child = screen.start(&room.command("exec", &["-it", "p", "--", "sh", "-c", script]));
    screen.shows("all three\n23 101\nready\n");
    assert_ne!(screen.modes(), modes, "keys go through as they are");
    screen.resize(60, 20);
    screen.shows("20 60\n");
    screen.type_in("end\r");
    screen.shows("got end\n");
    assert_eq!(screen.end(child), Some(7));
    assert_eq!(screen.modes(), modes, "as it was before");
    finish(&room);
}

#[test]
#[ignore = "needs root"]
fn ctrl_c_reaches_the_program_and_not_porthole() {
    let (room, mut screen, modes) = started();
    let script = "trap \"echo interrupted; exit 9\" INT; echo ready; while :; do sleep 0.01; done";
    let child = screen.start(&room.command("exec", &["-it", "p", "--", "sh", "-c", script]));
    screen.shows("ready\n");
    screen.type_in("\x03");
    screen.shows("interrupted\n");
    assert_eq!(screen.end(child), Some(9));
    // One that does not catch it has the code of shells.
    let child = screen.start(&room.command(
        "exec",
        &["-it", "p", "--", "sh", "-c", "echo again; exec sleep 1000"],
    ));
    screen.shows("again\n");
    screen.type_in("\x03");
    assert_eq!(screen.end(child), Some(130));
    assert_eq!(screen.modes(), modes);
    finish(&room);
}

#[test]
#[ignore = "needs root"]
fn the_users_terminal_is_as_before_on_every_way_out() {
    let (room, mut screen, modes) = started();
    for (command, code) in [
        (&["no-such-program"][..], 127),
        (&["/etc/passwd"], 126),
        (&["sh", "-c", "stty raw -echo; exit 3"], 3),
        (&["sh", "-c", "kill -KILL $$"], 137),
    ] {
        let line = [&["-it", "p", "--"], command].concat();
        let child = screen.start(&room.command("exec", &line));
        assert_eq!(screen.end(child), Some(code), "{command:?}: {}", screen.shown);
        assert_eq!(screen.modes(), modes, "{command:?}");
    }
    // A signal to porthole itself.
    for name in ["TERM", "HUP", "INT"] {
        let child = screen.start(&room.command(
            "exec",
            &["-it", "p", "--", "sh", "-c", "echo here; exec sleep 4321"],
        ));
        screen.shows("here\n");
        signal(name, &child.id().to_string());
        assert!(screen.end(child).is_none_or(|code| code > 128), "{name}");
        assert_eq!(screen.modes(), modes, "{name}");
        gone("4321");
    }
    // The end of the container.
    let child = screen.start(&room.command(
        "exec",
        &["-it", "p", "--", "sh", "-c", "echo here; exec sleep 4321"],
    ));
    screen.shows("here\n");
    room.good("stop", &["-t", "0", "p"]);
    assert_eq!(screen.end(child), Some(137));
    assert_eq!(screen.modes(), modes);
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_terminal_that_vanishes_ends_the_program() {
    let (room, mut screen, _) = started();
    let mark = room.path("told");
    let script = format!(
        "trap \"echo >{}; exit\" HUP; echo ready; while :; do sleep 0.01; done",
        mark.display()
    );
    let mut child = screen.start(&room.command("exec", &["-it", "p", "--", "sh", "-c", &script]));
    screen.shows("ready\n");
    drop(screen);
    until("the program to be told", || mark.exists());
    assert!(!child.wait().unwrap().success());
    // One that does not listen is ended all the same.
    let mut screen = Screen::new(80, 24);
    let mut child = screen.start(&room.command(
        "exec",
        &[
            "-it",
            "p",
            "--",
            "sh",
            "-c",
            "trap \"\" HUP; echo ready; sleep 4321",
        ],
    ));
    screen.shows("ready\n");
    drop(screen);
    assert!(!child.wait().unwrap().success());
    gone("4321");
    finish(&room);
}

#[test]
#[ignore = "needs root"]
fn a_terminal_is_asked_for_only_where_there_is_one() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    let refused = room.porthole("exec", &["-it", "p", "--", "true"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("-t needs a terminal"), "{refused:?}");
    finish(&room);
}

/// Waits until no process has this argument.
fn gone(argument: &str) {
    until(&format!("`sleep {argument}` to be gone"), || {
        let processes = std::fs::read_dir(Path::new("/proc")).unwrap().flatten();
        !processes.into_iter().any(|process| {
            std::fs::read(process.path().join("cmdline"))
                .is_ok_and(|line| line == format!("sleep\0{argument}\0").as_bytes())
        })
    });
}
