//! The machine alone: time is what the test says it is.

use std::time::{Duration, Instant};

use super::super::PodEnd;
use super::super::machine::{Action, JobEnd, Machine, Rules, Step};

pub(super) const RULES: Rules = Rules {
    completions: Some(1),
    parallelism: 1,
    backoff_limit: 6,
    active_deadline: None,
    indexed: false,
    backoff_limit_per_index: None,
    max_failed_indexes: None,
    failure_policy: Vec::new(),
    success_policy: Vec::new(),
    ttl: None,
};

pub(super) fn end(succeeded: bool) -> PodEnd {
    PodEnd {
        succeeded,
        ..PodEnd::default()
    }
}

/// A pod whose container `c` ended with this code.
pub(super) fn exit(code: i32) -> PodEnd {
    PodEnd {
        pod: "n/j-1".to_owned(),
        code,
        failed_containers: vec![("c".to_owned(), code)],
        ..PodEnd::default()
    }
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a step starts.
pub(super) fn started(step: &Step) -> Vec<(u64, Option<u32>)> {
    step.actions
        .iter()
        .filter_map(|action| match action {
            Action::Start { pod, index } => Some((*pod, *index)),
            Action::Stop { .. } => None,
        })
        .collect()
}

pub(super) fn stopped(step: &Step) -> Vec<u64> {
    step.actions
        .iter()
        .filter_map(|action| match action {
            Action::Stop { pod } => Some(*pod),
            Action::Start { .. } => None,
        })
        .collect()
}

pub(super) fn failed(reason: &str, step: &Step) -> bool {
    matches!(&step.end, Some(JobEnd::Failed { reason: found, .. }) if *found == reason)
}

#[test]
fn as_many_run_as_are_still_to_succeed_and_no_more_than_may() {
    let now = Instant::now();
    let rules = Rules {
        completions: Some(5),
        parallelism: 3,
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    assert_eq!(started(&machine.step(now)), [(0, None), (1, None), (2, None)]);
    assert_eq!(machine.step(now), Step::default(), "asked again, nothing is new");
    machine.ended(1, &end(true), now);
    assert_eq!(started(&machine.step(now)), [(3, None)]);
    machine.ended(0, &end(true), now);
    machine.ended(3, &end(true), now);
    assert_eq!(started(&machine.step(now)), [(4, None)], "two are left, one runs");
    machine.ended(2, &end(true), now);
    machine.ended(2, &end(true), now);
    assert_eq!(
        machine.step(now).end,
        None,
        "an end that is told twice counts once"
    );
    machine.ended(4, &end(true), now);
    assert_eq!(machine.step(now).end, Some(JobEnd::Complete));
}

#[test]
fn pods_that_failed_are_replaced_after_pauses_that_double() {
    let mut now = Instant::now();
    let rules = Rules {
        backoff_limit: 100,
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    machine.step(now);
    for (pod, pause) in [10, 20, 40, 80, 160, 320, 360, 360].into_iter().enumerate() {
        now += seconds(5);
        machine.ended(pod as u64, &end(false), now);
        let step = machine.step(now);
        assert_eq!((started(&step), step.wake), (vec![], Some(now + seconds(pause))));
        let early = machine.step(now + (seconds(pause).saturating_sub(Duration::from_nanos(1))));
        assert_eq!(started(&early), []);
        now += seconds(pause);
        assert_eq!(started(&machine.step(now)), [(pod as u64 + 1, None)]);
    }
}

#[test]
fn a_success_ends_the_pauses() {
    let now = Instant::now();
    let rules = Rules {
        completions: Some(3),
        parallelism: 2,
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    machine.step(now);
    machine.ended(0, &end(false), now);
    assert_eq!(started(&machine.step(now)), []);
    machine.ended(1, &end(true), now);
    assert_eq!(started(&machine.step(now)), [(2, None), (3, None)]);
}

#[test]
fn one_failure_more_than_the_limit_stops_the_rest_and_is_the_end() {
    let now = Instant::now();
    for limit in [0, 2] {
        let rules = Rules {
            completions: Some(9),
            parallelism: 4,
            backoff_limit: limit,
            ..RULES
        };
        let mut machine = Machine::new(rules, true, now);
        machine.step(now);
        for pod in 0..u64::from(limit) {
            machine.ended(pod, &end(false), now);
            let step = machine.step(now);
            assert_eq!((step.end.clone(), stopped(&step)), (None, vec![]), "{limit}");
        }
        machine.ended(u64::from(limit), &end(false), now);
        let step = machine.step(now);
        assert_eq!(stopped(&step), (u64::from(limit) + 1..4).collect::<Vec<_>>());
        assert_eq!(step.end, None, "those that run are waited for");
        for pod in u64::from(limit) + 1..4 {
            machine.ended(pod, &end(false), now);
        }
        assert!(failed("BackoffLimitExceeded", &machine.step(now)));
    }
}

#[test]
fn restarts_of_containers_count_as_failures() {
    let now = Instant::now();
    for (limit, restarts, ends) in [(3, 2, false), (3, 3, true), (0, 0, false), (0, 1, true)] {
        let rules = Rules {
            backoff_limit: limit,
            ..RULES
        };
        let mut machine = Machine::new(rules, true, now);
        machine.step(now);
        machine.restarted(0, restarts);
        machine.restarted(77, 1000);
        assert_eq!(
            !stopped(&machine.step(now)).is_empty(),
            ends,
            "{limit} {restarts}"
        );
    }
}

#[test]
fn a_deadline_stops_everything_whenever_it_comes() {
    let now = Instant::now();
    let rules = Rules {
        active_deadline: Some(seconds(15)),
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    assert_eq!(machine.step(now).wake, Some(now + seconds(15)));
    machine.ended(0, &end(false), now + seconds(1));
    let step = machine.step(now + seconds(1));
    assert_eq!(step.wake, Some(now + seconds(11)), "the pause ends first");
    assert_eq!(started(&machine.step(now + seconds(11))), [(1, None)]);
    // The clock may have jumped far.
    let step = machine.step(now + seconds(1_000_000));
    assert_eq!((stopped(&step), step.end), (vec![1], None));
    machine.ended(1, &end(false), now + seconds(1_000_001));
    assert!(failed(
        "DeadlineExceeded",
        &machine.step(now + seconds(1_000_001))
    ));
}

#[test]
fn what_still_runs_when_the_job_is_given_up_has_failed_however_it_ends() {
    let now = Instant::now();
    let rules = Rules {
        completions: Some(3),
        parallelism: 2,
        active_deadline: Some(seconds(15)),
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    machine.step(now);
    machine.ended(0, &end(true), now + seconds(1));
    machine.step(now + seconds(1));
    let step = machine.step(now + seconds(15));
    assert_eq!(stopped(&step), [1, 2]);
    machine.ended(1, &end(true), now + seconds(16));
    machine.ended(2, &end(false), now + seconds(16));
    let progress = machine.progress();
    assert_eq!((progress.succeeded, progress.failed), (1, 2));
    assert!(failed("DeadlineExceeded", &machine.step(now + seconds(16))));
}

#[test]
fn without_completions_one_success_is_enough_and_the_others_finish() {
    let now = Instant::now();
    let rules = Rules {
        completions: None,
        parallelism: 3,
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    assert_eq!(started(&machine.step(now)).len(), 3);
    machine.ended(0, &end(true), now);
    assert_eq!(
        machine.step(now),
        Step::default(),
        "nothing is started or stopped"
    );
    machine.ended(1, &end(false), now);
    assert_eq!(machine.step(now), Step::default());
    machine.ended(2, &end(true), now);
    assert_eq!(machine.step(now).end, Some(JobEnd::Complete));
}

#[test]
fn an_index_is_given_again_until_its_pod_succeeds() {
    let mut now = Instant::now();
    let rules = Rules {
        completions: Some(4),
        parallelism: 2,
        indexed: true,
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    assert_eq!(started(&machine.step(now)), [(0, Some(0)), (1, Some(1))]);
    machine.ended(0, &end(false), now);
    now += seconds(10);
    assert_eq!(
        started(&machine.step(now)),
        [(2, Some(0))],
        "the lowest that has not succeeded"
    );
    machine.ended(1, &end(true), now);
    assert_eq!(started(&machine.step(now)), [(3, Some(2))]);
    machine.ended(2, &end(true), now);
    assert_eq!(started(&machine.step(now)), [(4, Some(3))]);
    machine.ended(3, &end(true), now);
    machine.ended(4, &end(true), now);
    assert_eq!(machine.step(now).end, Some(JobEnd::Complete));
}

#[test]
fn a_wish_to_stop_reaches_every_pod_each_time() {
    let now = Instant::now();
    let rules = Rules {
        completions: Some(9),
        parallelism: 2,
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    machine.step(now);
    machine.stop();
    assert_eq!(stopped(&machine.step(now)), [0, 1]);
    assert_eq!(machine.step(now), Step::default());
    machine.ended(0, &end(false), now);
    machine.stop();
    assert_eq!(
        stopped(&machine.step(now)),
        [1],
        "the second time they are killed"
    );
    machine.ended(1, &end(true), now);
    assert_eq!(machine.step(now).end, Some(JobEnd::Stopped));
}

#[test]
fn numbers_at_their_limits_are_counted_and_take_no_room() {
    let now = Instant::now();
    let rules = Rules {
        completions: Some(u32::MAX),
        parallelism: 2,
        backoff_limit: u32::MAX,
        active_deadline: Some(Duration::MAX),
        indexed: true,
        ..RULES
    };
    let mut machine = Machine::new(rules, true, now);
    for pod in 0..1000 {
        machine.step(now);
        machine.ended(pod, &end(true), now);
    }
    assert_eq!(machine.progress().succeeded, 1000);
    assert_eq!(machine.progress().completed_indexes.as_deref(), Some("0-999"));
    assert_eq!(
        machine.step(now).wake,
        None,
        "a deadline that no clock reaches is none"
    );
}
