use std::collections::BTreeSet;
use std::fs;
use std::sync::Barrier;

use serde_json::{Value, json};

mod jobs;
#[cfg(target_os = "linux")]
mod left;
mod registration;
#[cfg(target_os = "linux")]
mod roll;

use super::*;
use crate::build::container_id;
use crate::conduct::{ContainerPlan, RestartPolicy};
use crate::life::PodPlan;
use crate::volumes::{Content, ContentFile, Part, PartSource, Volume, pod_directory};

fn identity(name: &str, uid: &str) -> PodIdentity {
    PodIdentity {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
    }
}

fn container(pod: &PodIdentity, name: &str) -> ContainerPlan {
    serde_json::from_value(json!({
        "plan": {
            "id": format!("{}-{name}", pod.uid), "pod": pod, "container": name, "rootfs": "empty", "view": "private",
            "command": {"arguments": ["true"]}, "environment": [], "mounts": [], "user": "inherit", "limits": {},
            "stop": {"signal": "TERM", "grace": {"secs": 1, "nanos": 0}}
        },
        "image": "i", "role": "main", "terminationMessage": {"orLog": false}
    }))
    .unwrap()
}

fn record(state: &Path, pod: &PodIdentity, containers: &[&str], detached: bool) -> Record {
    let directory = pod_directory(state, pod);
    let plan = PodPlan {
        identity: pod.clone(),
        volumes: vec![Volume {
            name: "s".to_owned(),
            path: directory.join("volumes/s"),
            content: Content::Files(vec![Part {
                source: PartSource::Pod,
                files: vec![ContentFile {
                    path: "key".to_owned(),
                    content: b"hidden".to_vec(),
                    mode: 0o400,
                }],
            }]),
        }],
        directory,
        init_containers: vec![container(pod, "before")],
        containers: containers.iter().map(|name| container(pod, name)).collect(),
        grace: std::time::Duration::from_secs(1),
        restart_policy: RestartPolicy::Always,
        active_deadline: None,
        qos_class: None,
    };
    let origin = Origin {
        kind: "Pod".to_owned(),
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
    };
    Record::new(
        &plan,
        json!({"kind": "Pod"}),
        origin,
        vec!["pod.yaml".to_owned()],
        detached,
    )
}

fn running() -> Value {
    json!({
        "phase": "Running",
        "containerStatuses": [
            {"name": "c", "restartCount": 3, "ready": true, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}},
            {"name": "d", "restartCount": 0, "ready": false, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
        ],
    })
}

/// A pod whose holder has died.
fn abandon(held: Held) {
    drop(held);
}

#[test]
fn a_pod_is_found_from_its_record_until_it_is_removed() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    assert!(pods.list().unwrap().is_empty());
    let pod = identity("web", "1");
    let held = pods.claim(&pod).unwrap();
    assert!(pods.list().unwrap().is_empty(), "a pod in the making is not seen");
    held.record(&record(state.path(), &pod, &["c"], true)).unwrap();
    let found = pods.find("default", "web").unwrap().unwrap();
    assert_eq!(found.title(), "default/web");
    assert!(found.is_alive());
    assert_eq!(found.status().unwrap(), PodStatus::default());
    assert!(pods.find("default", "we").unwrap().is_none());
    assert!(pods.find("other", "web").unwrap().is_none());
    let text = fs::read_to_string(found.directory.join("pod.json")).unwrap();
    assert!(!text.contains("hidden") && !text.contains("aGlkZGVu"), "{text}");
    held.status(&json!({"phase": "Succeeded"})).unwrap();
    let directory = held.directory().to_owned();
    held.end().unwrap();
    assert!(!found.is_alive());
    assert_eq!(found.status().unwrap().phase, crate::status::Phase::Succeeded);
    pods.remove(&found).unwrap();
    assert!(!directory.exists());
    assert!(pods.list().unwrap().is_empty());
}

