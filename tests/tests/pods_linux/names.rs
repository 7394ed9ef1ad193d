use std::process::{Child, Stdio};

use crate::room::{Room, patient, pod, until};

#[test]
#[ignore = "needs root"]
fn of_two_pods_of_one_name_at_the_same_moment_one_runs() {
    let room = Room::new();
    room.write("pod.yaml", &patient("p"));
    let children: Vec<Child> = (0..4)
        .map(|_| {
            room.command("run", &["--detach", "pod.yaml"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut won = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => won += 1,
            code => {
                assert_eq!(code, Some(125), "{said}");
                assert_eq!(said.matches("error").count(), 1, "{said}");
                for word in ["default/p", "--replace", "--name"] {
                    assert!(said.contains(word), "{said}");
                }
            }
        }
    }
    assert_eq!(won, 1);
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_pod_is_replaced_when_the_new_one_is_good_and_kept_when_it_is_refused() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    let first = room.pod();
    room.write(
        "pod.yaml",
        &pod("p", "  containers: [{name: c, image: none, command: [sh]}]"),
    );
    let refused = room.porthole("run", &["--detach", "--replace", "pod.yaml"]);
    assert_eq!(refused.code, Some(125), "{refused:?}");
    assert_eq!(room.pod(), first, "the old one is still there");
    assert_eq!(room.good("ps", &["-q"]), "default/p\n");
    room.write("pod.yaml", &patient("p"));
    assert_eq!(
        room.good("run", &["--detach", "--replace", "pod.yaml"]),
        "default/p\n"
    );
    assert_ne!(room.pod(), first);
    // One that is not there is no error.
    assert_eq!(
        room.good("run", &["--detach", "--replace", "--name", "q", "pod.yaml"]),
        "default/q\n"
    );
    // Both were made by the file.
    assert_eq!(room.good("rm", &["-f", "pod.yaml"]), "default/p\ndefault/q\n");
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_name_is_for_one_pod_and_is_a_name() {
    let room = Room::new();
    room.write("two.yaml", &format!("{}---\n{}", patient("a"), patient("b")));
    room.write("pod.yaml", &patient("p"));
    let two = room.porthole("run", &["--detach", "--name", "n", "two.yaml"]);
    assert_eq!(two.code, Some(2), "{two:?}");
    assert!(two.err.contains("a name is for one"), "{two:?}");
    let long = "x".repeat(254);
    for name in ["../../etc", "a/b", "", "..", "A", "a_b", &long] {
        let ended = room.porthole("run", &["--detach", "--name", name, "pod.yaml"]);
        assert!(matches!(ended.code, Some(2 | 125)), "{name}: {ended:?}");
        assert_eq!(ended.err.matches("error").count(), 1, "{name}: {ended:?}");
        let ended = room.porthole("stop", &[name]);
        assert!(matches!(ended.code, Some(1 | 2)), "{name}: {ended:?}");
    }
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn pods_are_told_apart_by_their_namespace() {
    let room = Room::new();
    room.write("pod.yaml", &patient("p"));
    for namespace in ["one", "two"] {
        let out = room.good("run", &["--detach", "-n", namespace, "pod.yaml"]);
        assert_eq!(out, format!("{namespace}/p\n"));
    }
    assert_eq!(room.good("ps", &["-q", "-n", "two"]), "two/p\n");
    let none = room.porthole("stop", &["p"]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("no pod of default/p on this host"), "{none:?}");
    assert_eq!(room.good("stop", &["-n", "one", "p"]), "one/p\n");
    assert_eq!(room.good("rm", &["-f", "two/p", "one/p"]), "two/p\none/p\n");
    until("no pod to be left", || room.pods().is_empty());
    room.finds_nothing("");
}
