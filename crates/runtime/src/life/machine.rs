//! The rules of a pod's life, without time, threads or containers of its own.
//!
//! The machine is told what has happened and what the time is, and is asked what is to be done [`next`](Machine::next) and
//! when it wants to be asked again. It never acts: so a test goes through years of a life in no time, and what is asked is
//! always of the present and never of a queue of old intentions.

use std::time::{Duration, Instant};

use super::ending::PodEnding;
use super::member::{End, Hook, Member, State, Step, Wait};
use super::probing::ProbeKind;
use super::{PodFailure, PodPlan, after};
use crate::clock::Timestamp;
use crate::conduct::{RestartPolicy, Role};
use crate::engine::{Exit, Hits};

/// How long a container that could not be created waits for the next try; the kubelet's, without its random part.
const RETRY: Duration = Duration::from_secs(10);

/// The moment in both of its measures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Instant,
    pub(super) date: Timestamp,
}

/// What is to be done. Containers are counted through init containers and containers, in the order of the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create(usize),
    Start(usize),
    /// Undo what was created and is not wanted any more.
    Discard(usize),
    PostStart(usize),
    /// For at most so long.
    PreStop(usize, Duration),
    Probe(usize, ProbeKind),
    /// Send the stop signal.
    Ask(usize),
    Kill(usize),
    /// It does not end although it was killed: nobody waits for it any more.
    GiveUp(usize),
    /// Say that the pod is being stopped, and how long its containers have.
    SayStopping(Duration),
}

/// One life.
pub(super) struct Machine {
    pub(super) members: Vec<Member>,
    /// How many of them are init containers.
    pub(super) inits: usize,
    /// What is started again; nothing is where there is none.
    restarts: Option<RestartPolicy>,
    pub(super) grace: Duration,
    deadline: Option<Instant>,
    /// The first init container that is not done; `inits` when the pod is initialized.
    pub(super) frontier: usize,
    pub(super) began: Moment,
    pub(super) ending: Option<PodEnding>,
    pub(super) stopped: bool,
    pub(super) failure: Option<PodFailure>,
    pub(super) over: bool,
    /// The pod's status is another one than when this was last cleared.
    pub(super) changed: bool,
}

impl Machine {
    pub(super) fn new(pod: &PodPlan, restarts: Option<RestartPolicy>, began: Moment) -> Self {
        let all = pod.init_containers.iter().chain(&pod.containers);
        Self {
            members: all.map(Member::new).collect(),
            inits: pod.init_containers.len(),
            restarts,
            grace: pod.grace,
            deadline: pod.active_deadline.map(|deadline| after(began.now, deadline)),
            frontier: 0,
            began,
            ending: None,
            stopped: false,
            failure: None,
            over: false,
            changed: true,
        }
    }

    /// What is started again, where nothing is as good as `Never`.
    pub(super) fn policy(&self) -> RestartPolicy {
        self.restarts.unwrap_or(RestartPolicy::Never)
    }

    /// What is to be done now, one thing at a time, which is noted as done. Nothing: see [`wakes`](Self::wakes).
    pub(super) fn next(&mut self, at: Moment) -> Option<Action> {
        let now = at.now;
        if self.over {
            return None;
        }
        self.settle(now);
        if let Some(grace) = self.ending.as_mut().and_then(|ending| ending.say_stopping.take()) {
            return Some(Action::SayStopping(grace));
        }
        for index in 0..self.members.len() {
            if let Some(action) = self.step(index, at) {
                return Some(action);
            }
        }
        self.begin_one(now)
    }

    /// When there is something to do next, if nothing happens before; nothing where only what happens counts.
    pub(super) fn wakes(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        let deadline = self.deadline.filter(|_| self.ending.is_none());
        self.members
            .iter()
            .enumerate()
            .filter_map(|(index, member)| match member.state {
                State::Waiting(_) if !self.has_turn(index) => None,
                _ => member.wakes(),
            })
            .chain(deadline)
            .min()
    }

