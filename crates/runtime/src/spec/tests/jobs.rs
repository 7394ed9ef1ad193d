//! A job's own fields.

use super::*;

/// Reads a job with these lines of its own, which end in a template's policy.
fn job(lines: &str, policy: &str) -> Result<JobSpec, Vec<String>> {
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

#[test]
fn a_jobs_fields_have_the_api_servers_defaults() {
    let plain = JobSpec {
        completions: Some(1),
        parallelism: 1,
        backoff_limit: 6,
        active_deadline: None,
        indexed: false,
    };
    for (lines, expected) in [
        ("backoffLimit: null", plain),
        (
            "parallelism: 3",
            JobSpec {
                completions: None,
                parallelism: 3,
                ..plain
            },
        ),
        (
            "completions: 1000000000",
            JobSpec {
                completions: Some(1_000_000_000),
                ..plain
            },
        ),
        (
            "{completions: 4, completionMode: Indexed, backoffLimit: 0, activeDeadlineSeconds: 7, parallelism: 0}",
            JobSpec {
                completions: Some(4),
                parallelism: 0,
                backoff_limit: 0,
                active_deadline: Some(Duration::from_secs(7)),
                indexed: true,
            },
        ),
    ] {
        let lines = lines.trim_matches(['{', '}']).replace(", ", "\n  ");
        assert_eq!(job(&lines, "restartPolicy: Never, "), Ok(expected), "{lines}");
    }
}

#[test]
fn what_a_job_cannot_have_is_refused_by_name() {
    for (lines, refusal) in [
        ("suspend: true", "spec.suspend: a suspended job has no pods"),
        (
            "podFailurePolicy: {rules: []}",
            "spec.podFailurePolicy: is not supported",
        ),
        (
            "successPolicy: {rules: []}",
            "spec.successPolicy: is not supported",
        ),
        (
            "backoffLimitPerIndex: 1",
            "spec.backoffLimitPerIndex: is not supported",
        ),
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
        let refused = job(lines, "restartPolicy: Never, ").unwrap_err();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].starts_with(refusal), "{lines}: {refused:?}");
    }
    for policy in ["", "restartPolicy: Always, "] {
        assert_eq!(
            job("backoffLimit: 1", policy).unwrap_err(),
            ["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""]
        );
    }
}
