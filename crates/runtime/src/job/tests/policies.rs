//! The machine with indexes, limits of their own, and the policies of failure and success.

use std::time::Instant;

use super::super::machine::{JobEnd, Machine, Rules, Step};
use super::super::{FailedPod, FailureAction, FailureRule, Indexes, PodEnd, SuccessRule};
use super::machine::{RULES, end, exit, failed, seconds, started, stopped};

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