    /// What follows from the present state by itself.
    fn settle(&mut self, now: Instant) {
        if self.ending.is_none() && self.deadline.is_some_and(|deadline| deadline <= now) {
            self.fail(
                "DeadlineExceeded",
                "Pod was active on the node longer than the specified deadline",
            );
            self.end(now, self.grace, true);
        }
        while self.frontier < self.inits
            && let Some(member) = self.members.get(self.frontier)
            && match member.role {
                Role::Sidecar => member.was_started,
                Role::Init | Role::Main => member.has_succeeded(),
            }
        {
            self.frontier += 1;
            self.changed = true;
        }
        let (inits, mains) = self.members.split_at(self.inits.min(self.members.len()));
        let ended = |member: &Member| matches!(member.state, State::Ended);
        // An init container that has ended for good without having done its part, or nothing left but sidecars.
        let hopeless = inits.get(self.frontier).is_some_and(ended);
        if self.ending.is_none() && (hopeless || mains.iter().all(ended)) {
            self.end(now, self.grace, false);
        }
        if self.ending.is_some()
            && !self
                .members
                .iter()
                .any(|member| matches!(member.state, State::Created | State::Running(_)))
        {
            self.over = true;
            self.changed = true;
        }
    }

    /// The next thing to do about a container that is created or runs.
    fn step(&mut self, index: usize, at: Moment) -> Option<Action> {
        let turn = self.may_end(index);
        let ends = self.ending.is_some();
        let member = self.members.get_mut(index)?;
        if matches!(member.state, State::Created) && ends {
            member.forget();
            return Some(Action::Discard(index));
        }
        let before = member.is_started();
        let step = member.step(at.now, turn);
        self.changed |= before != member.is_started();
        Some(match step? {
            Step::PostStart => Action::PostStart(index),
            Step::PreStop(limit) => Action::PreStop(index, limit),
            Step::Ask => Action::Ask(index),
            Step::Probe(kind) => Action::Probe(index, kind),
            Step::GiveUp => {
                self.give_up(index, at);
                Action::GiveUp(index)
            }
            Step::Kill => Action::Kill(index),
        })
    }

    /// Creates what may be, then starts the first that may be: containers side by side are all there before one runs.
    fn begin_one(&mut self, now: Instant) -> Option<Action> {
        if self.ending.is_some() {
            return None;
        }
        for index in 0..self.members.len() {
            if !self.has_turn(index) {
                continue;
            }
            let member = self.members.get_mut(index)?;
            if matches!(member.state, State::Waiting(_)) && member.wakes().is_none_or(|until| until <= now) {
                if let Some(ended) = &member.ended {
                    member.back_off.restarted(ended.at, now);
                }
                member.state = State::Created;
                return Some(Action::Create(index));
            }
        }
        let mut before = true;
        for (index, member) in self.members.iter().enumerate() {
            let first = member.attempt == 0 && !member.let_next && index >= self.inits;
            if matches!(member.state, State::Created) && (before || !first) {
                return Some(Action::Start(index));
            }
            // The first start of a container comes after the postStart hooks of those before it.
            before &= index < self.inits || member.let_next;
        }
        None
    }

    /// Whether it is a container's turn, so that it is started whenever it does not run.
    fn has_turn(&self, index: usize) -> bool {
        self.ending.is_none()
            && if index < self.inits {
                index <= self.frontier
            } else {
                self.frontier == self.inits
            }
    }

    /// A container could not be created. Without restarts the pod is ended by [`abandon`](Self::abandon) as well.
    pub(super) fn not_created(&mut self, index: usize, message: String, now: Instant) {
        if let Some(member) = self.members.get_mut(index) {
            member.let_next = true;
            member.state = State::Waiting(Wait::Retry {
                until: after(now, RETRY),
                message,
            });
            self.changed = true;
        }
    }

    /// A container's program runs.
    pub(super) fn started(&mut self, index: usize, at: Moment) {
        if let Some(member) = self.members.get_mut(index) {
            member.begin(at.now, at.date);
            self.changed = true;
        }
    }

    /// A container's program did not start, which counts as an end of it.
    pub(super) fn not_started(&mut self, index: usize, message: String, at: Moment) {
        if let Some(member) = self.members.get_mut(index) {
            member.let_next = true;
            let end = End {
                attempt: member.attempt,
                exit: Exit::Code(128),
                reason: "StartError",
                message: Some(message),
                started: None,
                finished: at.date,
                at: at.now,
            };
            self.finish(index, end, true);
        }
    }

