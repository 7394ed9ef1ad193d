//! How a pod is stopped, whatever it is doing.

use super::*;
use crate::status::Phase;

fn app(script: Script) -> World {
    World::new(pod(RestartPolicy::Always, &[main_container("app")]), &[script])
}

fn hooked(script: Script) -> World {
    let mut app = main_container("app");
    app.hooks.pre_stop = Some(exec());
    World::new(pod(RestartPolicy::Always, &[app]), &[script])
}

#[test]
fn a_stop_asks_and_kills_at_the_end_of_the_grace() {
    let mut world = app(Script::ignores());
    world.pass(5);
    world.machine.stop(Some(seconds(10)), world.now);
    world.over();
    assert_eq!(
        world.log[2..],
        ["stopping 10", "5 ask app#0", "15 kill app#0", "15 ended app#0"]
    );
    assert_eq!(world.status().phase, Phase::Failed);
    assert!(world.machine.stopped);
}

#[test]
fn nothing_is_started_again_after_a_stop() {
    let mut world = app(Script {
        obeys: Some((1, 0)),
        ..Script::default()
    });
    world.pass(5);
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(world.lines("start").len(), 1);
    assert_eq!(world.status().phase, Phase::Succeeded);
}

#[test]
fn a_shorter_grace_shortens_and_a_longer_one_does_not_lengthen() {
    let mut world = app(Script::ignores());
    world.pass(5);
    world.machine.stop(Some(seconds(20)), world.now);
    world.pass(1);
    world.machine.stop(Some(seconds(60)), world.now);
    world.pass(1);
    world.machine.stop(Some(seconds(3)), world.now);
    world.over();
    assert_eq!(world.lines("kill"), ["10 kill app#0"]);
    assert_eq!(world.lines("stopping"), ["stopping 20"]);
}

#[test]
fn a_second_stop_kills_also_during_a_hook() {
    let mut world = hooked(Script {
        pre_stop: 20,
        ..Script::default()
    });
    world.pass(1);
    world.machine.stop(None, world.now);
    world.pass(1);
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(world.lines("kill"), ["2 kill app#0"]);
    assert_eq!(world.lines("ask"), [""; 0]);
}

#[test]
fn the_pre_stop_hook_comes_before_the_signal_and_out_of_the_grace() {
    let mut world = hooked(Script {
        pre_stop: 8,
        ..Script::ignores()
    });
    world.pass(1);
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(
        world.log[2..],
        [
            "stopping 30",
            "1 pre-stop app#0",
            "9 ask app#0",
            "31 kill app#0",
            "31 ended app#0"
        ]
    );
}

#[test]
fn a_hook_that_uses_the_grace_up_leaves_two_seconds() {
    for pre_stop in [29, 30, 300] {
        let mut world = hooked(Script {
            pre_stop,
            ..Script::ignores()
        });
        world.machine.stop(None, world.now);
        world.over();
        assert_eq!(world.log, [""; 0], "nothing has begun");
        let mut world = hooked(Script {
            pre_stop,
            ..Script::ignores()
        });
        world.pass(1);
        world.machine.stop(None, world.now);
        world.over();
        let asked = 1 + pre_stop.min(30);
        assert_eq!(world.lines("ask"), [format!("{asked} ask app#0")]);
        assert_eq!(world.lines("kill"), [format!("{} kill app#0", asked + 2)]);
    }
}

#[test]
fn a_pause_before_the_stop_is_no_longer_than_the_grace() {
    let mut container = main_container("app");
    container.hooks.pre_stop = Some(Handler::Sleep(seconds(5)));
    let mut world = World::new(pod(RestartPolicy::Always, &[container]), &[Script::default()]);
    world.pass(1);
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(world.lines("ask"), ["6 ask app#0"]);
    assert_eq!(world.lines("pre-stop"), [""; 0], "nobody is told of a pause");
}

