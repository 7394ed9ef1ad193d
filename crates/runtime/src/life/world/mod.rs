//! A world in which lives are tested: time that passes at once, containers that do as they are told, and an eye on what
//! must never happen.

mod kubelet;
mod nature;
mod probes;
mod statuses;
mod stopping;

use std::time::{Duration, Instant};

use super::PodPlan;
use super::machine::{Action, Machine, Moment};
use super::probing::ProbeKind;
use super::report::Report;
use super::tests::{identity, looked_after, plan};
use crate::clock::Timestamp;
use crate::conduct::{ContainerPlan, Handler, Probe, RestartPolicy, Role};
use crate::engine::{Exit, Hits};
use crate::status::{ContainerStatus, PodStatus};

/// What a container does. Times are in seconds.
#[derive(Clone, Debug)]
struct Script {
    /// How long each attempt runs, and its exit code; the last counts for all further ones. `None`: for ever.
    runs: Vec<(Option<u64>, i32)>,
    /// How long it takes to end when it is asked to, with which code; `None`: it does not care.
    obeys: Option<(u64, i32)>,
    undying: bool,
    /// How often it cannot be created, and then cannot be started.
    uncreatable: u32,
    unstartable: u32,
    /// How long its hooks take, and whether postStart is well.
    post_start: (u64, bool),
    pre_stop: u64,
    /// What probes answer, one after the other; the last counts for all further ones. Each takes so long.
    answers: Vec<bool>,
    answers_after: u64,
    oom: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            runs: vec![(None, 0)],
            obeys: Some((0, 143)),
            undying: false,
            uncreatable: 0,
            unstartable: 0,
            post_start: (0, true),
            pre_stop: 0,
            answers: vec![true],
            answers_after: 0,
            oom: false,
        }
    }
}

impl Script {
    fn exits(after: u64, code: i32) -> Self {
        Self {
            runs: vec![(Some(after), code)],
            ..Self::default()
        }
    }

    fn ignores() -> Self {
        Self {
            obeys: None,
            ..Self::default()
        }
    }
}

/// What happens to a container.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Ends(Exit),
    PostStarted(bool),
    PreStopped,
    Answers(ProbeKind, bool),
}

/// A container in the world.
struct Body {
    script: Script,
    /// The attempt that runs.
    runs: Option<u32>,
    asked_probes: usize,
}

struct World {
    pod: PodPlan,
    machine: Machine,
    bodies: Vec<Body>,
    fates: Vec<(Instant, usize, u32, Fate)>,
    start: Instant,
    now: Instant,
    /// How far the host's clock is from where it would be.
    wall: i64,
    log: Vec<String>,
}

const SECOND: Duration = Duration::from_secs(1);

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn container(name: &str, role: Role) -> ContainerPlan {
    looked_after(plan(name), role)
}

fn main_container(name: &str) -> ContainerPlan {
    container(name, Role::Main)
}

fn exec() -> Handler {
    Handler::Exec(vec!["true".to_owned()])
}

fn probe(initial_delay: u64, period: u64, failure_threshold: u32) -> Probe {
    Probe {
        handler: exec(),
        initial_delay: seconds(initial_delay),
        timeout: SECOND,
        period: seconds(period),
        success_threshold: 1,
        failure_threshold,
        grace: None,
    }
}

/// A pod of these containers, init containers first, with a grace of 30 s.
fn pod(policy: RestartPolicy, containers: &[ContainerPlan]) -> PodPlan {
    let (init, main) = containers
        .iter()
        .cloned()
        .partition(|container| container.role != Role::Main);
    PodPlan {
        identity: identity(),
        directory: std::path::PathBuf::new(),
        volumes: Vec::new(),
        init_containers: init,
        containers: main,
        grace: seconds(30),
        restart_policy: policy,
        active_deadline: None,
        qos_class: None,
    }
}

