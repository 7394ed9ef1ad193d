//! One container of a pod in the machine: where its present attempt is, and how the last ones ended.

use std::time::{Duration, Instant};

use super::after;
use super::backoff::BackOff;
use super::probing::{ProbeKind, Probing};
use crate::clock::Timestamp;
use crate::conduct::{ContainerPlan, Handler, Hooks, Probe, Probes, Role};
use crate::engine::Exit;

/// How long a killed container may take to be gone, before the life gives up on it.
pub(super) const KILL_LIMIT: Duration = Duration::from_secs(30);

/// What a container has at least after its stop signal, where its hook or its turn has used up the grace; the kubelet's.
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// One container.
pub(super) struct Member {
    pub(super) role: Role,
    pub(super) probes: Probes,
    pub(super) hooks: Hooks,
    pub(super) state: State,
    /// The present attempt, or the next one where none is under way.
    pub(super) attempt: u32,
    pub(super) back_off: BackOff,
    /// How the last attempt ended, and the one before it.
    pub(super) ended: Option<End>,
    pub(super) before: Option<End>,
    /// It could once be said of it that it has started: what waits for a sidecar goes on then.
    pub(super) was_started: bool,
    /// Its first start has been tried, and its postStart hook is done: the next container may be started.
    pub(super) let_next: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) attempt: u32,
    pub(super) exit: Exit,
    pub(super) reason: &'static str,
    pub(super) message: Option<String>,
    pub(super) started: Option<Timestamp>,
    pub(super) finished: Timestamp,
    pub(super) at: Instant,
}

/// Where a container is.
pub(super) enum State {
    /// To be created.
    Waiting(Wait),
    /// To be started.
    Created,
    /// Its program runs.
    Running(Box<Run>),
    /// For good; [`Member::ended`] says how.
    Ended,
}

/// What a container that is to be created waits for, besides its turn.
pub(super) enum Wait {
    /// Nothing.
    Turn,
    /// The end of its back-off, which is so long.
    BackOff { until: Instant, delay: Duration },
    /// The next try, because it could not be created.
    Retry { until: Instant, message: String },
}

impl Wait {
    fn until(&self) -> Option<Instant> {
        match self {
            Self::Turn => None,
            Self::BackOff { until, .. } | Self::Retry { until, .. } => Some(*until),
        }
    }
}

/// An attempt whose program runs.
pub(super) struct Run {
    pub(super) since: Instant,
    pub(super) since_date: Timestamp,
    pub(super) post_start: Hook,
    /// The startup probe has succeeded, or there is none.
    pub(super) startup: bool,
    /// What the readiness probe has come to; as good as its start where there is none.
    pub(super) ready: bool,
    pub(super) probing: [Probing; 3],
    pub(super) ending: Option<Ending>,
}

/// Where a hook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// To be told.
    Due,
    /// Being told.
    Told,
    /// A pause until then.
    Sleeps(Instant),
    /// There is none, or it is over.
    Done,
}

/// An attempt that is to end.
pub(super) struct Ending {
    /// The end of its grace.
    pub(super) until: Instant,
    pub(super) pre_stop: Hook,
    /// The hook or its turn has taken of the grace.
    late: bool,
    pub(super) asked: bool,
    killed: Option<Instant>,
    /// Why, where it is not because the pod ends: so that it is started again, and for people.
    because: Option<String>,
}

/// The next thing to do about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    PostStart,
    PreStop(Duration),
    Ask,
    Kill,
    GiveUp,
    Probe(ProbeKind),
}

const KINDS: [ProbeKind; 3] = [ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness];

impl Member {
    pub(super) fn new(container: &ContainerPlan) -> Self {
        Self {
            role: container.role,
            probes: container.probes.clone(),
            hooks: container.hooks.clone(),
            state: State::Waiting(Wait::Turn),
            attempt: 0,
            back_off: BackOff::default(),
            ended: None,
            before: None,
            was_started: false,
            let_next: false,
        }
    }

    /// The attempt that was to come does not: the container is as it was before it.
    pub(super) fn forget(&mut self) {
        if let Some(end) = &self.ended {
            self.attempt = end.attempt;
            self.state = State::Ended;
        } else {
            self.state = State::Waiting(Wait::Turn);
        }
    }

