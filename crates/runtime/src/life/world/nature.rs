//! What must hold in every life, tried on lives that nobody has thought of. The world itself sees to it that there is never
//! more than one attempt of a container, that nothing is done to one that has ended, that no alarm is of the past, and that
//! nothing runs when a life is over.

use proptest::prelude::*;

use super::*;

fn scripts() -> impl Strategy<Value = Script> {
    (
        prop::collection::vec(
            (
                prop::option::weighted(0.8, 0..900_u64),
                prop_oneof![Just(0), Just(1), Just(137)],
            ),
            1..4,
        ),
        prop::option::of((0..50_u64, prop_oneof![Just(0), Just(143)])),
        (prop::bool::weighted(0.05), 0..3_u32, 0..3_u32),
        ((0..50_u64, prop::bool::weighted(0.8)), 0..90_u64),
        (prop::collection::vec(prop::bool::weighted(0.7), 1..20), 0..15_u64),
    )
        .prop_map(
            |(
                runs,
                obeys,
                (undying, uncreatable, unstartable),
                (post_start, pre_stop),
                (answers, answers_after),
            )| {
                Script {
                    runs,
                    obeys,
                    undying,
                    uncreatable,
                    unstartable,
                    post_start,
                    pre_stop,
                    answers,
                    answers_after,
                    oom: false,
                }
            },
        )
}

fn some_probe() -> impl Strategy<Value = Option<Probe>> {
    prop::option::weighted(
        0.4,
        (0..20_u64, 1..20_u64, 1..4_u32, prop::option::of(0..40_u64)).prop_map(
            |(delay, period, failures, grace)| Probe {
                grace: grace.map(seconds),
                ..probe(delay, period, failures)
            },
        ),
    )
}

fn hook() -> impl Strategy<Value = Option<Handler>> {
    prop::option::weighted(
        0.4,
        prop_oneof![
            Just(exec()),
            (0..60_u64).prop_map(|time| Handler::Sleep(seconds(time)))
        ],
    )
}

fn containers() -> impl Strategy<Value = Vec<(ContainerPlan, Script)>> {
    let role = prop_oneof![Just(Role::Init), Just(Role::Sidecar), Just(Role::Main)];
    let container = (
        role,
        some_probe(),
        some_probe(),
        some_probe(),
        hook(),
        hook(),
        scripts(),
    );
    prop::collection::vec(container, 0..5).prop_map(|all| {
        let mut made = vec![(main_container("main"), Script::exits(20, 0))];
        for (index, (role, startup, readiness, liveness, post_start, pre_stop, script)) in
            all.into_iter().enumerate()
        {
            let mut plan = container_of(index, role);
            if role != Role::Init {
                (plan.probes.startup, plan.probes.readiness, plan.probes.liveness) =
                    (startup, readiness, liveness);
                (plan.hooks.post_start, plan.hooks.pre_stop) = (post_start, pre_stop);
            }
            made.push((plan, script));
        }
        made.sort_by_key(|(plan, _)| plan.role == Role::Main);
        made
    })
}

fn container_of(index: usize, role: Role) -> ContainerPlan {
    container(&format!("c{index}"), role)
}

fn policies() -> impl Strategy<Value = RestartPolicy> {
    prop_oneof![
        Just(RestartPolicy::Always),
        Just(RestartPolicy::OnFailure),
        Just(RestartPolicy::Never)
    ]
}

/// When each attempt of a container ended, and when the next was created.
fn pauses(world: &World, name: &str) -> Vec<u64> {
    let mut ended = None;
    let mut pauses = Vec::new();
    for line in &world.log {
        let mut parts = line.split(' ');
        let (Some(time), Some(what), Some(who)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if who.split('#').next() != Some(name) {
            continue;
        }
        let time: u64 = time.parse().unwrap();
        match what {
            "ended" => ended = Some(time),
            "create" => pauses.extend(ended.take().map(|ended| time - ended)),
            _ => {}
        }
    }
    pauses
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_life_ends_within_its_grace_after_a_stop(
        containers in containers(),
        policy in policies(),
        restarts in any::<bool>(),
        deadline in prop::option::of(1..2_000_u64),
        stops in prop::collection::vec((0..1_500_u64, prop::option::of(0..60_u64)), 1..4),
        jumps in prop::collection::vec(-1_000_000_000..1_000_000_000_i64, 4),
    ) {
        let (plans, scripts): (Vec<_>, Vec<_>) = containers.into_iter().unzip();
        let mut pod = pod(policy, &plans);
        pod.active_deadline = deadline.map(seconds);
        let mut world = World::with_restarts(pod, &scripts, restarts);
        for ((time, grace), jump) in stops.into_iter().zip(jumps) {
            world.wall = jump;
            world.pass(time);
            world.machine.stop(grace.map(seconds), world.now);
        }
        // The grace, two seconds more for each hook or turn, and the limit of what does not die, once more for the others.
        world.pass(60 + 2 + 2 + 30 + 30 + 1);
        prop_assert!(world.machine.over, "{:?}", world.log);
        prop_assert!(world.status().phase.is_over());
        let before = world.log.len();
        world.machine.stop(None, world.now);
        world.pass(10_000);
        prop_assert_eq!(before, world.log.len(), "nothing is done after the end");
    }

    #[test]
    fn every_pause_before_a_restart_is_one_of_the_back_offs(containers in containers(), policy in policies()) {
        let (plans, scripts): (Vec<_>, Vec<_>) = containers.into_iter().unzip();
        let mut world = World::new(pod(policy, &plans), &scripts);
        world.pass(5_000);
        for plan in &plans {
            for pause in pauses(&world, &plan.plan.container) {
                prop_assert!(
                    [0, 10, 20, 40, 80, 160, 300].contains(&pause),
                    "{}: {pause}: {:?}", plan.plan.container, world.log
                );
            }
        }
    }

    #[test]
    fn a_status_can_always_be_written_and_read(containers in containers(), policy in policies(), time in 0..2_000_u64) {
        let (plans, scripts): (Vec<_>, Vec<_>) = containers.into_iter().unzip();
        let mut world = World::new(pod(policy, &plans), &scripts);
        world.pass(time);
        let status = world.status();
        let text = serde_json::to_string(&status).unwrap();
        prop_assert_eq!(serde_json::from_str::<PodStatus>(&text).unwrap(), status.clone());
        for container in status.init_container_statuses.iter().chain(&status.container_statuses) {
            let states = [
                container.state.waiting.is_some(),
                container.state.running.is_some(),
                container.state.terminated.is_some(),
            ];
            prop_assert_eq!(states.iter().filter(|state| **state).count(), 1, "a container is in one state");
        }
        let runs = world.bodies.iter().any(|body| body.runs.is_some() && !body.script.undying);
        prop_assert!(!status.phase.is_over() || !runs, "a pod that is over runs nothing");
    }
}