impl World {
    /// The scripts are in the order of the init containers and then the containers.
    fn new(pod: PodPlan, scripts: &[Script]) -> Self {
        Self::with_restarts(pod, scripts, true)
    }

    fn with_restarts(pod: PodPlan, scripts: &[Script], restarts: bool) -> Self {
        let now = Instant::now();
        let began = Moment {
            now,
            date: Timestamp::from_unix(0),
        };
        let machine = Machine::new(&pod, restarts.then_some(pod.restart_policy), began);
        assert_eq!(
            machine.members.len(),
            scripts.len(),
            "every container has a script"
        );
        Self {
            pod,
            machine,
            bodies: scripts
                .iter()
                .map(|script| Body {
                    script: script.clone(),
                    runs: None,
                    asked_probes: 0,
                })
                .collect(),
            fates: Vec::new(),
            start: now,
            now,
            wall: 0,
            log: Vec::new(),
        }
    }

    fn moment(&self) -> Moment {
        let elapsed = i64::try_from((self.now - self.start).as_secs()).unwrap();
        Moment {
            now: self.now,
            date: Timestamp::from_unix(elapsed + self.wall),
        }
    }

    fn name(&self, index: usize) -> &str {
        let mut all = self.pod.init_containers.iter().chain(&self.pod.containers);
        &all.nth(index).unwrap().plan.container
    }

    fn say(&mut self, what: &str, index: usize) {
        let line = format!(
            "{} {what} {}#{}",
            (self.now - self.start).as_secs(),
            self.name(index),
            self.machine.members[index].attempt
        );
        self.log.push(line);
    }

    /// Lets the world go on for so many seconds from now, or until the life is over.
    fn pass(&mut self, time: u64) {
        let until = self.now + seconds(time);
        loop {
            let mut actions = 0;
            while let Some(action) = self.machine.next(self.moment()) {
                self.act(&action);
                actions += 1;
                assert!(actions < 1000, "the machine comes to rest: {:?}", self.log);
            }
            if self.machine.over {
                assert!(
                    self.bodies
                        .iter()
                        .all(|body| body.runs.is_none() || body.script.undying),
                    "nothing runs when the life is over: {:?}",
                    self.log
                );
                return;
            }
            let wakes = self.machine.wakes();
            if let Some(wakes) = wakes {
                assert!(wakes > self.now, "an alarm is of the future: {:?}", self.log);
            }
            let fate = self.fates.iter().map(|fate| fate.0).min();
            match wakes.into_iter().chain(fate).min().filter(|next| *next <= until) {
                None => break,
                Some(next) => self.now = next,
            }
            self.happen();
        }
        self.now = until;
    }

    fn over(&mut self) -> &mut Self {
        self.pass(100_000);
        assert!(self.machine.over, "the life is over: {:?}", self.log);
        self
    }

    fn happen(&mut self) {
        while let Some(next) = self.fates.iter().position(|fate| fate.0 <= self.now) {
            let (_, index, attempt, fate) = self.fates.remove(next);
            let at = self.moment();
            let key = (index, attempt);
            let present = self.bodies[index].runs == Some(attempt);
            match fate {
                Fate::Ends(exit) if present => {
                    self.bodies[index].runs = None;
                    self.say("ended", index);
                    let hits = Hits {
                        oom_kills: self.bodies[index].script.oom.into(),
                        ..Hits::default()
                    };
                    self.machine.ended(key, exit, hits, None, at);
                }
                Fate::Ends(_) => {}
                Fate::PostStarted(well) => {
                    let result = if well { Ok(()) } else { Err("no".to_owned()) };
                    self.machine.post_started(key, result, at.now);
                }
                Fate::PreStopped => self.machine.pre_stopped(key),
                Fate::Answers(kind, success) => self.machine.probed(key, kind, success, at.now),
            }
        }
    }

    fn later(&mut self, index: usize, after: u64, fate: Fate) {
        let attempt = self.machine.members[index].attempt;
        self.fates.push((self.now + seconds(after), index, attempt, fate));
    }

