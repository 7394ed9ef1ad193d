//! Detached containers whose streams are a terminal, or whose standard input stays open.

use crate::room::{Room, pod};

/// A pod with one container, with these fields besides its script.
fn with(fields: &str, script: &str) -> String {
    pod(
        "p",
        &format!("  containers:\n  - {{name: c, image: i, {fields}, command: [sh, -c, '{script}']}}"),
    )
}

#[test]
#[ignore = "needs root"]
fn a_detached_container_with_tty_has_a_terminal_whose_output_is_one_stream() {
    let room = Room::new();
    let manifest = with(
        "tty: true",
        "test -t 0 && test -t 1 && test -t 2 && stty size; echo error >&2; echo last words",
    );
    let ended = room.detach(&manifest);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    room.good("wait", &["--timeout", "60s", "p"]);
    let said = room.porthole("logs", &["p"]);
    // A terminal ends its lines as terminals do.
    assert_eq!(said.out, "24 80\r\nerror\r\nlast words\r\n", "{said:?}");
    assert_eq!(said.err, "");
    room.good("rm", &["p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn standard_input_stays_open_where_it_is_asked_for_and_is_empty_elsewhere() {
    for (fields, code) in [
        ("stdin: true", 124),
        ("stdin: true, tty: true", 124),
        ("stdin: false", 0),
    ] {
        let room = Room::new();
        // 124: it was still reading.
        let manifest = with(fields, "timeout 0.5 cat; echo ended with $?");
        let ended = room.detach(&manifest);
        assert_eq!(ended.code, Some(0), "{fields}: {ended:?}");
        room.good("wait", &["--timeout", "60s", "p"]);
        let said = room.good("logs", &["p"]);
        assert_eq!(said.trim_end(), format!("ended with {code}"), "{fields}");
        room.good("rm", &["p"]);
        room.finds_nothing("");
    }
}