    /// An attempt has ended, and nothing of it is left.
    pub(super) fn ended(
        &mut self,
        (index, attempt): (usize, u32),
        exit: Exit,
        hits: Hits,
        message: Option<String>,
        at: Moment,
    ) {
        let Some(member) = self
            .members
            .get_mut(index)
            .filter(|member| member.attempt == attempt && member.run().is_some())
        else {
            return;
        };
        member.let_next = true;
        let because = member.because().map(str::to_owned);
        let killed = matches!(exit, Exit::Signal(9) | Exit::Code(137));
        let end = End {
            attempt,
            exit,
            reason: match exit.code() {
                0 => "Completed",
                _ if hits.oom_kills > 0 && killed => "OOMKilled",
                _ => "Error",
            },
            message: message.or_else(|| because.clone()),
            started: member.run().map(|run| run.since_date),
            finished: at.date,
            at: at.now,
        };
        self.finish(index, end, because.is_some());
    }

    /// Decides whether the container is started again. `failed`: it has failed whatever its exit code.
    fn finish(&mut self, index: usize, end: End, failed: bool) {
        self.changed = true;
        let failed = failed || end.exit.code() != 0;
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let again = self.ending.is_none()
            && match (self.restarts, member.role) {
                (Some(_), Role::Sidecar) | (Some(RestartPolicy::Always), Role::Main) => true,
                (None | Some(RestartPolicy::Never), _) => false,
                (Some(_), Role::Init | Role::Main) => failed,
            };
        member.state = match (again, member.back_off.delay(end.at)) {
            (false, _) => State::Ended,
            (true, None) => State::Waiting(Wait::Turn),
            (true, Some(delay)) => State::Waiting(Wait::BackOff {
                until: after(end.at, delay),
                delay,
            }),
        };
        if again {
            member.attempt += 1;
        }
        member.before = member.ended.replace(end);
    }

    /// A postStart hook is over. When it failed the container is killed.
    pub(super) fn post_started(
        &mut self,
        (index, attempt): (usize, u32),
        result: Result<(), String>,
        now: Instant,
    ) {
        let grace = self.grace;
        let Some(member) = self.present(index, attempt) else {
            return;
        };
        let Some(run) = member.run_mut().filter(|run| run.post_start == Hook::Told) else {
            return;
        };
        match result {
            Ok(()) => {
                run.post_start = Hook::Done;
                member.come_further(now);
            }
            Err(_) if run.ending.is_some() => {}
            Err(message) => member.end(now, grace, Some(format!("FailedPostStartHook: {message}"))),
        }
        self.changed = true;
    }

    /// A preStop hook is over. Whether it failed makes no difference.
    pub(super) fn pre_stopped(&mut self, (index, attempt): (usize, u32)) {
        if let Some(ending) = self
            .present(index, attempt)
            .and_then(Member::run_mut)
            .and_then(|run| run.ending.as_mut())
            && ending.pre_stop == Hook::Told
        {
            ending.pre_stop = Hook::Done;
        }
    }

    /// A probe has its answer.
    pub(super) fn probed(
        &mut self,
        (index, attempt): (usize, u32),
        kind: ProbeKind,
        success: bool,
        now: Instant,
    ) {
        let pod_grace = self.grace;
        let Some(member) = self.present(index, attempt) else {
            return;
        };
        let Some(probe) = member.probe(kind).cloned() else {
            return;
        };
        let name = kind.name();
        let Some(run) = member.run_mut() else { return };
        let counted = match kind {
            ProbeKind::Startup => run.probing[0].answered(&probe, success, now),
            ProbeKind::Readiness => run.probing[1].answered(&probe, success, now),
            ProbeKind::Liveness => run.probing[2].answered(&probe, success, now),
        };
        match (kind, counted) {
            (_, None) | (ProbeKind::Liveness, Some(true)) => return,
            (ProbeKind::Readiness, Some(ready)) => {
                if std::mem::replace(&mut run.ready, ready) == ready {
                    return;
                }
            }
            (ProbeKind::Startup, Some(true)) => {
                run.startup = true;
                member.come_further(now);
            }
            (ProbeKind::Startup | ProbeKind::Liveness, Some(false)) => {
                if run.ending.is_some() {
                    return;
                }
                let because = format!("the container failed its {name} probe");
                member.end(now, probe.grace.unwrap_or(pod_grace), Some(because));
            }
        }
        self.changed = true;
    }

    fn present(&mut self, index: usize, attempt: u32) -> Option<&mut Member> {
        self.members
            .get_mut(index)
            .filter(|member| member.attempt == attempt && member.run().is_some())
    }
}
