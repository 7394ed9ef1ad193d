//! What probes do to a container.

use super::*;

fn probed(kind: ProbeKind, probe: Probe) -> ContainerPlan {
    let mut app = main_container("app");
    let place = match kind {
        ProbeKind::Startup => &mut app.probes.startup,
        ProbeKind::Readiness => &mut app.probes.readiness,
        ProbeKind::Liveness => &mut app.probes.liveness,
    };
    *place = Some(probe);
    app
}

#[test]
fn a_container_that_fails_its_liveness_probe_is_ended_and_started_again() {
    let app = probed(ProbeKind::Liveness, probe(5, 10, 3));
    let script = Script {
        answers: vec![true, false, false, true, false, false, false, true],
        obeys: Some((2, 0)),
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::OnFailure, &[app]), &[script]);
    world.pass(100);
    assert_eq!(world.lines("ask"), ["65 ask app#0"]);
    assert_eq!(
        world.lines("start"),
        ["0 start app#0", "67 start app#1"],
        "it has failed although it ended with 0"
    );
    let last = world.container("app").last_state.terminated.unwrap();
    assert_eq!(
        last.message.as_deref(),
        Some("the container failed its liveness probe")
    );
}

#[test]
fn under_never_a_container_that_fails_its_liveness_probe_is_not_started_again() {
    let app = probed(ProbeKind::Liveness, probe(0, 1, 1));
    let script = Script {
        answers: vec![false],
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::Never, &[app]), &[script]);
    world.over();
    assert_eq!(world.lines("start"), ["0 start app#0"]);
}

#[test]
fn a_probe_has_a_grace_of_its_own() {
    let mut own = probe(0, 10, 1);
    own.grace = Some(seconds(4));
    let script = Script {
        answers: vec![true, false, true],
        ..Script::ignores()
    };
    let mut world = World::new(
        pod(RestartPolicy::Always, &[probed(ProbeKind::Liveness, own)]),
        &[script],
    );
    world.pass(20);
    assert_eq!(world.lines("ask"), ["10 ask app#0"]);
    assert_eq!(world.lines("kill"), ["14 kill app#0"]);
}

#[test]
fn the_startup_probe_holds_the_others_back() {
    let mut app = probed(ProbeKind::Startup, probe(0, 4, 10));
    app.probes.liveness = Some(probe(2, 10, 3));
    app.probes.readiness = Some(probe(20, 10, 3));
    let script = Script {
        answers: vec![false, false, true],
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::Always, &[app]), &[script]);
    world.pass(7);
    assert_eq!(world.container("app").started, Some(false));
    world.pass(18);
    assert_eq!(world.lines("startup").len(), 3);
    assert_eq!(world.lines("liveness"), ["8 liveness app#0", "18 liveness app#0"]);
    assert_eq!(world.lines("readiness"), ["20 readiness app#0"]);
    assert_eq!(world.container("app").started, Some(true));
}

#[test]
fn a_container_that_does_not_start_up_is_started_again() {
    let script = Script {
        answers: vec![false],
        ..Script::default()
    };
    let mut world = World::new(
        pod(
            RestartPolicy::Always,
            &[probed(ProbeKind::Startup, probe(0, 5, 2))],
        ),
        &[script],
    );
    world.pass(12);
    assert_eq!(world.lines("ask"), ["5 ask app#0", "10 ask app#1"]);
}

#[test]
fn readiness_follows_its_probe_and_restarts_nothing() {
    let mut readiness = probe(0, 10, 2);
    readiness.success_threshold = 2;
    let script = Script {
        answers: vec![true, true, false, true, false, false],
        ..Script::default()
    };
    let mut world = World::new(
        pod(RestartPolicy::Always, &[probed(ProbeKind::Readiness, readiness)]),
        &[script],
    );
    let mut ready = Vec::new();
    for _ in 0..7 {
        world.pass(9);
        ready.push(world.status().is_ready());
        world.pass(1);
    }
    assert_eq!(ready, [false, true, true, true, true, false, false]);
    assert_eq!(world.lines("start").len(), 1);
}

#[test]
fn answers_about_an_attempt_that_is_gone_do_not_count() {
    let script = Script {
        runs: vec![(Some(3), 1), (None, 0)],
        answers: vec![false, true],
        answers_after: 5,
        ..Script::default()
    };
    let mut world = World::new(
        pod(
            RestartPolicy::Always,
            &[probed(ProbeKind::Liveness, probe(0, 10, 1))],
        ),
        &[script],
    );
    world.pass(60);
    assert_eq!(world.lines("ask"), [""; 0]);
    assert_eq!(world.lines("start").len(), 2);
}

#[test]
fn a_slow_probe_is_not_asked_twice_at_a_time() {
    let script = Script {
        answers_after: 25,
        ..Script::default()
    };
    let mut world = World::new(
        pod(
            RestartPolicy::Always,
            &[probed(ProbeKind::Liveness, probe(0, 10, 1))],
        ),
        &[script],
    );
    world.pass(60);
    assert_eq!(
        world.lines("liveness"),
        ["0 liveness app#0", "25 liveness app#0", "50 liveness app#0"]
    );
}

#[test]
fn of_a_container_that_ends_only_its_readiness_is_asked() {
    let mut app = probed(ProbeKind::Liveness, probe(0, 5, 1));
    app.probes.readiness = Some(probe(0, 5, 1));
    let script = Script {
        obeys: Some((12, 0)),
        ..Script::default()
    };
    let mut world = World::new(pod(RestartPolicy::Always, &[app]), &[script]);
    world.pass(1);
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(world.lines("liveness"), ["0 liveness app#0"]);
    assert_eq!(world.lines("readiness").len(), 3);
}
