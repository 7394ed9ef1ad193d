//! Jobs and `CronJobs`.

use crate::pods::{findings_under, options_of};

const TEMPLATE: &str =
    "template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}";

#[track_caller]
fn ask(minor: u16, text: &str) -> Vec<String> {
    findings_under(text, &options_of(minor))
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The texts about a Job with these lines for its spec.
#[track_caller]
fn texts(minor: u16, spec: &str) -> Vec<String> {
    ask(
        minor,
        &format!("{{apiVersion: batch/v1, kind: Job, metadata: {{name: x}}, spec: {{{TEMPLATE}, {spec}}}}}"),
    )
}

/// The texts about a `CronJob` with these lines for its spec.
#[track_caller]
fn cron(minor: u16, spec: &str) -> Vec<String> {
    let job = format!("jobTemplate: {{spec: {{{TEMPLATE}}}}}");
    ask(
        minor,
        &format!("{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: x}}, spec: {{{job}, {spec}}}}}"),
    )
}

const UID: &str = "00000000-0000-0000-0000-000000000000";

#[test]
fn a_job_is_given_its_selector() {
    assert_eq!(texts(37, "parallelism: 1"), [""; 0]);
    let labels = format!(
        "{{\"a\":\"b\",\"batch.kubernetes.io/controller-uid\":\"{UID}\",\"batch.kubernetes.io/job-name\":\"x\",\
         \"controller-uid\":\"{UID}\",\"job-name\":\"x\"}}"
    );
    assert_eq!(
        texts(37, "selector: {matchLabels: {x: z}}"),
        [
            format!(
                "spec.selector: Invalid value: {{\"matchLabels\":{{\"batch.kubernetes.io/controller-uid\":\"{UID}\",\
                 \"x\":\"z\"}}}}: `selector` not auto-generated"
            ),
            format!(
                "spec.template.metadata.labels: Invalid value: {labels}: `selector` does not match template `labels`"
            ),
        ]
    );
    assert_eq!(
        texts(26, "selector: {matchLabels: {x: z}}")[1],
        format!(
            "spec.template.metadata.labels: Invalid value: map[string]string{{\"a\":\"b\", \"controller-uid\":\"{UID}\", \
             \"job-name\":\"x\"}}: `selector` does not match template `labels`"
        )
    );
    assert_eq!(
        texts(37, "manualSelector: true"),
        [
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`",
        ]
    );
    assert_eq!(
        texts(37, "manualSelector: true, selector: {matchLabels: {a: b}}"),
        [""; 0]
    );
}

#[test]
fn a_long_name_of_a_job_makes_bad_labels() {
    let name = "x".repeat(64);
    let text =
        format!("{{apiVersion: batch/v1, kind: Job, metadata: {{name: {name}}}, spec: {{{TEMPLATE}}}}}");
    assert_eq!(
        ask(37, &text),
        [
            format!("metadata.labels: Invalid value: \"{name}\": must be no more than 63 bytes"),
            format!("spec.template.labels: Invalid value: \"{name}\": must be no more than 63 bytes"),
        ]
    );
}

#[test]
fn pods_of_a_job_end() {
    let text = |policy: &str| {
        format!(
            "{{apiVersion: batch/v1, kind: Job, metadata: {{name: x}}, spec: {{template: {{spec: {{{policy}containers: \
             [{{name: c, image: i}}]}}}}}}}}"
        )
    };
    let path = "spec.template.spec.restartPolicy";
    let missing = format!("{path}: Required value: valid values: \"OnFailure\", \"Never\"");
    assert_eq!(ask(37, &text("")), std::slice::from_ref(&missing));
    assert_eq!(ask(37, &text("restartPolicy: Always, ")), [missing]);
    assert_eq!(
        ask(37, &text("restartPolicy: Foo, ")),
        [
            format!(
                "{path}: Unsupported value: \"Foo\": supported values: \"Always\", \"OnFailure\", \"Never\""
            ),
            format!("{path}: Unsupported value: \"Foo\": supported values: \"OnFailure\", \"Never\""),
        ]
    );
}

#[test]
fn an_indexed_job_has_limits() {
    assert_eq!(texts(37, "completionMode: Indexed"), [""; 0]);
    assert_eq!(
        texts(37, "completionMode: Indexed, parallelism: 2"),
        ["spec.completions: Required value: when completion mode is Indexed"]
    );
    assert_eq!(
        texts(
            37,
            "completionMode: Indexed, parallelism: 20000, completions: 100001, backoffLimitPerIndex: 1"
        ),
        [
            "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
            "spec.parallelism: Invalid value: 20000: must be less than or equal to 10000 when completions are above 100000 \
             and used with backoff limit per index",
        ]
    );
    assert_eq!(
        texts(37, "maxFailedIndexes: 1"),
        [
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
        ]
    );
    assert_eq!(texts(28, "maxFailedIndexes: 1"), [""; 0], "the feature is off");
    let name = "x".repeat(62);
    let text = format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: {name}}}, spec: {{{TEMPLATE}, completionMode: Indexed, \
         completions: 11}}}}"
    );
    assert_eq!(
        ask(37, &text),
        [format!(
            "metadata.name: Invalid value: \"{name}\": will not able to create pod with invalid DNS label: {name}-10"
        )]
    );
}

#[test]
fn a_failure_policy_has_rules_that_fit() {
    let rules = |rules: &str| texts(37, &format!("podFailurePolicy: {{rules: [{rules}]}}"));
    let path = "spec.podFailurePolicy.rules[0]";
    assert_eq!(
        rules("{}"),
        [
            format!(
                "{path}.action: Required value: valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"
            ),
            format!("{path}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"),
        ]
    );
    assert_eq!(
        rules("{action: FailIndex, onExitCodes: {operator: In, containerName: d, values: [3, 3, 0]}}"),
        [
            format!(
                "{path}.action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set"
            ),
            format!(
                "{path}.onExitCodes.containerName: Invalid value: \"d\": must be one of the container or initContainer names \
                 in the pod template"
            ),
            format!("{path}.onExitCodes.values[1]: Duplicate value: 3"),
            format!("{path}.onExitCodes.values[2]: Invalid value: 0: must not be 0 for the In operator"),
            format!("{path}.onExitCodes.values: Invalid value: [3,3,0]: must be ordered"),
        ]
    );
    assert_eq!(
        texts(
            26,
            "podFailurePolicy: {rules: [{action: FailIndex, onPodConditions: [{type: a}]}]}"
        ),
        [format!(
            "{path}.action: Unsupported value: \"FailIndex\": supported values: \"Count\", \"FailJob\", \"Ignore\""
        )]
    );
    assert_eq!(
        texts(25, "podFailurePolicy: {rules: [{}]}"),
        [""; 0],
        "the feature is off"
    );
}

#[test]
fn a_success_policy_names_indices() {
    let texts = |rule: &str| {
        texts(
            37,
            &format!("completionMode: Indexed, completions: 3, successPolicy: {{rules: [{rule}]}}"),
        )
    };
    let path = "spec.successPolicy.rules[0]";
    assert_eq!(
        texts("{}"),
        [format!(
            "{path}: Required value: at least one of succeededCount or succeededIndexes must be specified"
        )]
    );
    for (indexes, error) in [
        ("0,a", "cannot convert string to integer for index: \"a\""),
        ("3", "too large index: \"3\""),
        ("2-1", "non-increasing order, previous: 2, current: 1"),
        ("1,0", "non-increasing order, previous: 1, current: 0"),
        (
            "0-1-2",
            "the fragment \"0-1-2\" violates the requirement that an index interval can have at most two parts separated by \
             '-'",
        ),
    ] {
        assert_eq!(
            texts(&format!("{{succeededIndexes: '{indexes}'}}")),
            [format!(
                "{path}.succeededIndexes: Invalid value: \"{indexes}\": error parsing succeededIndexes: {error}"
            )]
        );
    }
    assert_eq!(
        texts("{succeededIndexes: 0-1, succeededCount: 3}"),
        [format!(
            "{path}.succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the \
             specified succeededIndexes field)"
        )]
    );
}

#[test]
fn a_schedule_is_read_as_the_controller_reads_it() {
    for good in [
        "* * * * *",
        "*/5 0 1,15 jan-mar MON",
        "@daily",
        "@every 1h30m",
        "?  0 * * 0",
    ] {
        assert_eq!(cron(37, &format!("schedule: '{good}'")), [""; 0], "{good}");
    }
    for (schedule, error) in [
        ("* *", "expected exactly 5 fields, found 2: [* *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        (
            "5-1 * * * *",
            "beginning of range (5) beyond end of range (1): 5-1",
        ),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
        (
            "* * * * mo",
            "failed to parse int from mo: strconv.Atoi: parsing \"mo\": invalid syntax",
        ),
        ("@noon", "unrecognized descriptor: @noon"),
        (
            "@every 5",
            "failed to parse duration @every 5: time: missing unit in duration \"5\"",
        ),
        (
            "@every 5y",
            "failed to parse duration @every 5y: time: unknown unit \"y\" in duration \"5y\"",
        ),
    ] {
        let shown = format!("spec.schedule: Invalid value: \"{schedule}\": {error}");
        assert_eq!(
            cron(37, &format!("schedule: '{schedule}'")),
            [shown],
            "{schedule}"
        );
    }
}

#[test]
fn a_missing_schedule_comes_last_since_1_37() {
    let spec = "failedJobsHistoryLimit: -1";
    let limit = "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0";
    assert_eq!(cron(36, spec), ["spec.schedule: Required value", limit]);
    assert_eq!(cron(37, spec), [limit, "spec.schedule: Required value"]);
}

#[test]
fn a_time_zone_is_spelt_as_the_database_has_it() {
    let zone = |minor, zone: &str| cron(minor, &format!("schedule: '@daily', timeZone: '{zone}'"));
    for good in ["Europe/Berlin", "UTC", "Etc/GMT+1"] {
        assert_eq!(zone(37, good), [""; 0], "{good}");
    }
    for (name, error) in [
        ("", "timeZone must be nil or non-empty string"),
        ("europe/Berlin", "unknown time zone europe/Berlin"),
        ("../x", "unknown time zone ../x"),
    ] {
        assert_eq!(
            zone(37, name),
            [format!("spec.timeZone: Invalid value: \"{name}\": {error}")],
            "{name}"
        );
    }
    assert_eq!(
        zone(25, "../x"),
        ["spec.timeZone: Invalid value: \"../x\": time: invalid location name"]
    );
    assert_eq!(zone(24, "nowhere"), [""; 0], "the feature is off");
    let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
    assert_eq!(
        cron(37, "schedule: 'TZ=UTC * * * * *'"),
        [format!(
            "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": {detail}"
        )]
    );
    assert_eq!(cron(28, "schedule: 'TZ=UTC * * * * *'"), [""; 0]);
}

#[test]
fn a_cron_job_leaves_the_selector_to_its_jobs() {
    let name = "x".repeat(53);
    let text = format!(
        "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: {name}}}, spec: {{schedule: '@daily', jobTemplate: {{spec: \
         {{{TEMPLATE}, selector: {{}}, manualSelector: true}}}}}}}}"
    );
    assert_eq!(
        ask(37, &text),
        [
            "spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated".to_owned(),
            "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\"".to_owned(),
            format!("metadata.name: Invalid value: \"{name}\": must be no more than 52 characters"),
        ]
    );
}
