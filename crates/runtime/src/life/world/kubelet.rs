//! What is started when, and started again.

use super::*;
use crate::status::Phase;

#[test]
fn a_container_that_ends_is_started_again_at_once_and_then_with_a_growing_delay() {
    let mut world = World::new(
        pod(RestartPolicy::Always, &[main_container("app")]),
        &[Script::exits(1, 0)],
    );
    world.pass(400);
    assert_eq!(
        world.lines("start"),
        [
            "0 start app#0",
            "1 start app#1",
            "12 start app#2",
            "33 start app#3",
            "74 start app#4",
            "155 start app#5",
            "316 start app#6",
        ]
    );
    assert_eq!(
        world.waiting("app"),
        (
            "CrashLoopBackOff".to_owned(),
            Some("back-off 5m0s restarting failed container=app pod=p_default(1)".to_owned())
        )
    );
    assert_eq!(world.status().phase, Phase::Running);
    assert_eq!(world.container("app").restart_count, 6);
}

#[test]
fn the_delay_begins_anew_after_ten_minutes_and_jumps_of_the_wall_clock_do_not_move_it() {
    let script = Script {
        runs: vec![(Some(1), 1), (Some(1), 1), (Some(601), 1), (Some(1), 1)],
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::Always, &[main_container("app")]), &[script]);
    world.pass(5);
    world.wall = 1_000_000_000;
    world.pass(5);
    world.wall = -1_000_000_000;
    world.pass(700);
    assert_eq!(
        world.lines("start"),
        [
            "0 start app#0",
            "1 start app#1",
            "12 start app#2",
            "613 start app#3",
            "624 start app#4",
            "645 start app#5",
            "686 start app#6"
        ]
    );
}

#[test]
fn on_failure_starts_only_what_failed_again() {
    let containers = [main_container("good"), main_container("bad")];
    let bad = Script {
        runs: vec![(Some(1), 1), (Some(1), 0)],
        ..Script::default()
    };
    let mut world = World::new(
        pod(RestartPolicy::OnFailure, &containers),
        &[Script::exits(1, 0), bad],
    );
    world.over();
    assert_eq!(world.lines("start").len(), 3);
    assert_eq!(world.status().phase, Phase::Succeeded);
}

#[test]
fn never_and_a_life_without_restarts_start_nothing_again() {
    for (policy, restarts) in [(RestartPolicy::Never, true), (RestartPolicy::Always, false)] {
        let pod = pod(policy, &[main_container("app")]);
        let mut world = World::with_restarts(pod, &[Script::exits(1, 3)], restarts);
        world.over();
        assert_eq!(world.lines("start"), ["0 start app#0"]);
        assert_eq!(world.status().phase, Phase::Failed);
    }
}

#[test]
fn an_init_container_is_tried_again_until_it_succeeds() {
    let containers = [container("init", Role::Init), main_container("app")];
    let init = Script {
        runs: vec![(Some(1), 1), (Some(1), 1), (Some(1), 0)],
        ..Script::default()
    };
    let mut world = World::new(
        pod(RestartPolicy::Always, &containers),
        &[init, Script::default()],
    );
    world.pass(5);
    assert_eq!(world.waiting("init").0, "CrashLoopBackOff");
    assert_eq!(world.waiting("app").0, "PodInitializing");
    assert_eq!(world.status().phase, Phase::Pending);
    world.pass(100);
    assert_eq!(
        world.lines("start"),
        [
            "0 start init#0",
            "1 start init#1",
            "12 start init#2",
            "13 start app#0"
        ]
    );
    assert_eq!(world.status().phase, Phase::Running);
}

#[test]
fn an_init_container_that_fails_for_good_fails_the_pod_and_ends_its_sidecars() {
    let containers = [
        container("side", Role::Sidecar),
        container("init", Role::Init),
        main_container("app"),
    ];
    let scripts = [Script::default(), Script::exits(1, 4), Script::default()];
    let mut world = World::new(pod(RestartPolicy::Never, &containers), &scripts);
    world.over();
    assert_eq!(world.lines("start"), ["0 start side#0", "0 start init#0"]);
    assert_eq!(world.lines("ask"), ["1 ask side#0"]);
    assert_eq!(world.status().phase, Phase::Failed);
}

#[test]
fn what_follows_a_sidecar_waits_for_its_startup() {
    let mut side = container("side", Role::Sidecar);
    side.probes.startup = Some(probe(0, 5, 10));
    side.hooks.post_start = Some(exec());
    let script = Script {
        answers: vec![false, false, true],
        post_start: (3, true),
        ..Script::default()
    };
    let mut world = World::new(
        pod(RestartPolicy::Always, &[side, main_container("app")]),
        &[script, Script::default()],
    );
    world.pass(60);
    assert_eq!(
        world.lines("startup"),
        ["3 startup side#0", "8 startup side#0", "13 startup side#0"]
    );
    assert_eq!(world.lines("start"), ["0 start side#0", "13 start app#0"]);
}

