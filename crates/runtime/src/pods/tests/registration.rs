//! What others see of a pod that this process runs.

use std::fs;
use std::time::{Duration, Instant};

use super::super::*;
use super::{identity, record};

#[test]
fn an_end_whose_status_cannot_be_written_is_not_noted() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let pod = identity("web", "1");
    let held = pods.claim(&pod).unwrap();
    let directory = held.directory().to_owned();
    let life = crate::life::Life::new(std::sync::Arc::new(crate::clock::HostClock));
    let record = record(state.path(), &pod, &["c"], true);
    let registration = Registration::new(held, record, life.handle());
    registration.show().unwrap();
    let status = PodStatus::default();
    // As on a full disk.
    fs::create_dir(directory.join("status.json")).unwrap();
    registration.status(&status).unwrap_err();
    registration.end().unwrap_err();
    assert!(!directory::has_ended(&directory));
    fs::remove_dir(directory.join("status.json")).unwrap();
    registration.end().unwrap();
    assert!(directory::has_ended(&directory) && directory.join("status.json").is_file());
}

#[test]
fn a_pod_is_shown_beside_its_start_unless_it_is_over_before() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let life = crate::life::Life::new(std::sync::Arc::new(crate::clock::HostClock));
    let registration = |uid| {
        let pod = identity("web", uid);
        let held = pods.claim(&pod).unwrap();
        Registration::new(held, record(state.path(), &pod, &["c"], false), life.handle())
    };
    let trouble = |error| eprintln!("not shown: {error}");
    let short = registration("1");
    short.show_beside(trouble);
    short.remove().unwrap();
    let long = registration("2");
    long.show_beside(trouble);
    let deadline = Instant::now() + Duration::from_secs(30);
    while pods.list().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "it is never seen");
        std::thread::sleep(Duration::from_millis(5));
    }
    let seen: Vec<_> = fs::read_dir(state.path().join("pods"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(seen, ["default_web_2"]);
    long.remove().unwrap();
    assert_eq!(fs::read_dir(state.path().join("pods")).unwrap().count(), 0);
}
