use std::sync::{Condvar, Mutex};

use super::*;
use crate::clock::HostClock;
use crate::conduct::{ContainerPlan, RestartPolicy, Role};
use crate::engine::{Created, Engine, HostFacts, Os, Signal};
use crate::plan::{CommandLine, Limits, Rootfs, Stop, User, View};

/// What a fake container does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Script {
    /// Ends by itself.
    Exits(i32),
    /// Ends when it is signalled.
    Obeys,
    /// Ends when it is killed.
    Ignores,
    /// Cannot be created.
    Uncreatable,
    /// Its program is not there.
    Missing,
    /// Ends, and cannot be removed.
    Sticks,
}

#[derive(Default)]
pub(super) struct Log(Mutex<Vec<String>>);

impl Log {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

pub(super) struct Fake {
    pub(super) facts: HostFacts,
    pub(super) log: Arc<Log>,
}

fn script(plan: &Plan) -> Script {
    match plan.container.split('-').next().unwrap() {
        "obeys" => Script::Obeys,
        "ignores" => Script::Ignores,
        "uncreatable" => Script::Uncreatable,
        "missing" => Script::Missing,
        "sticks" => Script::Sticks,
        code => Script::Exits(code.strip_prefix("exits").unwrap().parse().unwrap()),
    }
}

impl Engine for Fake {
    fn facts(&self) -> &HostFacts {
        &self.facts
    }

    fn create(&self, plan: &Plan, _: Stdio) -> Result<Box<dyn Created>, CreateError> {
        if script(plan) == Script::Uncreatable {
            return Err(CreateError::Host {
                doing: "be created".to_owned(),
                reason: "cannot".to_owned(),
            });
        }
        self.log.add(format!("create {}", plan.container));
        Ok(Box::new(FakeCreated {
            name: plan.container.clone(),
            script: script(plan),
            log: Arc::clone(&self.log),
            started: false,
        }))
    }

    fn sweep_but(&self, _: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DeleteError> {
        Ok(Vec::new())
    }
}

struct FakeCreated {
    name: String,
    script: Script,
    log: Arc<Log>,
    started: bool,
}

impl Created for FakeCreated {
    fn start(mut self: Box<Self>) -> Result<Arc<dyn Running>, StartError> {
        self.started = true;
        if self.script == Script::Missing {
            return Err(StartError::NotFound {
                command: self.name.clone(),
                tried: Vec::new(),
            });
        }
        self.log.add(format!("start {}", self.name));
        let exit = match self.script {
            Script::Exits(code) => Some(Exit::Code(code)),
            Script::Sticks => Some(Exit::Code(0)),
            _ => None,
        };
        Ok(Arc::new(FakeRunning {
            name: self.name.clone(),
            script: self.script,
            log: Arc::clone(&self.log),
            exit: Mutex::new(exit),
            ended: Condvar::new(),
        }))
    }
}

impl Drop for FakeCreated {
    fn drop(&mut self) {
        if !self.started {
            self.log.add(format!("undo {}", self.name));
        }
    }
}

struct FakeRunning {
    name: String,
    script: Script,
    log: Arc<Log>,
    exit: Mutex<Option<Exit>>,
    ended: Condvar,
}

impl FakeRunning {
    fn end(&self, exit: Exit) {
        self.exit.lock().unwrap().get_or_insert(exit);
        self.ended.notify_all();
    }
}

impl Running for FakeRunning {
    fn pid(&self) -> u32 {
        1
    }

    fn take_output(&self) -> Option<Output> {
        None
    }

    fn wait(&self) -> Exit {
        self.wait_for(Duration::from_secs(30))
            .expect("the container ends within 30 s")
    }

    fn wait_for(&self, limit: Duration) -> Option<Exit> {
        let exit = self.exit.lock().unwrap();
        *self
            .ended
            .wait_timeout_while(exit, limit, |exit| exit.is_none())
            .unwrap()
            .0
    }

    fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        self.log.add(format!("signal {} {signal:?}", self.name));
        if self.script == Script::Obeys {
            self.end(Exit::Signal(15));
        }
        Ok(())
    }

    fn kill(&self) -> Result<(), SignalError> {
        self.log.add(format!("kill {}", self.name));
        self.end(Exit::Signal(9));
        Ok(())
    }