#[test]
fn of_many_that_want_one_name_at_the_same_moment_one_gets_it() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let start = Barrier::new(8);
    let results: Vec<Result<Held, PodsError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (pods, start) = (&pods, &start);
                scope.spawn(move || {
                    start.wait();
                    let held = pods.claim(&identity("web", &number.to_string()));
                    let _ = pods.repair(&pods.look().unwrap());
                    held
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(
        results.iter().filter(|result| result.is_ok()).count(),
        1,
        "{results:?}"
    );
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        let text = error.to_string();
        assert!(
            text.contains("default/web is there already and runs")
                && text.contains("--replace")
                && text.contains("--name"),
            "{text}"
        );
    }
}

#[test]
fn the_name_of_an_ended_pod_is_taken_until_it_is_removed() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let pod = identity("web", "1");
    let held = pods.claim(&pod).unwrap();
    held.record(&record(state.path(), &pod, &["c"], true)).unwrap();
    held.status(&json!({"phase": "Failed"})).unwrap();
    held.end().unwrap();
    let error = pods.claim(&identity("web", "2")).unwrap_err().to_string();
    assert!(error.contains("though it has ended"), "{error}");
    // Names that begin alike are others.
    drop(pods.claim(&identity("web-1", "3")).unwrap());
    let found = pods.find("default", "web").unwrap().unwrap();
    pods.remove(&found).unwrap();
    drop(pods.claim(&identity("web", "2")).unwrap());
}

#[test]
fn names_that_are_none_make_no_directory() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let long = "x".repeat(63);
    let longest = [long.as_str(); 4].join(".");
    for (namespace, name, uid) in [
        ("default", "", "1"),
        ("default", "..", "1"),
        ("default", "a/b", "1"),
        ("default", "a_b", "1"),
        ("default", "a\\b", "1"),
        ("default", "Web", "1"),
        ("", "web", "1"),
        ("..", "web", "1"),
        ("default", "web", "../../etc"),
        ("default", "web", ""),
        ("default", &longest, "1"),
        ("default", "web", &"1".repeat(300)),
    ] {
        let pod = PodIdentity {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
        };
        let error = pods.claim(&pod).unwrap_err();
        assert!(matches!(error, PodsError::Name { .. }), "{pod:?}: {error}");
    }
    assert!(!state.path().join("pods").exists());
}

#[test]
fn the_longest_names_of_kubernetes_are_taken_found_and_given_back() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let namespace = "s".repeat(63);
    let name = [namespace.as_str(); 4].join(".")[..253].to_owned();
    let pod = PodIdentity {
        namespace: namespace.clone(),
        name: name.clone(),
        uid: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
    };
    let held = pods.claim(&pod).unwrap();
    assert_eq!(held.directory(), pod_directory(state.path(), &pod));
    held.record(&record(state.path(), &pod, &["c"], true)).unwrap();
    let again = pods.claim(&pod).unwrap_err();
    assert!(matches!(again, PodsError::Taken { .. }), "{again}");
    let found = pods.find(&namespace, &name).unwrap().unwrap();
    assert_eq!(found.record.plan.identity, pod);
    held.remove().unwrap();
    assert!(pods.find(&namespace, &name).unwrap().is_none());
}

#[test]
fn a_lost_pod_says_so_and_keeps_no_volumes() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let pod = identity("web", "1");
    let held = pods.claim(&pod).unwrap();
    held.record(&record(state.path(), &pod, &["c", "d"], true))
        .unwrap();
    held.status(&running()).unwrap();
    let volumes = held.directory().join("volumes/s");
    fs::create_dir_all(&volumes).unwrap();
    let seen = pods.look().unwrap();
    assert!(pods.repair(&seen).lost.is_empty(), "it is alive");
    let container = container_id(&pod, "c");
    assert!(seen.is_held(&container) && !seen.is_held(&container_id(&identity("web", "2"), "c")));
    assert!(volumes.exists());
    abandon(held);
    assert!(
        pods.repair(&seen).lost.is_empty(),
        "its containers were not swept after that look"
    );
    assert!(!pods.look().unwrap().is_held(&container));
    assert_eq!(pods.repair(&pods.look().unwrap()).lost, ["default/web"]);
    assert!(!volumes.exists());
    assert!(
        pods.repair(&pods.look().unwrap()).lost.is_empty(),
        "it is said once"
    );
    let status = pods.find("default", "web").unwrap().unwrap().status().unwrap();
    let status = serde_json::to_value(status).unwrap();
    assert_eq!(status["phase"], "Failed");
    assert_eq!(status["reason"], "PodLost");
    let ended = &status["containerStatuses"][0]["state"];
    assert_eq!(ended["terminated"]["reason"], "ContainerStatusUnknown");
    assert_eq!(ended["terminated"]["startedAt"], "2026-01-01T00:00:00Z");
    assert!(ended.get("running").is_none());
}