    fn act(&mut self, action: &Action) {
        let at = self.moment();
        match *action {
            Action::Create(index) => {
                assert_eq!(
                    self.bodies[index].runs, None,
                    "one attempt at a time: {:?}",
                    self.log
                );
                self.say("create", index);
                let script = &mut self.bodies[index].script;
                if script.uncreatable > 0 {
                    script.uncreatable -= 1;
                    self.machine.not_created(index, "no room".to_owned(), at.now);
                }
            }
            Action::Start(index) => {
                assert_eq!(
                    self.bodies[index].runs, None,
                    "one attempt at a time: {:?}",
                    self.log
                );
                self.say("start", index);
                let attempt = self.machine.members[index].attempt;
                let body = &mut self.bodies[index];
                if body.script.unstartable > 0 {
                    body.script.unstartable -= 1;
                    self.machine.not_started(index, "no program".to_owned(), at);
                    return;
                }
                body.runs = Some(attempt);
                let runs = &body.script.runs;
                let (time, code) = runs[usize::try_from(attempt).unwrap().min(runs.len() - 1)];
                self.machine.started(index, at);
                if let Some(time) = time {
                    self.later(index, time, Fate::Ends(Exit::Code(code)));
                }
            }
            Action::Discard(index) => self.say("discard", index),
            Action::PostStart(index) => {
                self.present("post-start", index);
                let (time, well) = self.bodies[index].script.post_start;
                self.later(index, time, Fate::PostStarted(well));
            }
            Action::PreStop(index, limit) => {
                self.present("pre-stop", index);
                let time = self.bodies[index].script.pre_stop.min(limit.as_secs() + 60);
                self.later(index, time, Fate::PreStopped);
            }
            Action::Probe(index, kind) => {
                self.present(kind.name(), index);
                let body = &mut self.bodies[index];
                let answers = &body.script.answers;
                let answer = answers[body.asked_probes.min(answers.len() - 1)];
                body.asked_probes += 1;
                let after = body.script.answers_after;
                self.later(index, after, Fate::Answers(kind, answer));
            }
            Action::Ask(index) => {
                self.present("ask", index);
                if let Some((time, code)) = self.bodies[index].script.obeys {
                    self.later(index, time, Fate::Ends(Exit::Code(code)));
                }
            }
            Action::Kill(index) => {
                self.present("kill", index);
                if !self.bodies[index].script.undying {
                    self.later(index, 0, Fate::Ends(Exit::Signal(9)));
                }
            }
            Action::GiveUp(index) => self.say("give-up", index),
            Action::SayStopping(grace) => self.log.push(format!("stopping {}", grace.as_secs())),
        }
    }

    /// What is done to a container is done to one that runs.
    fn present(&mut self, what: &str, index: usize) {
        let attempt = self.machine.members[index].attempt;
        assert_eq!(
            self.bodies[index].runs,
            Some(attempt),
            "{what} is for a container that runs: {:?}",
            self.log
        );
        self.say(what, index);
    }

    /// The lines of the log with this word.
    fn lines(&self, word: &str) -> Vec<&str> {
        self.log
            .iter()
            .map(String::as_str)
            .filter(|line| line.split(' ').any(|part| part == word))
            .collect()
    }

    fn status(&self) -> PodStatus {
        let mut report = Report {
            pod: &self.pod,
            address: "10.0.0.1",
            prepared: true,
            conditions: Vec::new(),
        };
        report.status(&self.machine, self.moment().date)
    }

    /// The status of the container of that name.
    fn container(&self, name: &str) -> ContainerStatus {
        let status = self.status();
        let mut all = status
            .init_container_statuses
            .into_iter()
            .chain(status.container_statuses);
        all.find(|container| container.name == name).unwrap()
    }

    fn waiting(&self, name: &str) -> (String, Option<String>) {
        let waiting = self.container(name).state.waiting.unwrap();
        (waiting.reason, waiting.message)
    }
}