#[test]
fn no_grace_is_no_question() {
    let mut world = hooked(Script::default());
    world.pass(1);
    world.machine.stop(Some(Duration::ZERO), world.now);
    world.over();
    assert_eq!(world.log[2..], ["1 kill app#0", "1 ended app#0"]);
}

#[test]
fn sidecars_end_within_the_same_grace_and_have_two_seconds_at_least() {
    let containers = [container("side", Role::Sidecar), main_container("app")];
    let mut world = World::new(
        pod(RestartPolicy::Always, &containers),
        &[Script::ignores(), Script::ignores()],
    );
    world.pass(1);
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(
        world.log[4..],
        [
            "stopping 30",
            "1 ask app#0",
            "31 ask side#0",
            "31 kill app#0",
            "31 ended app#0",
            "33 kill side#0",
            "33 ended side#0"
        ]
    );
}

#[test]
fn a_stop_during_back_off_ends_the_pod_with_what_there_was() {
    let mut world = app(Script::exits(1, 7));
    world.pass(5);
    assert_eq!(world.waiting("app").0, "CrashLoopBackOff");
    world.machine.stop(None, world.now);
    world.over();
    let status = world.container("app");
    assert_eq!(status.state.terminated.unwrap().exit_code, 7);
    assert_eq!(status.restart_count, 1);
    assert_eq!(world.lines("stopping"), [""; 0], "nobody has to be waited for");
}

#[test]
fn a_stop_during_an_init_container_starts_nothing_more() {
    let containers = [container("init", Role::Init), main_container("app")];
    let init = Script {
        obeys: Some((1, 143)),
        ..Script::default()
    };
    let mut world = World::new(
        pod(RestartPolicy::Always, &containers),
        &[init, Script::default()],
    );
    world.pass(1);
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(world.lines("start"), ["0 start init#0"]);
    assert_eq!(world.status().phase, Phase::Failed);
    assert_eq!(world.waiting("app").0, "PodInitializing");
}

#[test]
fn a_stop_between_creation_and_start_undoes_what_was_created() {
    let mut world = app(Script::default());
    assert_eq!(world.machine.next(world.moment()), Some(Action::Create(0)));
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(world.log, ["0 discard app#0"]);
}

#[test]
fn what_does_not_die_is_given_up_and_named() {
    let mut world = app(Script {
        undying: true,
        ..Script::ignores()
    });
    world.pass(1);
    world.machine.killed(world.now);
    world.over();
    assert_eq!(world.lines("give-up"), ["31 give-up app#0"]);
    let ended = world.container("app").state.terminated.unwrap();
    assert_eq!(ended.reason, "ContainerStatusUnknown");
}

#[test]
fn an_evicted_pod_has_failed_for_the_reason_given() {
    let mut world = app(Script {
        obeys: Some((0, 0)),
        ..Script::default()
    });
    world.pass(1);
    world
        .machine
        .evict("Evicted", "Usage of EmptyDir volume", world.now);
    world.over();
    let status = world.status();
    assert_eq!(
        (status.phase, status.reason.as_deref()),
        (Phase::Failed, Some("Evicted"))
    );
    assert_eq!(world.lines("stopping"), ["stopping 1"]);
}

#[test]
fn a_stop_during_the_end_of_a_failed_probe_keeps_its_shorter_grace() {
    let mut container = main_container("app");
    let mut liveness = probe(0, 5, 1);
    liveness.grace = Some(seconds(3));
    container.probes.liveness = Some(liveness);
    let script = Script {
        answers: vec![true, false],
        ..Script::ignores()
    };
    let mut world = World::new(pod(RestartPolicy::Always, &[container]), &[script]);
    world.pass(6);
    world.machine.stop(None, world.now);
    world.over();
    assert_eq!(world.lines("ask"), ["5 ask app#0"], "it is asked once");
    assert_eq!(world.lines("kill"), ["8 kill app#0"]);
    assert_eq!(world.lines("start").len(), 1);
}
