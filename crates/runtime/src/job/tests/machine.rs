//! The machine alone: time is what the test says it is.

use std::time::{Duration, Instant};

use super::super::machine::{Action, JobEnd, Machine, Rules, Step};
use super::super::{FailedPod, FailureAction, FailureRule, Indexes, PodEnd, SuccessRule};

const RULES: Rules = Rules {
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

fn end(succeeded: bool) -> PodEnd {
    PodEnd {
        succeeded,
        ..PodEnd::default()
    }
}

/// A pod whose container `c` ended with this code.
fn exit(code: i32) -> PodEnd {
    PodEnd {
        pod: "n/j-1".to_owned(),
        code,
        failed_containers: vec![("c".to_owned(), code)],
        ..PodEnd::default()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a step starts.
fn started(step: &Step) -> Vec<(u64, Option<u32>)> {
    step.actions
        .iter()
        .filter_map(|action| match action {
            Action::Start { pod, index } => Some((*pod, *index)),
            Action::Stop { .. } => None,
        })
        .collect()
}

fn stopped(step: &Step) -> Vec<u64> {
    step.actions
        .iter()
        .filter_map(|action| match action {
            Action::Stop { pod } => Some(*pod),
            Action::Start { .. } => None,
        })
        .collect()
}

fn failed(reason: &str, step: &Step) -> bool {
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

fn indexed(completions: u32, parallelism: u32) -> Rules {
    Rules {
        completions: Some(completions),
        parallelism,
        indexed: true,
        backoff_limit: i32::MAX.unsigned_abs(),
        ..RULES
    }
}

#[test]
fn an_index_with_a_limit_of_its_own_fails_alone_and_holds_nobody_up() {
    let mut now = Instant::now();
    let rules = Rules {
        backoff_limit_per_index: Some(1),
        ..indexed(3, 1)
    };
    let mut machine = Machine::new(rules, true, now);
    assert_eq!(started(&machine.step(now)), [(0, Some(0))]);
    machine.ended(0, &exit(1), now);
    assert_eq!(
        started(&machine.step(now)),
        [(1, Some(1))],
        "the pause of one index is not another's"
    );
    now += seconds(10);
    machine.ended(1, &end(true), now);
    assert_eq!(started(&machine.step(now)), [(2, Some(0))]);
    machine.ended(2, &exit(1), now);
    assert_eq!(started(&machine.step(now)), [(3, Some(2))]);
    assert_eq!(machine.progress().failed_indexes.as_deref(), Some("0"));
    machine.ended(3, &end(true), now);
    let step = machine.step(now);
    assert!(failed("FailedIndexes", &step), "{step:?}");
    assert_eq!(machine.progress().completed_indexes.as_deref(), Some("1,2"));
}

#[test]
fn the_only_index_that_is_left_is_waited_for() {
    let now = Instant::now();
    let rules = Rules {
        backoff_limit_per_index: Some(3),
        ..indexed(2, 2)
    };
    let mut machine = Machine::new(rules, true, now);
    machine.step(now);
    machine.ended(1, &exit(1), now + seconds(1));
    let step = machine.step(now + seconds(1));
    assert_eq!((started(&step), step.wake), (vec![], Some(now + seconds(11))));
    assert_eq!(started(&machine.step(now + seconds(11))), [(2, Some(1))]);
}

#[test]
fn more_failed_indexes_than_may_be_are_the_end() {
    let now = Instant::now();
    let rules = Rules {
        backoff_limit_per_index: Some(0),
        max_failed_indexes: Some(1),
        ..indexed(9, 3)
    };
    let mut machine = Machine::new(rules, true, now);
    machine.step(now);
    machine.ended(0, &exit(1), now);
    assert_eq!(started(&machine.step(now)), [(3, Some(3))]);
    machine.ended(2, &exit(1), now);
    let step = machine.step(now);
    assert_eq!(stopped(&step), [1, 3]);
    let progress = machine.progress();
    assert_eq!(
        (progress.terminating, progress.failed_indexes.as_deref()),
        (2, Some("0,2"))
    );
    machine.ended(1, &exit(143), now);
    machine.ended(3, &exit(143), now);
    assert!(failed("MaxFailedIndexesExceeded", &machine.step(now)));
}

fn rule(action: FailureAction, not: bool, values: &[i32]) -> FailureRule {
    FailureRule {
        action,
        when: FailedPod::ExitCodes {
            container: Some("c".to_owned()),
            not,
            values: values.to_vec(),
        },
    }
}

#[test]
fn the_first_rule_of_the_failure_policy_that_is_met_decides() {
    let mut now = Instant::now();
    let rules = Rules {
        backoff_limit: 0,
        failure_policy: vec![
            rule(FailureAction::Ignore, false, &[3, 5]),
            FailureRule {
                action: FailureAction::Ignore,
                when: FailedPod::Conditions(vec![("DisruptionTarget".to_owned(), "True".to_owned())]),
            },
            rule(FailureAction::FailJob, true, &[7]),
        ],
        ..RULES
    };
    let mut machine = Machine::new(rules.clone(), true, now);
    machine.step(now);
    machine.ended(0, &exit(5), now);
    assert_eq!(
        machine.step(now).wake,
        Some(now + seconds(10)),
        "it is replaced after the pause"
    );
    now += seconds(10);
    assert_eq!(started(&machine.step(now)), [(1, None)]);
    let evicted = PodEnd {
        conditions: vec![("DisruptionTarget".to_owned(), "True".to_owned())],
        ..exit(137)
    };
    machine.ended(1, &evicted, now);
    now += seconds(20);
    assert_eq!(started(&machine.step(now)), [(2, None)]);
    assert_eq!(machine.progress().failed, 0, "what is ignored is not counted");
    machine.ended(2, &exit(9), now);
    let message = "Container c for pod n/j-1 failed with exit code 9 matching FailJob rule at index 2";
    let expected = JobEnd::Failed {
        reason: "PodFailurePolicy",
        message: message.to_owned(),
    };
    assert_eq!(machine.step(now).end, Some(expected));
    // What no rule is for is counted.
    let mut machine = Machine::new(rules, true, now);
    machine.step(now);
    machine.ended(0, &exit(7), now);
    assert!(failed("BackoffLimitExceeded", &machine.step(now)));
}

#[test]
fn a_rule_can_give_one_index_up() {
    let now = Instant::now();
    let rules = Rules {
        backoff_limit_per_index: Some(5),
        failure_policy: vec![rule(FailureAction::FailIndex, false, &[42])],
        ..indexed(2, 1)
    };
    let mut machine = Machine::new(rules, true, now);
    machine.step(now);
    machine.ended(0, &exit(42), now);
    assert_eq!(started(&machine.step(now)), [(1, Some(1))]);
    machine.ended(1, &end(true), now);
    assert!(failed("FailedIndexes", &machine.step(now)));
}

#[test]
fn a_success_policy_ends_the_rest_without_counting_it_as_failed() {
    let now = Instant::now();
    let indexes = |text: &str| Some(Indexes::parse(text, 5).unwrap());
    for (rules, needed) in [
        (
            vec![SuccessRule {
                indexes: indexes("0,2-3"),
                count: Some(1),
            }],
            vec![2],
        ),
        (
            vec![SuccessRule {
                indexes: indexes("0,2"),
                count: None,
            }],
            vec![1, 2, 0],
        ),
        (
            vec![SuccessRule {
                indexes: None,
                count: Some(2),
            }],
            vec![4, 1],
        ),
    ] {
        let rules = Rules {
            success_policy: rules,
            ..indexed(5, 5)
        };
        let mut machine = Machine::new(rules, true, now);
        machine.step(now);
        for (number, pod) in needed.iter().enumerate() {
            assert_eq!(machine.step(now), Step::default(), "{number} of {needed:?}");
            machine.ended(*pod, &end(true), now);
        }
        let step = machine.step(now);
        assert_eq!(stopped(&step).len(), 5 - needed.len());
        for pod in stopped(&step) {
            machine.ended(pod, &exit(143), now);
        }
        assert_eq!(machine.step(now).end, Some(JobEnd::SuccessPolicy { rule: 0 }));
        assert_eq!(machine.progress().failed, 0);
    }
}
