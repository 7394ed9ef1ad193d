//! What a status says on the way.

use super::*;
use crate::status::{CONTAINERS_READY, INITIALIZED, POD_SCHEDULED, Phase, READY};

fn condition(status: &PodStatus, kind: &str) -> (String, Option<String>, Option<String>) {
    let condition = status
        .conditions
        .iter()
        .find(|condition| condition.kind == kind)
        .unwrap();
    (
        condition.status.clone(),
        condition.reason.clone(),
        condition.message.clone(),
    )
}

fn no(reason: &str, message: &str) -> (String, Option<String>, Option<String>) {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    ("False".to_owned(), some(reason), some(message))
}

#[test]
fn conditions_follow_the_containers() {
    let yes = ("True".to_owned(), None, None);
    let containers = [
        container("one", Role::Init),
        container("side", Role::Sidecar),
        main_container("app"),
    ];
    let scripts = [Script::exits(2, 0), Script::default(), Script::exits(10, 0)];
    let mut world = World::new(pod(RestartPolicy::Never, &containers), &scripts);
    world.pass(1);
    let status = world.status();
    assert_eq!(status.phase, Phase::Pending);
    assert_eq!(condition(&status, POD_SCHEDULED), yes);
    assert_eq!(
        condition(&status, INITIALIZED),
        no(
            "ContainersNotInitialized",
            "containers with incomplete status: [one side]"
        )
    );
    assert_eq!(
        condition(&status, READY),
        no("ContainersNotReady", "containers with unready status: [side app]")
    );
    world.pass(5);
    let status = world.status();
    assert_eq!(status.phase, Phase::Running);
    for kind in [INITIALIZED, CONTAINERS_READY, READY] {
        assert_eq!(condition(&status, kind), yes, "{kind}");
    }
    assert!(
        status
            .init_container_statuses
            .iter()
            .all(|container| container.ready)
    );
    world.over();
    let status = world.status();
    assert_eq!(status.phase, Phase::Succeeded);
    assert_eq!(condition(&status, READY), no("PodCompleted", ""));
    assert_eq!(
        condition(&status, INITIALIZED),
        ("True".to_owned(), Some("PodCompleted".to_owned()), None)
    );
    let app = world.container("app").state.terminated.unwrap();
    assert_eq!((app.reason.as_str(), app.exit_code), ("Completed", 0));
    assert_eq!((app.started_at.unwrap().unix(), app.finished_at.unix()), (2, 12));
}

#[test]
fn a_sidecar_that_was_ended_before_the_pod_was_initialized_is_incomplete() {
    let containers = [
        container("side", Role::Sidecar),
        container("one", Role::Init),
        main_container("app"),
    ];
    let side = Script {
        obeys: Some((0, 0)),
        ..Script::default()
    };
    let scripts = [side, Script::exits(2, 3), Script::default()];
    let mut world = World::new(pod(RestartPolicy::Never, &containers), &scripts);
    world.pass(1);
    let incomplete = |names: &str| {
        no(
            "ContainersNotInitialized",
            &format!("containers with incomplete status: [{names}]"),
        )
    };
    assert_eq!(condition(&world.status(), INITIALIZED), incomplete("one"));
    world.over();
    let status = world.status();
    assert_eq!(status.phase, Phase::Failed);
    assert_eq!(condition(&status, INITIALIZED), incomplete("side one"));
}

#[test]
fn a_condition_remembers_since_when_it_is_as_it_is() {
    let world = World::new(
        pod(RestartPolicy::Never, &[main_container("app")]),
        &[Script::default()],
    );
    let mut report = Report {
        pod: &world.pod,
        address: "10.0.0.1",
        prepared: true,
        conditions: Vec::new(),
    };
    let since = |status: &PodStatus, kind: &str| {
        let of_kind = |condition: &&crate::status::Condition| condition.kind == kind;
        status
            .conditions
            .iter()
            .find(of_kind)
            .and_then(|condition| condition.last_transition_time)
            .map(Timestamp::unix)
    };
    report.status(&world.machine, Timestamp::from_unix(10));
    report.prepared = false;
    let status = report.status(&world.machine, Timestamp::from_unix(20));
    assert_eq!(since(&status, POD_SCHEDULED), Some(10));
    assert_eq!(
        since(&status, crate::status::POD_READY_TO_START_CONTAINERS),
        Some(20)
    );
}

#[test]
fn a_container_killed_for_its_memory_says_so() {
    let script = Script {
        runs: vec![(Some(1), 137), (None, 0)],
        oom: true,
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::Always, &[main_container("app")]), &[script]);
    world.pass(5);
    let status = world.container("app");
    assert_eq!(status.last_state.terminated.unwrap().reason, "OOMKilled");
    assert_eq!(status.container_id.as_deref(), Some("porthole://app-1"));
    assert!(status.state.running.is_some());
}

#[test]
fn a_container_whose_process_was_killed_for_memory_but_which_ended_by_itself_has_an_error() {
    let script = Script {
        runs: vec![(Some(1), 3)],
        oom: true,
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::Never, &[main_container("app")]), &[script]);
    world.over();
    assert_eq!(world.container("app").state.terminated.unwrap().reason, "Error");
}

#[test]
fn addresses_and_times_are_the_hosts() {
    let mut world = World::new(
        pod(RestartPolicy::Never, &[main_container("app")]),
        &[Script::default()],
    );
    world.pass(1);
    let json = serde_json::to_value(world.status()).unwrap();
    assert_eq!(json["hostIP"], "10.0.0.1");
    assert_eq!(json["podIPs"][0]["ip"], "10.0.0.1");
    assert_eq!(json["startTime"], "1970-01-01T00:00:00Z");
    assert_eq!(json["containerStatuses"][0]["ready"], true);
}