    pub(super) fn run(&self) -> Option<&Run> {
        match &self.state {
            State::Running(run) => Some(run),
            _ => None,
        }
    }

    pub(super) fn run_mut(&mut self) -> Option<&mut Run> {
        match &mut self.state {
            State::Running(run) => Some(run),
            _ => None,
        }
    }

    /// Whether it runs, its postStart hook is done and its startup probe has succeeded.
    pub(super) fn is_started(&self) -> bool {
        self.run()
            .is_some_and(|run| run.post_start == Hook::Done && run.startup)
    }

    /// Whether it runs and is ready, or, of an init container, has ended well.
    pub(super) fn is_ready(&self) -> bool {
        match self.role {
            Role::Init => self.has_succeeded(),
            Role::Sidecar | Role::Main => {
                self.is_started()
                    && self
                        .run()
                        .is_some_and(|run| run.ready || self.probes.readiness.is_none())
            }
        }
    }

    /// Whether it has ended for good, and well.
    pub(super) fn has_succeeded(&self) -> bool {
        matches!(self.state, State::Ended) && self.ended.as_ref().is_some_and(|end| end.exit.code() == 0)
    }

    pub(super) fn probe(&self, kind: ProbeKind) -> Option<&Probe> {
        of(&self.probes, kind)
    }

    /// Its program runs from now on.
    pub(super) fn begin(&mut self, now: Instant, date: Timestamp) {
        let post_start = if self.hooks.post_start.is_some() {
            Hook::Due
        } else {
            Hook::Done
        };
        self.state = State::Running(Box::new(Run {
            since: now,
            since_date: date,
            post_start,
            startup: self.probes.startup.is_none(),
            ready: false,
            probing: [Probing::new(), Probing::new(), Probing::new()],
            ending: None,
        }));
        self.come_further(now);
    }

    /// Whatever its present state allows is allowed now: probes, and those who wait for it.
    pub(super) fn come_further(&mut self, now: Instant) {
        let Self {
            probes,
            state: State::Running(run),
            was_started,
            let_next,
            ..
        } = self
        else {
            return;
        };
        let hooked = run.post_start == Hook::Done;
        let started = hooked && run.startup;
        *let_next |= hooked;
        *was_started |= started;
        for (kind, probing) in KINDS.into_iter().zip(&mut run.probing) {
            let so_far = match kind {
                ProbeKind::Startup => hooked,
                ProbeKind::Readiness | ProbeKind::Liveness => started,
            };
            if so_far && let Some(probe) = of(probes, kind) {
                probing.allow(probe, run.since, now);
            }
        }
    }

    /// Its attempt is to end within `grace`, with its preStop hook; one that is already ending has no more time than that.
    pub(super) fn end(&mut self, now: Instant, grace: Duration, because: Option<String>) {
        let pre_stop = if self.hooks.pre_stop.is_some() {
            Hook::Due
        } else {
            Hook::Done
        };
        let until = after(now, grace);
        let Some(run) = self.run_mut() else { return };
        match &mut run.ending {
            Some(ending) => {
                ending.until = ending.until.min(until);
                if grace.is_zero() {
                    ending.late = false;
                }
            }
            None => {
                run.ending = Some(Ending {
                    until,
                    pre_stop,
                    late: false,
                    asked: false,
                    killed: None,
                    because,
                });
            }
        }
    }

    /// Why the attempt that runs is being ended, where it is not because of the pod.
    pub(super) fn because(&self) -> Option<&str> {
        self.run()?.ending.as_ref()?.because.as_deref()
    }

    /// The next thing to do at `now` about the attempt that runs, which is noted as done. `turn`: nobody that must end
    /// before this container is left.
    pub(super) fn step(&mut self, now: Instant, turn: bool) -> Option<Step> {
        if let Some(step) = self.post_start(now) {
            return Some(step);
        }
        let Self {
            probes,
            hooks,
            state: State::Running(run),
            ..
        } = self
        else {
            return None;
        };
        let pause = hooks.pre_stop.as_ref().and_then(pause);
        if let Some(step) = run
            .ending
            .as_mut()
            .and_then(|ending| ending.step(now, turn, pause))
        {
            return Some(step);
        }
        let (ends, startup) = (run.ending.is_some(), run.startup);
        KINDS
            .into_iter()
            .zip(&mut run.probing)
            .find_map(|(kind, probing)| {
                let probe = of(probes, kind)?;
                (asks(kind, ends, startup) && probing.ask(probe, now)).then_some(Step::Probe(kind))
            })
    }