    fn delete(&self) -> Result<(), DeleteError> {
        self.log.add(format!("delete {}", self.name));
        self.end(Exit::Signal(9));
        if self.script == Script::Sticks {
            let source = std::io::Error::other("busy");
            return Err(DeleteError {
                id: self.name.clone(),
                what: "cgroup".to_owned(),
                source,
            });
        }
        Ok(())
    }
}

pub(super) fn plan(container: &str) -> Plan {
    Plan {
        id: container.to_owned(),
        pod: identity(),
        container: container.to_owned(),
        rootfs: Rootfs::Empty,
        view: View::Private,
        command: CommandLine::Arguments(vec![container.to_owned()]),
        working_directory: None,
        environment: Vec::new(),
        mounts: Vec::new(),
        user: User::Inherit,
        limits: Limits::default(),
        stop: Stop {
            signal: Signal::Term,
            grace: Duration::from_secs(30),
        },
        credential_spec: None,
        streams: crate::plan::Streams::default(),
    }
}

pub(super) fn looked_after(plan: Plan, role: Role) -> ContainerPlan {
    ContainerPlan {
        plan,
        image: "app".to_owned(),
        role,
        probes: crate::conduct::Probes::default(),
        hooks: crate::conduct::Hooks::default(),
        termination_message: crate::conduct::TerminationMessage::default(),
    }
}

pub(super) fn facts() -> HostFacts {
    HostFacts {
        os: Os::Linux,
        hostname: "h".to_owned(),
        address: "127.0.0.1".to_owned(),
        views: vec![View::Private],
        lacks: Vec::new(),
    }
}

pub(super) fn identity() -> PodIdentity {
    PodIdentity {
        namespace: "default".to_owned(),
        name: "p".to_owned(),
        uid: "1".to_owned(),
    }
}

/// Wishes for stops, each when the number of events named has been seen.
struct Watcher {
    volume: PathBuf,
    seen: Mutex<usize>,
    stops: Vec<usize>,
    handle: LifeHandle,
}

impl Observer for Watcher {
    fn event(&self, event: Event<'_>) {
        if matches!(event, Event::Started { .. }) {
            assert!(
                self.volume.is_dir(),
                "volumes are there before the first container"
            );
        }
        let mut seen = self.seen.lock().unwrap();
        *seen += 1;
        for _ in self.stops.iter().filter(|stop| **stop == *seen) {
            self.handle.stop(None);
        }
    }

