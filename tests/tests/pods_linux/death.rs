use std::fs;

use crate::room::{Room, patient, signal, until};

#[test]
#[ignore = "needs root"]
fn a_killed_supervisor_leaves_no_container_and_no_secret_and_its_pod_is_lost() {
    let room = Room::new();
    let manifest = format!(
        "{}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{key: unmistakable}}\n",
        patient("p").replace(
            "    image: i\n",
            "    image: i\n    volumeMounts: [{name: s, mountPath: /run-pods}]\n"
        ) + "  volumes: [{name: s, secret: {secretName: s}}]\n"
    );
    let ended = room.detach(&manifest);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    room.hears("c", "ready");
    let directory = room.pod();
    assert!(directory.join("volumes/s").exists());
    signal("KILL", &room.supervisor());
    until("the pod to be lost", || {
        room.good("ps", &["-a"]).contains("PodLost")
    });
    assert!(!directory.join("volumes").exists());
    assert_eq!(room.good("ps", &["-q"]), "");
    // The guardian may be at it still.
    until("the containers to be gone", || {
        fs::read_dir(room.path("state/containers")).unwrap().count() == 0
    });
    let inspected = room.good("inspect", &["p"]);
    for word in ["phase: Failed", "reason: PodLost", "ContainerStatusUnknown"] {
        assert!(inspected.contains(word), "{inspected}");
    }
    assert_eq!(room.porthole("wait", &["p"]).code, Some(137));
    assert!(
        fs::read_to_string(directory.join("logs/c/0.log"))
            .unwrap()
            .contains("ready")
    );
    // Its name is free when it is removed, and for one that replaces it.
    assert_eq!(
        room.good("run", &["--detach", "--replace", "pod.yaml"]),
        "default/p\n"
    );
    room.good("rm", &["-f", "p"]);
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn who_waits_for_a_pod_hears_that_it_is_lost() {
    let room = Room::new();
    assert_eq!(room.detach(&patient("p")).code, Some(0));
    room.hears("c", "ready");
    let mut waiter = room.command("wait", &["p"]).spawn().unwrap();
    signal("KILL", &room.supervisor());
    assert_eq!(waiter.wait().unwrap().code(), Some(137));
    room.good("rm", &["p"]);
    room.finds_nothing("");
}
