//! A job's own fields.

use super::*;

/// Reads a job with these lines of its own, which end in a template's policy.
fn job(lines: &str, policy: &str) -> Result<Rules, Vec<String>> {
    let text = format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: w}}\nspec:\n  {lines}\n  template: {{spec: {{{policy}containers: \
         [{{name: c}}]}}}}\n"
    );
    let source = Source::new("w.yaml", text);
    let stream = source.parse(&Limits::default());
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    let object = objects(&stream.documents[0])[0];
    let texts = |refusals: Vec<Refusal>| refusals.iter().map(ToString::to_string).collect();
    read(&pod_template(&object).unwrap())
        .map(|spec| spec.job.unwrap())
        .map_err(texts)
}

/// A line for each field: a comma outside brackets ends one.
fn split(fields: &str) -> String {
    let mut depth = 0;
    let mut lines = String::new();
    for one in fields.chars() {
        match one {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                lines.push_str("\n ");
                continue;
            }
            _ => {}
        }
        lines.push(one);
    }
    lines
}

#[test]
fn a_jobs_fields_have_the_api_servers_defaults() {
    let plain = Rules {
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
    for (lines, expected) in [
        ("backoffLimit: null", plain.clone()),
        (
            "parallelism: 3",
            Rules {
                completions: None,
                parallelism: 3,
                ..plain.clone()
            },
        ),
        (
            "completions: 1000000000",
            Rules {
                completions: Some(1_000_000_000),
                ..plain.clone()
            },
        ),
        (
            "completions: 4, completionMode: Indexed, backoffLimit: 0, activeDeadlineSeconds: 7, parallelism: 0",
            Rules {
                completions: Some(4),
                parallelism: 0,
                backoff_limit: 0,
                active_deadline: Some(Duration::from_secs(7)),
                indexed: true,
                ..plain.clone()
            },
        ),
    ] {
        let lines = split(lines);
        assert_eq!(job(&lines, "restartPolicy: Never, "), Ok(expected), "{lines}");
    }
}

/// A job with these fields is refused once, and the refusal begins like this.
fn refuses(fields: &str, refusal: &str) {
    let lines = split(fields);
    let refused = job(&lines, "restartPolicy: Never, ").unwrap_err();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].starts_with(refusal), "{lines}: {refused:?}");
}

#[test]
fn policies_that_a_job_cannot_have_are_refused_in_the_api_servers_words() {
    for (lines, refusal) in [
        (
            "podFailurePolicy: {rules: [{action: Ignore}]}",
            "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
        ),
        (
            "podFailurePolicy: {rules: [{action: Ignor, onPodConditions: [{type: DisruptionTarget}]}]}",
            "spec.podFailurePolicy.rules[0].action: Unsupported value: \"Ignor\": supported values: \"Count\", \"FailIndex\"",
        ),
        (
            "podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: ConfigIssue}]}]}",
            "spec.podFailurePolicy.rules[0].onPodConditions[0].type: \"ConfigIssue\" is a condition that nothing sets",
        ),
        (
            "podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: In, values: [1]}}]}",
            "spec.podFailurePolicy.rules[0].action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex",
        ),
        (
            "podFailurePolicy: {rules: [{action: Count, onExitCodes: {containerName: d, operator: In, values: [1]}}]}",
            "spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: \"d\": must be one of",
        ),
        (
            "podFailurePolicy: {rules: [{action: Count, onExitCodes: {operator: In, values: [2, 1]}}]}",
            "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2, 1]: must be ordered",
        ),
        (
            "podFailurePolicy: {rules: [{action: Count, onExitCodes: {operator: In, values: [0]}}]}",
            "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator",
        ),
        (
            "podFailurePolicy: {rules: []}, podReplacementPolicy: TerminatingOrFailed",
            "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\"",
        ),
        (
            "successPolicy: {rules: [{succeededCount: 1}]}",
            "spec.successPolicy: Invalid value: requires indexed completion mode",
        ),
        (
            "completions: 3, completionMode: Indexed, successPolicy: {}",
            "spec.successPolicy.rules: Required value: at least one rules must be specified",
        ),
        (
            "completions: 3, completionMode: Indexed, successPolicy: {rules: [{succeededIndexes: 1-3}]}",
            "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"1-3\": error parsing succeededIndexes: too large",
        ),
        (
            "completions: 3, completionMode: Indexed, successPolicy: {rules: [{succeededIndexes: 0-1, succeededCount: 3}]}",
            "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2",
        ),
        (
            "backoffLimitPerIndex: 1",
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
        ),
        (
            "completions: 3, completionMode: Indexed, maxFailedIndexes: 1",
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
        ),
        (
            "completions: 3, completionMode: Indexed, backoffLimitPerIndex: 1, maxFailedIndexes: 4",
            "spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions",
        ),
        (
            "completions: 100001, completionMode: Indexed, backoffLimitPerIndex: 1",
            "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
        ),
    ] {
        refuses(lines, refusal);
    }
}