    fn status(&self, _: &PodStatus) {}
}

/// Runs a pod of these containers; `stops` wishes to stop are made, each when the number of events named has been seen.
fn live(
    init: &[&str],
    main: &[&str],
    grace: Duration,
    stops: &[usize],
) -> (Result<Outcome, LifeError>, Vec<String>) {
    let log = Arc::new(Log::default());
    let engine: Arc<dyn Engine> = Arc::new(Fake {
        facts: facts(),
        log: Arc::clone(&log),
    });
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("pods/default_p_1");
    let volume = Volume {
        name: "scratch".to_owned(),
        path: directory.join("volumes/scratch"),
        content: crate::volumes::Content::Empty(crate::volumes::EmptyDir::default()),
    };
    let pod = PodPlan {
        identity: identity(),
        directory: directory.clone(),
        volumes: vec![volume],
        init_containers: init
            .iter()
            .map(|name| looked_after(plan(name), Role::Init))
            .collect(),
        containers: main
            .iter()
            .map(|name| looked_after(plan(name), Role::Main))
            .collect(),
        grace,
        restart_policy: RestartPolicy::Never,
        active_deadline: None,
        qos_class: None,
    };
    let life = Life::new(Arc::new(HostClock));
    let handle = life.handle();
    if stops.contains(&0) {
        handle.stop(None);
    }
    let watcher = Watcher {
        volume: directory.join("volumes/scratch"),
        seen: Mutex::new(0),
        stops: stops.to_vec(),
        handle,
    };
    let options = Options {
        restarts: false,
        stdio: Stdio::Null,
        terminals: false,
    };
    let result = life.run(&engine, &pod, &options, &watcher);
    assert!(!directory.exists(), "volumes are gone whatever happened");
    (result, log.lines())
}

const LONG: Duration = Duration::from_mins(10);

#[test]
fn runs_init_containers_in_order_and_then_all_containers() {
    let (result, log) = live(&["exits0-a", "exits0-b"], &["exits0-c", "exits0-d"], LONG, &[]);
    assert_eq!(result.unwrap().exit_code(), 0);
    let mut order: Vec<&str> = log.iter().map(String::as_str).collect();
    // The first of those side by side may be over before the last one starts.
    order.retain(|line| *line != "delete exits0-c");
    assert_eq!(
        order[..10],
        [
            "create exits0-a",
            "start exits0-a",
            "delete exits0-a",
            "create exits0-b",
            "start exits0-b",
            "delete exits0-b",
            "create exits0-c",
            "create exits0-d",
            "start exits0-c",
            "start exits0-d"
        ]
    );
}

#[test]
fn a_failed_init_container_fails_the_pod() {
    let (result, log) = live(&["exits3-a", "exits0-b"], &["exits0-c"], LONG, &[]);
    let outcome = result.unwrap();
    assert_eq!(outcome.exit_code(), 3);
    let end = End {
        container: "exits3-a".to_owned(),
        role: Role::Init,
        exit: Exit::Code(3),
        restarts: 0,
    };
    assert_eq!(outcome.ends, [end]);
    assert_eq!(log, ["create exits3-a", "start exits3-a", "delete exits3-a"]);
}

#[test]
fn answers_with_the_first_failure_in_the_order_of_the_spec() {
    let (result, _) = live(&["exits0-a"], &["exits0-b", "exits5-c", "exits4-d"], LONG, &[]);
    assert_eq!(result.unwrap().exit_code(), 5);
}

#[test]
fn undoes_what_was_created_when_a_container_cannot_be() {
    let (result, log) = live(&[], &["exits0-a", "uncreatable"], LONG, &[]);
    assert!(matches!(result, Err(LifeError::Create { container, .. }) if container == "uncreatable"));
    assert_eq!(log, ["create exits0-a", "undo exits0-a"]);
}

#[test]
fn kills_the_others_when_a_program_is_missing() {
    let (result, log) = live(&[], &["ignores-a", "missing", "exits0-c"], LONG, &[]);
    assert!(matches!(result, Err(LifeError::Start { container, .. }) if container == "missing"));
    for line in ["kill ignores-a", "delete ignores-a", "undo exits0-c"] {
        assert!(log.contains(&line.to_owned()), "{line}: {log:?}");
    }
    assert!(!log.contains(&"start exits0-c".to_owned()));
}

#[test]
fn a_stop_lets_containers_end_within_the_grace() {
    let (result, log) = live(&[], &["obeys-a", "obeys-b"], LONG, &[2]);
    let outcome = result.unwrap();
    assert!(outcome.stopped);
    assert_eq!(outcome.exit_code(), 143);
    assert!(
        log.contains(&"signal obeys-a Term".to_owned()) && log.contains(&"signal obeys-b Term".to_owned())
    );
    assert!(!log.iter().any(|line| line.starts_with("kill")), "{log:?}");
}

#[test]
fn kills_what_outlives_the_grace() {
    let (result, log) = live(&[], &["ignores-a"], Duration::ZERO, &[1]);
    assert_eq!(result.unwrap().exit_code(), 137);
    assert!(log.contains(&"kill ignores-a".to_owned()));
}

#[test]
fn a_second_stop_kills_at_once() {
    let (result, log) = live(&[], &["ignores-a"], LONG, &[1, 2]);
    assert_eq!(result.unwrap().exit_code(), 137);
    assert!(log.contains(&"kill ignores-a".to_owned()));
}

#[test]
fn a_stop_during_an_init_container_starts_nothing_more() {
    let (result, log) = live(&["obeys-a"], &["exits0-b"], LONG, &[1]);
    assert!(result.unwrap().stopped);
    assert!(!log.contains(&"create exits0-b".to_owned()), "{log:?}");
}

#[test]
fn a_stop_before_the_first_container_starts_nothing() {
    let (result, log) = live(&[], &["exits0-a"], LONG, &[0]);
    assert!(result.unwrap().stopped);
    assert_eq!(log, Vec::<String>::new());
}

#[test]
fn says_what_could_not_be_removed() {
    let (result, _) = live(&[], &["sticks-a"], LONG, &[]);
    let outcome = result.unwrap();
    assert_eq!(outcome.left, ["remove cgroup of container `sticks-a`: busy"]);
    // Its container did what it was to do.
    assert_eq!((outcome.phase, outcome.exit_code()), (Phase::Succeeded, 0));
}
