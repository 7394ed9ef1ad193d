//! Jobs, as the cluster's controller leads them and as porthole does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use porthole_tests::failure::Failure;
use porthole_tests::wait;
use serde_json::Value;

use crate::twins::{Porthole, create, follow, host_process, node, ordinary};

/// A failed pod is made again after ten seconds.
const LIMIT: Duration = Duration::from_mins(3);

/// Names, lines of the Job's spec, and lines of its pods' spec.
const JOBS: &[(&str, &str, &str)] = &[
    (
        "fails",
        "  backoffLimit: 0",
        "  restartPolicy: Never\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 3]}]",
    ),
    (
        "fails-twice",
        "  backoffLimit: 1",
        "  restartPolicy: Never\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 3]}]",
    ),
    (
        "succeeds",
        "  completions: 3\n  parallelism: 2",
        "  restartPolicy: Never\n  containers: [{name: c, image: IMAGE, command: [sh, -c, exit 0]}]",
    ),
    (
        "succeeds-by-index",
        "  completions: 2\n  completionMode: Indexed",
        "  restartPolicy: OnFailure\n  \
         containers: [{name: c, image: IMAGE, command: [sh, -c, 'test \"$JOB_COMPLETION_INDEX\" -lt 2']}]",
    ),
    (
        "late",
        "  activeDeadlineSeconds: 2",
        "  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  \
         containers: [{name: c, image: IMAGE, command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 1; done']}]",
    ),
];

fn job(name: &str, own: &str, pods: &str) -> String {
    let pods: String = pods.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "    {line}");
        text
    });
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n{own}\n  template:\n    spec:\n{pods}"
    )
}

/// What is compared: numbers of pods, and the conditions that say how it ended.
fn shown(job: &Value) -> String {
    let status = &job["status"];
    let number = |name: &str| status[name].as_u64().unwrap_or(0);
    let mut text = format!(
        "active {} succeeded {} failed {}",
        number("active"),
        number("succeeded"),
        number("failed")
    );
    for condition in status["conditions"].as_array().into_iter().flatten() {
        let word = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
        // Told before the end as well, for those who wait for it.
        if matches!(word("type").as_str(), "Complete" | "Failed") {
            let (kind, status, reason, message) =
                (word("type"), word("status"), word("reason"), word("message"));
            let _ = write!(text, "\n{kind} {status} {reason} {message:?}");
        }
    }
    text
}

fn has_ended(job: &Value) -> bool {
    shown(job).contains('\n')
}

#[test]
#[ignore = "needs root and a kubelet"]
fn a_job_ends_as_the_cluster_lets_it_end() {
    let porthole = Porthole::new();
    for (name, own, pods) in JOBS {
        porthole.start(name, &job(name, own, &host_process(pods)));
    }
    let all: Vec<String> = JOBS
        .iter()
        .map(|(name, own, pods)| job(name, own, &ordinary(pods)))
        .collect();
    let node = node();
    create(&node, &all.join("\n---\n"), &porthole);
    let mut theirs = BTreeMap::new();
    let all = follow(&node, "jobs", LIMIT, |job| {
        if has_ended(&job) {
            let name = job["metadata"]["name"].as_str().unwrap_or_default();
            theirs.insert(name.to_owned(), shown(&job));
        }
        theirs.len() == JOBS.len()
    });
    assert_eq!(all, Ok(()), "the cluster's jobs: {theirs:?}\n{}", node.said());
    let mut different = String::new();
    for (name, ..) in JOBS {
        let ours = wait::until(&format!("the end of {name} by porthole"), LIMIT, || {
            let mut shown = porthole.inspect(&[name]).into_iter();
            let job = shown.find(|object| object["kind"] == "Job").unwrap();
            Ok::<_, Failure>(Some(job).filter(has_ended))
        });
        let (theirs, ours) = (&theirs[*name], shown(&ours.unwrap()));
        if *theirs != ours {
            let _ = writeln!(different, "== {name}\n- {theirs}\n+ {ours}");
        }
    }
    assert!(different.is_empty(), "(-) the cluster, (+) porthole\n{different}");
}