#[test]
fn what_a_job_cannot_have_is_refused_by_name() {
    for (lines, refusal) in [
        ("suspend: true", "spec.suspend: a suspended job has no pods"),
        ("managedBy: example.com/x", "spec.managedBy: is not supported"),
        (
            "completionMode: Indexed",
            "spec.completions: Required value: when completion mode is Indexed",
        ),
        (
            "completionMode: indexed",
            "spec.completionMode: Unsupported value: \"indexed\"",
        ),
        (
            "completions: -1",
            "spec.completions: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "parallelism: 111",
            "spec.parallelism: asks for 111 pods; one machine runs at most 110",
        ),
        (
            "parallelism: 1000000000",
            "spec.parallelism: asks for 1000000000 pods",
        ),
        (
            "backoffLimit: 2147483648",
            "spec.backoffLimit: 2147483648 is more than",
        ),
        (
            "activeDeadlineSeconds: 0",
            "spec.activeDeadlineSeconds: Invalid value: 0",
        ),
        ("completion: 3", "spec.completion: unknown field"),
    ] {
        refuses(lines, refusal);
    }
    let judged = job("podFailurePolicy: {rules: []}", "restartPolicy: OnFailure, ").unwrap_err();
    assert_eq!(
        judged,
        [
            "spec.template.spec.restartPolicy: Invalid value: \"OnFailure\": only \"Never\" is supported when podFailurePolicy is \
          specified"
        ]
    );
    for policy in ["", "restartPolicy: Always, "] {
        assert_eq!(
            job("backoffLimit: 1", policy).unwrap_err(),
            ["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""]
        );
    }
}

#[test]
fn policies_of_a_job_are_read() {
    use crate::job::{FailedPod, FailureAction, FailureRule, Indexes, SuccessRule};

    let lines = "completions: 9, completionMode: Indexed, backoffLimitPerIndex: 2, maxFailedIndexes: 3, \
                 ttlSecondsAfterFinished: 60, podReplacementPolicy: Failed, successPolicy: {rules: [{succeededIndexes: \"0,4-6\", \
                 succeededCount: 2}]}, podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {containerName: c, operator: \
                 NotIn, values: [1, 2]}}, {action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}";
    let rules = job(&split(lines), "restartPolicy: Never, ").unwrap();
    assert_eq!(rules.backoff_limit, i32::MAX.unsigned_abs());
    assert_eq!(
        (rules.backoff_limit_per_index, rules.max_failed_indexes),
        (Some(2), Some(3))
    );
    assert_eq!(rules.ttl, Some(Duration::from_mins(1)));
    assert_eq!(
        rules.success_policy,
        [SuccessRule {
            indexes: Some(Indexes::parse("0,4-6", 9).unwrap()),
            count: Some(2)
        }]
    );
    assert_eq!(
        rules.failure_policy,
        [
            FailureRule {
                action: FailureAction::FailJob,
                when: FailedPod::ExitCodes {
                    container: Some("c".to_owned()),
                    not: true,
                    values: vec![1, 2]
                }
            },
            FailureRule {
                action: FailureAction::Ignore,
                when: FailedPod::Conditions(vec![("DisruptionTarget".to_owned(), "True".to_owned())])
            },
        ]
    );
}
