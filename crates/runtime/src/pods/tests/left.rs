//! What a process that died has left.

use std::thread;
use std::time::Duration;

use super::*;

/// As if the process that has the pod had died: its number stands in the lock.
fn die(held: &Held) {
    fs::write(held.directory().join("lock"), "4294967295").unwrap();
}

#[test]
fn a_look_at_a_pod_that_died_does_not_keep_its_name() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let held = pods.claim(&identity("web", "1")).unwrap();
    assert!(pods.claim(&identity("web", "2")).is_err(), "its process lives");
    die(&held);
    thread::scope(|scope| {
        // Whoever looks has the lock meanwhile.
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(100));
            drop(held);
        });
        pods.claim(&identity("web", "2")).unwrap();
    });
}