#[test]
fn a_sidecar_is_started_again_under_never_and_ends_after_the_others_in_reverse_order() {
    let containers = [
        container("first", Role::Sidecar),
        container("second", Role::Sidecar),
        main_container("app"),
    ];
    let first = Script {
        runs: vec![(Some(2), 0), (None, 0)],
        obeys: Some((1, 0)),
        ..Script::default()
    };
    let second = Script {
        obeys: Some((2, 5)),
        ..Script::default()
    };
    let mut world = World::new(
        pod(RestartPolicy::Never, &containers),
        &[first, second, Script::exits(10, 0)],
    );
    world.over();
    assert_eq!(
        world.lines("start"),
        [
            "0 start first#0",
            "0 start second#0",
            "0 start app#0",
            "2 start first#1"
        ]
    );
    assert_eq!(world.lines("ask"), ["10 ask second#0", "12 ask first#1"]);
    assert_eq!(
        world.status().phase,
        Phase::Succeeded,
        "the sidecar's code 5 does not count"
    );
}

#[test]
fn a_sidecar_that_ended_before_its_startup_fails_a_pod_without_restarts() {
    let mut side = container("side", Role::Sidecar);
    side.probes.startup = Some(probe(5, 5, 10));
    let pod = pod(RestartPolicy::Always, &[side, main_container("app")]);
    let mut world = World::with_restarts(pod, &[Script::exits(1, 0), Script::default()], false);
    world.over();
    assert_eq!(world.lines("start"), ["0 start side#0"]);
    assert_eq!(world.status().phase, Phase::Failed);
}

#[test]
fn containers_start_after_the_post_start_hooks_of_those_before_them() {
    let mut first = main_container("first");
    first.hooks.post_start = Some(exec());
    let script = Script {
        post_start: (7, true),
        ..Script::default()
    };
    let mut world = World::new(
        pod(RestartPolicy::Always, &[first, main_container("second")]),
        &[script, Script::default()],
    );
    world.pass(3);
    assert_eq!(world.container("first").started, Some(false));
    assert!(!world.container("first").ready);
    world.pass(10);
    assert_eq!(world.lines("create").len(), 2);
    assert_eq!(world.lines("start"), ["0 start first#0", "7 start second#0"]);
    assert!(world.container("first").ready);
}

#[test]
fn a_failed_post_start_hook_kills_the_container_which_is_started_again() {
    let mut app = main_container("app");
    app.hooks.post_start = Some(exec());
    let script = Script {
        post_start: (1, false),
        obeys: Some((0, 0)),
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::OnFailure, &[app]), &[script]);
    world.pass(5);
    assert_eq!(world.lines("start"), ["0 start app#0", "1 start app#1"]);
    let last = world.container("app").last_state.terminated.unwrap();
    assert_eq!(last.message.as_deref(), Some("FailedPostStartHook: no"));
}

#[test]
fn a_pause_after_the_start_is_a_hook_too() {
    let mut app = main_container("app");
    app.hooks.post_start = Some(Handler::Sleep(seconds(4)));
    let mut world = World::new(pod(RestartPolicy::Always, &[app]), &[Script::default()]);
    world.pass(3);
    assert!(!world.container("app").ready);
    world.pass(1);
    assert!(world.container("app").ready);
    assert_eq!(world.lines("post-start"), [""; 0], "nobody is told of a pause");
}

#[test]
fn what_cannot_be_created_is_tried_again_every_ten_seconds() {
    let script = Script {
        uncreatable: 3,
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::Never, &[main_container("app")]), &[script]);
    world.pass(25);
    let waiting = ("CreateContainerError".to_owned(), Some("no room".to_owned()));
    assert_eq!(world.waiting("app"), waiting);
    assert_eq!(world.status().phase, Phase::Pending);
    world.pass(10);
    assert_eq!(
        world.lines("create"),
        [
            "0 create app#0",
            "10 create app#0",
            "20 create app#0",
            "30 create app#0"
        ]
    );
    assert_eq!(world.container("app").restart_count, 0);
}

#[test]
fn what_cannot_be_started_has_ended_with_128() {
    let script = Script {
        unstartable: 2,
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::OnFailure, &[main_container("app")]), &[script]);
    world.pass(5);
    assert_eq!(world.waiting("app").0, "CrashLoopBackOff");
    let last = world.container("app").last_state.terminated.unwrap();
    assert_eq!((last.exit_code, last.reason.as_str()), (128, "StartError"));
    assert_eq!(
        (last.message.as_deref(), last.started_at),
        (Some("no program"), None)
    );
    world.pass(10);
    assert_eq!(
        world.lines("start"),
        ["0 start app#0", "0 start app#1", "10 start app#2"]
    );
}

#[test]
fn a_pod_past_its_deadline_is_ended_and_has_failed() {
    let mut pod = pod(RestartPolicy::Always, &[main_container("app")]);
    pod.active_deadline = Some(seconds(20));
    let script = Script {
        obeys: Some((3, 0)),
        ..Script::default()
    };
    let mut world = World::new(pod, &[script]);
    world.pass(10);
    world.wall = -500;
    world.over();
    assert_eq!(world.lines("ask"), ["20 ask app#0"]);
    let status = world.status();
    assert_eq!(
        (status.phase, status.reason.as_deref()),
        (Phase::Failed, Some("DeadlineExceeded"))
    );
    assert_eq!(
        status.message.as_deref(),
        Some("Pod was active on the node longer than the specified deadline")
    );
}

#[test]
fn a_pod_at_rest_has_no_alarm() {
    let containers = [container("side", Role::Sidecar), main_container("app")];
    let mut world = World::new(
        pod(RestartPolicy::Always, &containers),
        &[Script::default(), Script::default()],
    );
    world.pass(1);
    assert_eq!(world.machine.wakes(), None);
}
