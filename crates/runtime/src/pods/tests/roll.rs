//! Who lives, by the roll and without it.

use super::*;

fn lives(pods: &Pods, pod: &PodIdentity) -> bool {
    pods.look().unwrap().is_held(&container_id(pod, "c"))
}

#[test]
fn a_living_pod_is_on_the_roll_and_its_lock_is_not_asked() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let (one, other) = (identity("web", "1"), identity("db", "2"));
    let held = pods.claim(&one).unwrap();
    let kept = pods.claim(&other).unwrap();
    for pod in [&held, &kept] {
        fs::rename(pod.directory().join("lock"), pod.directory().join("away")).unwrap();
    }
    assert!(lives(&pods, &one) && lives(&pods, &other));
    drop(held);
    assert!(!lives(&pods, &one) && lives(&pods, &other));
    fs::remove_file(state.path().join("pods.roll")).unwrap();
    assert!(!lives(&pods, &other), "nothing says so any more");
}

#[test]
fn the_lock_says_who_lives_where_the_roll_does_not() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let (one, other) = (identity("web", "1"), identity("db", "2"));
    let lost = pods.claim(&one).unwrap();
    fs::remove_file(state.path().join("pods.roll")).unwrap();
    // No roll can be made.
    fs::create_dir(state.path().join("pods.roll")).unwrap();
    let never = pods.claim(&other).unwrap();
    assert!(lives(&pods, &one) && lives(&pods, &other));
    drop(lost);
    drop(never);
    assert!(!lives(&pods, &one) && !lives(&pods, &other));
}