#[test]
fn half_made_and_foreground_pods_of_dead_holders_are_removed_whole() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    abandon(pods.claim(&identity("half", "1")).unwrap());
    let recorded = identity("recorded", "2");
    let held = pods.claim(&recorded).unwrap();
    held.record(&record(state.path(), &recorded, &["c"], true))
        .unwrap();
    abandon(held);
    let foreground = identity("foreground", "3");
    let held = pods.claim(&foreground).unwrap();
    held.record(&record(state.path(), &foreground, &["c"], false))
        .unwrap();
    held.status(&running()).unwrap();
    abandon(held);
    fs::create_dir(state.path().join("pods/default_naked_4")).unwrap();
    fs::create_dir_all(state.path().join("pods/default_lockless_5/volumes/s")).unwrap();
    let repaired = pods.repair(&pods.look().unwrap());
    assert!(
        repaired.lost.is_empty() && repaired.failed.is_empty(),
        "{repaired:?}"
    );
    let left: BTreeSet<_> = fs::read_dir(state.path().join("pods"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_a_newer_porthole_wrote_is_named_and_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let pod = identity("web", "1");
    let held = pods.claim(&pod).unwrap();
    held.record(&record(state.path(), &pod, &["c"], true)).unwrap();
    held.status(&running()).unwrap();
    let path = held.directory().join("pod.json");
    let newer = json!({"version": 2, "plan": "of another kind"}).to_string();
    fs::write(&path, &newer).unwrap();
    abandon(held);
    let repaired = pods.repair(&pods.look().unwrap());
    assert_eq!(repaired.newer.len(), 1);
    assert!(repaired.newer[0].to_string().contains("record version 2"));
    assert!(repaired.lost.is_empty() && repaired.failed.is_empty());
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    assert!(pods.list().unwrap().is_empty());

    fs::write(state.path().join("version"), "2\n").unwrap();
    let error = Pods::open(state.path()).unwrap_err().to_string();
    assert!(
        error.contains("newer porthole (version 2; this one knows 1)"),
        "{error}"
    );
    fs::write(state.path().join("version"), "what\n").unwrap();
    assert!(Pods::open(state.path()).is_err());
    fs::write(state.path().join("version"), "1\n").unwrap();
    Pods::open(state.path()).unwrap();
}

#[test]
fn a_record_that_is_none_is_rubbish() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let held = pods.claim(&identity("web", "1")).unwrap();
    fs::write(held.directory().join("pod.json"), "{\"version\":1,").unwrap();
    let broken = pods.broken().unwrap();
    assert!(broken[0].error.to_string().contains("pod.json"), "{broken:?}");
    assert!(broken[0].is_alive() && pods.list().unwrap().is_empty());
    abandon(held);
    assert!(pods.repair(&pods.look().unwrap()).failed.is_empty());
    assert!(pods.list().unwrap().is_empty());
}

#[test]
fn what_a_power_failure_left_of_an_ended_pod_is_in_nobody_s_way() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    for (name, empty) in [
        ("kept", "none"),
        ("record", "pod.json"),
        ("status", "status.json"),
    ] {
        let pod = identity(name, "1");
        let held = pods.claim(&pod).unwrap();
        held.record(&record(state.path(), &pod, &["c"], true)).unwrap();
        held.status(&json!({"phase": "Succeeded"})).unwrap();
        fs::write(held.directory().join(empty), "").unwrap();
        held.end().unwrap();
    }
    let repaired = pods.repair(&pods.look().unwrap());
    assert_eq!(repaired.lost, ["default/status"]);
    let left: Vec<_> = pods
        .list()
        .unwrap()
        .iter()
        .map(|pod| (pod.title(), pod.status().unwrap().reason))
        .collect();
    let lost = Some(super::repair::LOST.to_owned());
    assert_eq!(
        left,
        [
            ("default/kept".to_owned(), None),
            ("default/status".to_owned(), lost)
        ]
    );
    assert!(pods.repair(&pods.look().unwrap()).lost.is_empty());
}

