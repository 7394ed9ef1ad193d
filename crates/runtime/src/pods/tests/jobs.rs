//! Jobs on disk: what a power failure leaves of one, and when an ended one is removed by itself.

use super::*;
use crate::clock::Timestamp;
use crate::job::{JobEnd, JobOutcome, JobPlan, Marks, PodEnd, Progress, Rules};

fn plan(state: &Path, name: &str, ttl: Option<Duration>) -> JobPlan {
    let pod = identity("mark", "m");
    JobPlan {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        uid: format!("{name}-uid"),
        rules: Rules {
            completions: Some(2),
            parallelism: 1,
            backoff_limit: 6,
            active_deadline: None,
            indexed: false,
            backoff_limit_per_index: None,
            max_failed_indexes: None,
            failure_policy: Vec::new(),
            success_policy: Vec::new(),
            ttl,
        },
        template: record(state, &pod, &["c"], true).plan,
        marks: Marks::fresh(),
    }
}

/// A job that has ended, and its directory.
fn ended(pods: &Pods, name: &str, ttl: Option<Duration>) -> std::path::PathBuf {
    let plan = plan(pods.state(), name, ttl);
    let origin = Origin {
        kind: "Job".to_owned(),
        namespace: "default".to_owned(),
        name: name.to_owned(),
    };
    let held = pods.claim_job(&plan.identity()).unwrap();
    let directory = held.directory().to_owned();
    let record = JobRecord::new(&plan, json!({"kind": "Job"}), origin, Vec::new(), true);
    held.job_record(&record).unwrap();
    let mut status = JobStatus::default();
    status.go_on(&Progress {
        active: 1,
        failed: 1,
        ..Progress::default()
    });
    status.note_failure(&PodEnd {
        pod: "default/j-abcde".to_owned(),
        message: Some("container `c`: exit code 3: Error".to_owned()),
        ..PodEnd::default()
    });
    status.finish(&JobOutcome {
        end: JobEnd::Complete,
        succeeded: 2,
        failed: 1,
        first_failure: None,
        last_failure: None,
    });
    held.status(&status).unwrap();
    held.end().unwrap();
    directory
}

#[test]
fn an_ended_job_has_kubernetes_conditions_and_its_last_failure() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    ended(&pods, "j", None);
    let status = pods.find_job("default", "j").unwrap().unwrap().status().unwrap();
    let kinds: Vec<&str> = status.conditions.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["SuccessCriteriaMet", "Complete"]);
    for condition in &status.conditions {
        assert_eq!(condition.reason.as_deref(), Some("CompletionsReached"));
        let message = condition.message.as_deref();
        assert_eq!(message, Some("Reached expected number of succeeded pods"));
    }
    assert_eq!((status.active, status.succeeded, status.failed), (0, 2, 1));
    assert_eq!(status.completion_time, status.ended());
    let last = status.last_failure.unwrap();
    assert_eq!(
        (last.pod.as_str(), last.message.as_str()),
        ("default/j-abcde", "container `c`: exit code 3: Error")
    );
}

#[test]
fn what_a_power_failure_left_of_an_ended_job_is_in_nobody_s_way() {
    for torn in [&b""[..], &[0; 300]] {
        let state = tempfile::tempdir().unwrap();
        let pods = Pods::open(state.path()).unwrap();
        let (lost, gone, good) = (
            ended(&pods, "a", None),
            ended(&pods, "b", None),
            ended(&pods, "c", None),
        );
        fs::write(lost.join("status.json"), torn).unwrap();
        fs::write(gone.join("job.json"), torn).unwrap();
        let repaired = pods.repair(&pods.look().unwrap());
        assert!(repaired.failed.is_empty(), "{repaired:?}");
        assert_eq!(repaired.lost_jobs, ["default/a"]);
        assert!(!gone.exists() && good.exists());
        let titles: Vec<String> = pods.jobs().unwrap().iter().map(HostJob::title).collect();
        assert_eq!(titles, ["default/a", "default/c"]);
        let status = pods.find_job("default", "a").unwrap().unwrap().status().unwrap();
        assert_eq!(status.end().unwrap().reason.as_deref(), Some("JobLost"));
        assert_eq!(status.exit_code, Some(137));
        assert!(
            pods.repair(&pods.look().unwrap()).lost_jobs.is_empty(),
            "it is said once"
        );
    }
}

#[test]
fn an_ended_job_is_removed_when_its_time_has_passed() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    ended(&pods, "kept", None);
    let directory = ended(&pods, "short", Some(Duration::from_mins(1)));
    let job = pods.find_job("default", "short").unwrap().unwrap();
    let since = job.status().unwrap().ended().unwrap().unix();
    let after = |seconds: i64| pods.expire_jobs(Timestamp::from_unix(since + seconds)).unwrap();
    assert!(after(-1000).is_empty(), "the clock was set back");
    assert!(after(59).is_empty() && directory.exists());
    assert_eq!(after(60), ["default/short"]);
    assert!(!directory.exists());
    assert_eq!(pods.jobs().unwrap().len(), 1);
}

#[test]
fn a_job_whose_record_is_damaged_hides_no_other_and_can_be_removed() {
    let state = tempfile::tempdir().unwrap();
    let pods = Pods::open(state.path()).unwrap();
    ended(&pods, "a", None);
    let damaged = ended(&pods, "b", None);
    fs::write(damaged.join("job.json"), "no JSON").unwrap();
    assert_eq!(pods.jobs().unwrap().len(), 1);
    let broken = pods.broken().unwrap();
    assert_eq!((broken.len(), broken[0].title().as_str()), (1, "default/b"));
    assert_eq!(broken[0].noun(), "job");
    pods.remove_broken(&broken[0]).unwrap();
    assert!(!damaged.exists());
}
