//! Jobs, as the cluster's controller leads them and as porthole does.

use std::fmt::Write as _;
use std::time::Duration;

use porthole_tests::failure::Failure;
use porthole_tests::wait;
use serde_json::Value;

use crate::twins::{Porthole, create, host_process, list, node, ordinary};

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
         containers: [{name: c, image: IMAGE, command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 0.1; done']}]",
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

/// The Job itself of what porthole shows with it.
fn itself(shown: Value) -> Value {
    match shown["items"].as_array() {
        Some(items) => items.iter().find(|item| item["kind"] == "Job").unwrap().clone(),
        None => shown,
    }
}

#[test]
#[ignore = "needs root and a kubelet"]
fn a_job_ends_as_the_cluster_lets_it_end() {
    let node = node();
    let porthole = Porthole::new();
    let all: Vec<String> = JOBS
        .iter()
        .map(|(name, own, pods)| job(name, own, &ordinary(pods)))
        .collect();
    create(&node, &all.join("\n---\n"), &porthole);
    for (name, own, pods) in JOBS {
        porthole.start(name, &job(name, own, &host_process(pods)));
    }
    let mut different = String::new();
    for (name, ..) in JOBS {
        let ended = |who: &str, read: &dyn Fn() -> Option<Value>| {
            let job = wait::until(&format!("the end of {name} by {who}"), LIMIT, || {
                Ok::<_, Failure>(read().filter(has_ended))
            });
            shown(&job.unwrap())
        };
        let theirs = ended("the cluster", &|| {
            list(&node, "jobs")
                .into_iter()
                .find(|job| job["metadata"]["name"] == **name)
        });
        let ours = ended("porthole", &|| Some(itself(porthole.inspect(name))));
        if theirs != ours {
            let _ = writeln!(different, "== {name}\n- {theirs}\n+ {ours}");
        }
    }
    assert!(different.is_empty(), "(-) the cluster, (+) porthole\n{different}");
}