#[test]
fn pods_that_are_the_first_of_their_state_directory_at_the_same_moment_are_all_made() {
    for _ in 0..20 {
        let state = tempfile::tempdir().unwrap();
        let state = state.path().join("new");
        let pods = Pods::open(&state).unwrap();
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (pods, state, start) = (&pods, &state, &start);
                scope.spawn(move || {
                    start.wait();
                    check_version(state).unwrap();
                    pods.claim(&identity(&format!("web-{number}"), "1"))
                        .unwrap()
                        .remove()
                        .unwrap();
                    check_version(state).unwrap();
                });
            }
        });
    }
}

#[test]
fn the_attempt_that_runs_is_named_and_the_containers_where_none_does() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let identity = identity("web", "1");
    let held = pods.claim(&identity).unwrap();
    held.record(&record(state.path(), &identity, &["c", "d"], true))
        .unwrap();
    held.status(&running()).unwrap();
    let pod = pods.find("default", "web").unwrap().unwrap();
    let (plan, attempt) = pod.running(Some("c")).unwrap();
    assert_eq!((plan.plan.container.as_str(), attempt.as_str()), ("c", "1-c-3"));
    let text = |wanted| pod.running(wanted).unwrap_err().to_string();
    assert_eq!(
        text(Some("d")),
        "container `d` of the pod default/web does not run"
    );
    assert_eq!(
        text(Some("e")),
        "the pod default/web has no container `e`; its containers: before, c, d"
    );
    assert_eq!(
        text(None),
        "the pod default/web has several containers: say which one; its containers: before, c, d"
    );
    abandon(held);
    assert!(text(Some("c")).contains("does not run"), "nobody holds it");
    assert_eq!(pod.logs_directory("c"), pod.directory.join("logs").join("c"));
}

#[test]
fn a_pod_whose_record_is_damaged_hides_no_other_and_can_be_removed() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    for (name, uid) in [("a", "1"), ("b", "2"), ("c", "3")] {
        let pod = identity(name, uid);
        let held = pods.claim(&pod).unwrap();
        held.record(&record(state.path(), &pod, &["c"], true)).unwrap();
        held.status(&running()).unwrap();
        held.end().unwrap();
    }
    let damaged = state.path().join("pods/default_b_2/pod.json");
    fs::write(&damaged, "{\"version\": 1, \"plan\": ").unwrap();
    assert!(pods.repair(&pods.look().unwrap()).failed.is_empty());
    let names: Vec<String> = pods.list().unwrap().iter().map(Pod::title).collect();
    assert_eq!(names, ["default/a", "default/c"]);
    assert!(pods.find("default", "b").unwrap().is_none());
    let broken = pods.find_broken("default", "b").unwrap();
    assert_eq!(
        (broken.len(), broken[0].noun(), broken[0].is_alive()),
        (1, "pod", false)
    );
    assert!(
        broken[0]
            .error
            .to_string()
            .contains("it is not what porthole writes"),
        "{:?}",
        broken[0].error
    );
    pods.remove_broken(&broken[0]).unwrap();
    assert!(pods.broken().unwrap().is_empty() && !damaged.exists());
}

#[test]
fn what_is_left_of_an_ended_pod_whose_removal_was_killed_is_removed() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    let pod = identity("web", "1");
    let held = pods.claim(&pod).unwrap();
    held.record(&record(state.path(), &pod, &["c"], true)).unwrap();
    held.status(&json!({"phase": "Succeeded"})).unwrap();
    let directory = held.directory().to_owned();
    held.end().unwrap();
    // The record goes first.
    fs::remove_file(directory.join("pod.json")).unwrap();
    let repaired = pods.repair(&pods.look().unwrap());
    assert!(repaired.failed.is_empty(), "{repaired:?}");
    assert!(!directory.exists());
    drop(pods.claim(&identity("web", "2")).unwrap());
}
