//! What the driver adds to the machine: attempts with ids of their own, hooks and probes on threads, messages, limits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::driver::Life;
use super::performing::Perform;
use super::tests::{Fake, Log, facts, identity, looked_after, plan};
use super::*;
use crate::clock::HostClock;
use crate::conduct::{Handler, Hooks, Probe};
use crate::engine::Engine;
use crate::handler::{Failed, Target};
use crate::plan::Limits;

/// Answers with what was prepared, then with success, and notes what it was asked.
#[derive(Default)]
struct Answers {
    prepared: Mutex<VecDeque<Result<(), Failed>>>,
    asked: Mutex<Vec<String>>,
}

impl Perform for Answers {
    fn perform(&self, handler: &Handler, target: &Target<'_>, limit: Duration) -> Result<(), Failed> {
        let text = format!(
            "{handler:?} in {} at {} for {limit:?}",
            target.plan.id, target.address
        );
        self.asked.lock().unwrap().push(text);
        self.prepared.lock().unwrap().pop_front().unwrap_or(Ok(()))
    }
}

/// Notes everything, and stops the pod when a line of its notes begins so.
struct Notes {
    lines: Mutex<Vec<String>>,
    statuses: Mutex<Vec<PodStatus>>,
    handle: LifeHandle,
    stop_at: &'static str,
    log: Option<String>,
}

impl Notes {
    fn note(&self, line: String) {
        if line.starts_with(self.stop_at) {
            self.handle.stop(None);
        }
        self.lines.lock().unwrap().push(line);
    }
}

impl Observer for Notes {
    fn event(&self, event: Event<'_>) {
        self.note(match event {
            Event::Started { plan, attempt, .. } => format!("started {} {attempt}", plan.id),
            Event::Ended {
                plan, attempt, exit, ..
            } => format!("ended {} {attempt} {}", plan.id, exit.code()),
            Event::NotStarted { plan, attempt, error } => {
                format!("not started {} {attempt}: {error}", plan.id)
            }
            Event::ProbeFailed { plan, probe, message } => {
                format!("{} of {}: {message}", probe.name(), plan.id)
            }
            Event::HookFailed { plan, hook, message } => format!("{hook} of {}: {message}", plan.id),
            Event::Stopping { grace } => format!("stopping {}", grace.as_secs()),
            Event::Killing => "killing".to_owned(),
            Event::NotSignalled(error) => error.to_string(),
            Event::NotRemoved(error) => error.to_string(),
        });
    }

    fn status(&self, status: &PodStatus) {
        self.statuses.lock().unwrap().push(status.clone());
    }

    fn log_tail(&self, _: &str, _: u32) -> Option<String> {
        self.log.clone()
    }
}

struct Lived {
    result: Result<Outcome, LifeError>,
    lines: Vec<String>,
    statuses: Vec<PodStatus>,
    asked: Vec<String>,
    engine: Vec<String>,
}

/// Runs a pod of one container, with restarts, until it is over; it is stopped at the first note that begins like `stop_at`.
fn live(
    container: ContainerPlan,
    policy: RestartPolicy,
    prepared: Vec<Result<(), Failed>>,
    stop_at: &'static str,
) -> Lived {
    let log = Arc::new(Log::default());
    let engine: Arc<dyn Engine> = Arc::new(Fake {
        facts: facts(),
        log: Arc::clone(&log),
    });
    let state = tempfile::tempdir().unwrap();
    let pod = PodPlan {
        identity: identity(),
        directory: state.path().join("pod"),
        volumes: Vec::new(),
        init_containers: Vec::new(),
        containers: vec![container],
        grace: Duration::from_mins(10),
        restart_policy: policy,
        active_deadline: None,
        qos_class: Some("BestEffort".to_owned()),
    };
    let answers = Arc::new(Answers {
        prepared: Mutex::new(prepared.into()),
        ..Answers::default()
    });
    let performing: Arc<dyn Perform> = answers.clone();
    let life = Life::with_handlers(Arc::new(HostClock), performing);
    let notes = Notes {
        lines: Mutex::default(),
        statuses: Mutex::default(),
        handle: life.handle(),
        stop_at,
        log: Some("one\ntwo\n".to_owned()),
    };
    let options = Options {
        restarts: true,
        stdio: Stdio::Null,
        terminals: false,
    };
    let result = life.run(&engine, &pod, &options, &notes);
    Lived {
        result,
        lines: notes.lines.into_inner().unwrap(),
        statuses: notes.statuses.into_inner().unwrap(),
        asked: std::mem::take(&mut *answers.asked.lock().unwrap()),
        engine: log.lines(),
    }
}

fn app(name: &str) -> ContainerPlan {
    looked_after(plan(name), Role::Main)
}

fn exec(word: &str) -> Handler {
    Handler::Exec(vec![word.to_owned()])
}

