//! Jobs carried out: pods of a fake runner, on threads that end when they are told to.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::*;
use crate::clock::HostClock;
use crate::conduct::RestartPolicy;

mod machine;
mod policies;

/// What a fake pod does.
#[derive(Clone, Copy, Debug)]
enum Script {
    Succeeds,
    Fails(i32),
    /// Runs until it is stopped, and has the code of a stopped pod then.
    Runs,
    /// Its thread dies without a word.
    Lost,
}

struct Runner {
    scripts: Vec<Script>,
    /// The names of the pods that were started, in order.
    started: Arc<Mutex<Vec<String>>>,
    /// Told of each pod that runs until it is stopped.
    running: Sender<()>,
}

impl PodRunner for Runner {
    fn start(&self, pod: PodPlan, report: PodReport) -> Box<dyn Fn() + Send> {
        let mut started = self.started.lock().unwrap();
        let script = self
            .scripts
            .get(started.len())
            .copied()
            .unwrap_or(Script::Succeeds);
        started.push(pod.identity.name);
        drop(started);
        let (stop, stopped) = channel();
        let running = self.running.clone();
        thread::spawn(move || {
            let end = |code| PodEnd {
                succeeded: code == 0,
                code,
                ..PodEnd::default()
            };
            match script {
                Script::Succeeds => report.ended(end(0)),
                Script::Fails(code) => report.ended(end(code)),
                Script::Runs => {
                    let _ = running.send(());
                    let _ = stopped.recv();
                    report.ended(end(143));
                }
                Script::Lost => drop(report),
            }
        });
        Box::new(move || {
            let _ = stop.send(());
        })
    }
}

fn plan(completions: Option<u32>, parallelism: u32, indexed: bool) -> JobPlan {
    let marks = Marks::fresh();
    JobPlan {
        namespace: "n".to_owned(),
        name: "j".to_owned(),
        uid: "1".to_owned(),
        rules: Rules {
            completions,
            parallelism,
            backoff_limit: 6,
            active_deadline: None,
            indexed,
            backoff_limit_per_index: None,
            max_failed_indexes: None,
            failure_policy: Vec::new(),
            success_policy: Vec::new(),
            ttl: None,
        },
        template: PodPlan {
            identity: crate::plan::PodIdentity {
                namespace: "n".to_owned(),
                name: marks.name.clone(),
                uid: marks.uid.clone(),
            },
            directory: PathBuf::from("/state/pods/x"),
            volumes: Vec::new(),
            init_containers: Vec::new(),
            containers: Vec::new(),
            grace: Duration::ZERO,
            restart_policy: RestartPolicy::Never,
            qos_class: None,
            active_deadline: None,
        },
        marks,
    }
}

/// Runs a job whose pods do as these say, in their order; stops it once as many run as `stop_at`.
fn run(job: &JobPlan, scripts: &[Script], stop_at: usize) -> (JobOutcome, Vec<String>) {
    let (running, runs) = channel();
    let runner = Runner {
        scripts: scripts.to_vec(),
        started: Arc::default(),
        running,
    };
    let life = Job::new();
    let handle = life.handle();
    if stop_at > 0 {
        thread::spawn(move || {
            for _ in 0..stop_at {
                runs.recv_timeout(Duration::from_secs(30)).expect("a pod runs");
            }
            handle.stop();
        });
    }
    let outcome = life.run(job, &HostClock, &runner, false);
    let started = runner.started.lock().unwrap().clone();
    (outcome, started)
}

#[test]
fn a_job_runs_its_completions_and_names_each_pod() {
    let (outcome, started) = run(&plan(Some(3), 2, false), &[], 0);
    assert_eq!(
        (outcome.end.clone(), outcome.succeeded, outcome.exit_code()),
        (JobEnd::Complete, 3, 0)
    );
    assert_eq!(started.len(), 3);
    for name in &started {
        assert!(name.starts_with("j-") && name.len() == 7, "{started:?}");
    }
    let (_, started) = run(&plan(Some(3), 3, true), &[], 0);
    let beginnings: Vec<&str> = started.iter().map(|name| &name[..4]).collect();
    assert_eq!(beginnings, ["j-0-", "j-1-", "j-2-"]);
}

#[test]
fn without_restarts_the_first_failure_is_the_end_and_its_code_the_jobs() {
    for (scripts, code) in [
        (&[Script::Fails(7), Script::Runs][..], 7),
        (&[Script::Lost, Script::Runs], 1),
    ] {
        let (outcome, started) = run(&plan(Some(5), 2, false), scripts, 0);
        assert!(
            matches!(
                outcome.end,
                JobEnd::Failed {
                    reason: "BackoffLimitExceeded",
                    ..
                }
            ),
            "{outcome:?}"
        );
        assert_eq!((outcome.exit_code(), started.len()), (code, 2), "{outcome:?}");
        assert_eq!(outcome.failed, 2, "the other was stopped, and waited for");
        let last = outcome.last_failure.clone().unwrap();
        assert_eq!(last.code, 143, "{outcome:?}");
    }
}

#[test]
fn a_stopped_job_starts_no_more_pods() {
    let (outcome, started) = run(&plan(Some(5), 2, false), &[Script::Runs, Script::Runs], 2);
    assert_eq!((outcome.end.clone(), started.len()), (JobEnd::Stopped, 2));
    assert_eq!(outcome.exit_code(), 143);
}

#[test]
fn a_job_of_no_pods_ends_at_once() {
    let (outcome, started) = run(&plan(Some(1), 0, false), &[], 0);
    assert_eq!((outcome.end, started.len()), (JobEnd::Nothing, 0));
    let (outcome, started) = run(&plan(Some(0), 1, false), &[], 0);
    assert_eq!((outcome.end, started.len()), (JobEnd::Complete, 0));
}

#[test]
fn a_generated_name_is_no_longer_than_a_label_and_keeps_its_index() {
    let long = "a".repeat(200);
    let name = fresh_name(&long, None);
    assert!(name.len() == 63 && name.starts_with("aaa"), "{name}");
    let name = fresh_name(&long, Some(12345));
    assert!(name.len() == 63 && name.contains("a-12345-"), "{name}");
    let short = fresh_name("j", Some(4));
    assert!(short.starts_with("j-4-") && short.len() == 9, "{short}");
}