    /// The same for its postStart hook, which is forgotten where the container is to end.
    fn post_start(&mut self, now: Instant) -> Option<Step> {
        let pause = self.hooks.post_start.as_ref().and_then(pause);
        let run = self.run_mut().filter(|run| run.ending.is_none())?;
        if run.post_start == Hook::Due {
            let Some(pause) = pause else {
                run.post_start = Hook::Told;
                return Some(Step::PostStart);
            };
            run.post_start = Hook::Sleeps(after(now, pause));
        }
        if matches!(run.post_start, Hook::Sleeps(until) if until <= now) {
            run.post_start = Hook::Done;
            self.come_further(now);
        }
        None
    }

    /// When there is something to do about it next, if nothing happens before.
    pub(super) fn wakes(&self) -> Option<Instant> {
        let run = match &self.state {
            State::Running(run) => run,
            State::Waiting(wait) => return wait.until(),
            State::Created | State::Ended => return None,
        };
        let ending = run.ending.as_ref().map(Ending::wakes);
        let hook = match run.post_start {
            Hook::Sleeps(until) if run.ending.is_none() => Some(until),
            _ => None,
        };
        let probes = KINDS
            .into_iter()
            .zip(&run.probing)
            .filter(|(kind, _)| asks(*kind, run.ending.is_some(), run.startup))
            .filter_map(|(_, probing)| probing.wakes());
        probes.chain(ending).chain(hook).min()
    }
}

fn of(probes: &Probes, kind: ProbeKind) -> Option<&Probe> {
    match kind {
        ProbeKind::Startup => probes.startup.as_ref(),
        ProbeKind::Readiness => probes.readiness.as_ref(),
        ProbeKind::Liveness => probes.liveness.as_ref(),
    }
}

/// Whether a probe asks: the startup probe until it has succeeded, and of a container that ends only whether it is ready.
fn asks(kind: ProbeKind, ends: bool, startup: bool) -> bool {
    match kind {
        ProbeKind::Startup => !ends && !startup,
        ProbeKind::Liveness => !ends,
        ProbeKind::Readiness => true,
    }
}

/// The length of a hook that is a pause.
fn pause(handler: &Handler) -> Option<Duration> {
    match handler {
        Handler::Sleep(time) => Some(*time),
        _ => None,
    }
}

impl Ending {
    fn step(&mut self, now: Instant, turn: bool, pause: Option<Duration>) -> Option<Step> {
        if let Some(killed) = self.killed {
            return (now >= after(killed, KILL_LIMIT)).then_some(Step::GiveUp);
        }
        if now >= self.until && (self.asked || !self.late) {
            self.killed = Some(now);
            return Some(Step::Kill);
        }
        if self.pre_stop == Hook::Due {
            self.late = true;
            let left = self.until.saturating_duration_since(now);
            if let Some(pause) = pause {
                self.pre_stop = Hook::Sleeps(after(now, pause.min(left)));
            } else {
                self.pre_stop = Hook::Told;
                return Some(Step::PreStop(left));
            }
        }
        match self.pre_stop {
            Hook::Sleeps(until) if now >= until => self.pre_stop = Hook::Done,
            // The hook is left to itself when the grace has passed.
            Hook::Told | Hook::Sleeps(_) if now >= self.until => self.pre_stop = Hook::Done,
            _ => {}
        }
        if self.pre_stop != Hook::Done || self.asked {
            return None;
        }
        if !turn && now < self.until {
            self.late = true;
            return None;
        }
        self.asked = true;
        if self.late {
            self.until = self.until.max(after(now, LEAST_GRACE));
        }
        Some(Step::Ask)
    }

    fn wakes(&self) -> Instant {
        match (self.killed, self.pre_stop) {
            (Some(killed), _) => after(killed, KILL_LIMIT),
            (None, Hook::Sleeps(until)) => until.min(self.until),
            (None, _) => self.until,
        }
    }
}