fn no(message: &str) -> Result<(), Failed> {
    Err(Failed {
        message: message.to_owned(),
    })
}

const NEVER: &str = "nothing begins like this";

#[test]
fn each_attempt_has_an_id_of_its_own_and_the_outcome_is_of_the_last() {
    let lived = live(
        app("exits3-a"),
        RestartPolicy::Always,
        Vec::new(),
        "ended exits3-a-1",
    );
    let outcome = lived.result.unwrap();
    assert_eq!(
        lived.lines,
        [
            "started exits3-a 0",
            "ended exits3-a 0 3",
            "started exits3-a-1 1",
            "ended exits3-a-1 1 3"
        ]
    );
    assert_eq!((outcome.ends[0].restarts, outcome.exit_code()), (1, 3));
    assert!(outcome.stopped);
    let last = lived.statuses.last().unwrap();
    assert_eq!(last.phase, Phase::Failed);
    assert_eq!(last.qos_class.as_deref(), Some("BestEffort"));
    assert!(!last.is(crate::status::POD_READY_TO_START_CONTAINERS));
    assert_eq!(lived.statuses.first().unwrap().phase, Phase::Pending);
}

#[test]
fn what_does_not_start_is_said_and_is_no_error_of_a_life_with_restarts() {
    let lived = live(app("missing"), RestartPolicy::Never, Vec::new(), NEVER);
    let outcome = lived.result.unwrap();
    assert_eq!((outcome.exit_code(), outcome.phase), (128, Phase::Failed));
    assert_eq!(lived.lines, ["not started missing 0: start container `missing`"]);
    let ended = &lived.statuses.last().unwrap().container_statuses[0].state;
    let message = ended.terminated.as_ref().unwrap().message.clone().unwrap();
    assert!(message.contains("command `missing` not found"), "{message}");
}

#[test]
fn hooks_are_performed_in_the_attempt_that_runs() {
    let mut app = app("obeys");
    app.hooks = Hooks {
        post_start: Some(exec("begin")),
        pre_stop: Some(exec("end")),
    };
    let lived = live(
        app,
        RestartPolicy::Always,
        vec![no("not well")],
        "started obeys-1",
    );
    lived.result.unwrap();
    assert_eq!(lived.lines[1], "postStart of obeys: not well");
    assert!(
        lived.asked[0].starts_with("Exec([\"begin\"]) in obeys at 127.0.0.1"),
        "{:?}",
        lived.asked
    );
    assert!(
        lived
            .asked
            .iter()
            .any(|asked| asked.starts_with("Exec([\"end\"]) in obeys at")),
        "the first attempt is told before it is asked to stop: {:?}",
        lived.asked
    );
    assert!(
        lived.engine.contains(&"signal obeys Term".to_owned()),
        "{:?}",
        lived.engine
    );
}

#[test]
fn a_failed_liveness_probe_ends_the_attempt() {
    let mut app = app("obeys");
    app.probes.liveness = Some(Probe {
        handler: exec("alive"),
        initial_delay: Duration::ZERO,
        timeout: Duration::from_secs(7),
        period: Duration::from_mins(10),
        success_threshold: 1,
        failure_threshold: 1,
        grace: None,
    });
    let lived = live(app, RestartPolicy::Always, vec![no("silence")], "started obeys-1");
    lived.result.unwrap();
    assert_eq!(
        lived.lines[..4],
        [
            "started obeys 0",
            "liveness of obeys: silence",
            "ended obeys 0 143",
            "started obeys-1 1"
        ]
    );
    assert_eq!(lived.asked[0], "Exec([\"alive\"]) in obeys at 127.0.0.1 for 7s");
}

#[test]
fn the_end_of_the_log_is_the_message_where_the_container_wants_it_and_failed() {
    for (name, or_log, message) in [
        ("exits3-a", true, Some("one\ntwo\n")),
        ("exits3-a", false, None),
        ("exits0-a", true, None),
    ] {
        let mut app = app(name);
        app.termination_message.or_log = or_log;
        let lived = live(app, RestartPolicy::Never, Vec::new(), NEVER);
        let status = &lived.statuses.last().unwrap().container_statuses[0];
        let ended = status.state.terminated.as_ref().unwrap();
        assert_eq!(ended.message.as_deref(), message);
    }
}

#[test]
fn the_termination_message_file_is_there_for_each_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("termination/app");
    let mut app = app("exits3-a");
    app.termination_message.file = Some(file.clone());
    let lived = live(app, RestartPolicy::Never, Vec::new(), NEVER);
    lived.result.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"");
}

#[test]
fn a_life_that_is_over_limits_nobody() {
    let life = Life::new(Arc::new(HostClock));
    let handle = life.handle();
    drop(life);
    let limits = Limits::default();
    let error = handle.set_limits("app", &limits).unwrap_err();
    assert!(matches!(error, LimitsError::Over { .. }), "{error}");
}
