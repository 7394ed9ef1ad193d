//! Carries out what the machine wants: one thread, one channel, and a small thread for whatever blocks.
//!
//! Nothing is polled. While nothing is due the thread sleeps until something happens; a pod without probes, whose
//! containers run, has no timer at all.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::hand::Hand;
use super::handle::{LifeHandle, LimitsError, Wish};
use super::machine::{Action, Machine, Moment};
use super::member::KILL_LIMIT;
use super::performing::{Perform, Really};
use super::probing::ProbeKind;
use super::report::Report;
use super::{End, Event, LifeError, Observer, Options, Outcome, PodPlan, message};
use crate::causes::chain;
use crate::clock::{Clock, Timestamp};
use crate::engine::{Engine, Exit, Running};
use crate::fault;
use crate::handler::Failed;
use crate::plan::Limits;
use crate::status::{EVICTED, Phase};
use crate::volumes::{Mounted, PERIOD, Watch};

/// Which attempt of which container.
type Attempt = (usize, u32);

/// What a life hears of.
#[derive(Debug)]
pub(super) enum Happened {
    Ended(Attempt, Exit),
    PostStarted(Attempt, Result<(), Failed>),
    PreStopped(Attempt, Result<(), Failed>),
    Probed(Attempt, ProbeKind, Result<(), Failed>),
    Wished(Wish),
}

/// One life of one pod.
pub struct Life {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) handlers: Arc<dyn Perform>,
    pub(super) happened: Sender<Happened>,
    events: Receiver<Happened>,
}

impl Life {
    /// A life that has not begun.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_handlers(clock, Arc::new(Really))
    }

    pub(super) fn with_handlers(clock: Arc<dyn Clock>, handlers: Arc<dyn Perform>) -> Self {
        let (happened, events) = channel();
        Self {
            clock,
            handlers,
            happened,
            events,
        }
    }

    /// What wishes for things in it.
    #[must_use]
    pub fn handle(&self) -> LifeHandle {
        LifeHandle::new(self.happened.clone())
    }

    /// Runs a pod to its end. The observer hears of what happens, and last of the status in which the pod ended.
    ///
    /// # Errors
    /// See [`LifeError`]. Whatever happens, containers are deleted and volumes removed; what could not be, of a pod that came
    /// to its own end, is named in the outcome.
    pub fn run(
        self,
        engine: &Arc<dyn Engine>,
        pod: &PodPlan,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Outcome, LifeError> {
        let volumes = Mounted::make(&pod.volumes, &pod.directory)?;
        let handle = self.handle();
        let evict = move |message: String| handle.evict(EVICTED, &message);
        let watch = Watch::start(&pod.volumes, PERIOD, evict).map_err(LifeError::Watch)?;
        let began = self.moment();
        let restarts = options.restarts.then_some(pod.restart_policy);
        let all = pod.init_containers.iter().chain(&pod.containers);
        let mut driver = Driver {
            engine,
            options,
            observer,
            machine: Machine::new(pod, restarts, began),
            report: Report {
                pod,
                address: &engine.facts().address,
                prepared: true,
                conditions: Vec::new(),
            },
            hands: all.map(Hand::new).collect(),
            failure: None,
            left: Vec::new(),
            life: self,
        };
        driver.tell_status();
        fault::step("pod-begun");
        driver.live();
        fault::step("pod-over");
        drop(watch);
        if let Err(error) = volumes.remove() {
            driver.left.push(chain(&error));
        }
        driver.report.prepared = false;
        driver.machine.changed = true;
        let phase = driver.tell_status();
        let outcome = driver.outcome(phase);
        driver.failure.map_or(Ok(outcome), Err)
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            now: self.clock.now(),
            date: Timestamp::from(self.clock.wall()),
        }
    }
}

/// A life under way.
pub(super) struct Driver<'a> {
    pub(super) life: Life,
    pub(super) engine: &'a Arc<dyn Engine>,
    pub(super) options: &'a Options,
    pub(super) observer: &'a dyn Observer,
    pub(super) machine: Machine,
    pub(super) report: Report<'a>,
    pub(super) hands: Vec<Hand<'a>>,
    /// The first thing that went wrong.
    failure: Option<LifeError>,
    /// What could not be removed. It says nothing of how the pod has fared.
    left: Vec<String>,
}

impl Driver<'_> {
    fn live(&mut self) {
        loop {
            while let Ok(happened) = self.life.events.try_recv() {
                self.hear(happened);
            }
            if let Some(action) = self.machine.next(self.life.moment()) {
                self.act(&action);
                continue;
            }
            if self.machine.over {
                return;
            }
            self.tell_status();
            // The life has a sender itself: there is always somebody that can send.
            let happened = match self.machine.wakes() {
                None => self.life.events.recv().ok(),
                Some(until) => {
                    let wait = until.saturating_duration_since(self.life.clock.now());
                    self.life.events.recv_timeout(wait).ok()
                }
            };
            if let Some(happened) = happened {
                self.hear(happened);
            }
        }
    }

    /// Tells the observer the status, where it is another one.
    fn tell_status(&mut self) -> Phase {
        let changed = std::mem::take(&mut self.machine.changed);
        let status = self
            .report
            .status(&self.machine, Timestamp::from(self.life.clock.wall()));
        if changed {
            self.observer.status(&status);
        }
        status.phase
    }

    fn outcome(&self, phase: Phase) -> Outcome {
        let ends = self.hands.iter().zip(&self.machine.members);
        Outcome {
            ends: ends
                .filter_map(|(hand, member)| {
                    member.ended.as_ref().map(|end| End {
                        container: hand.container.plan.container.clone(),
                        role: member.role,
                        exit: end.exit,
                        restarts: end.attempt,
                    })
                })
                .collect(),
            stopped: self.machine.stopped,
            failure: self.machine.failure.clone(),
            phase,
            left: self.left.clone(),
        }
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Create(index) => self.create(index),
            Action::Start(index) => self.start(index),
            Action::Discard(index) => drop(self.hands.get_mut(index).and_then(|hand| hand.created.take())),
            Action::PostStart(index) => self.post_start(index),
            Action::PreStop(index, limit) => self.pre_stop(index, limit),
            Action::Probe(index, kind) => self.probe(index, kind),
            Action::Ask(index) => {
                if let Some((hand, running)) = self.running(index)
                    && let Err(error) = running.signal(hand.plan().stop.signal)
                {
                    self.observer.event(Event::NotSignalled(error));
                }
                fault::step("stop-signalled");
            }
            Action::Kill(index) => {
                if let Some((_, running)) = self.running(index)
                    && let Err(error) = running.kill()
                {
                    self.observer.event(Event::NotSignalled(error));
                }
                if self.machine.say_killing() {
                    self.observer.event(Event::Killing);
                }
                fault::step("killed");
            }
            Action::GiveUp(index) => {
                let Some(hand) = self.hands.get_mut(index) else {
                    return;
                };
                hand.running = None;
                let container = hand.container.plan.container.clone();
                self.note(LifeError::Undying {
                    container,
                    limit: KILL_LIMIT,
                });
            }
            Action::SayStopping(grace) => self.observer.event(Event::Stopping { grace }),
        }
    }

    fn running(&self, index: usize) -> Option<(&Hand<'_>, &Arc<dyn Running>)> {
        let hand = self.hands.get(index)?;
        Some((hand, hand.running.as_ref()?))
    }

    /// Keeps the first thing that went wrong.
    pub(super) fn note(&mut self, failure: LifeError) {
        self.failure.get_or_insert(failure);
    }

    pub(super) fn attempt(&self, index: usize) -> u32 {
        self.machine.members.get(index).map_or(0, |member| member.attempt)
    }

    pub(super) fn hear(&mut self, happened: Happened) {
        let now = self.life.clock.now();
        match happened {
            Happened::Ended(attempt, exit) => self.ended(attempt, exit),
            Happened::PostStarted(attempt, result) => {
                self.tell_hook(attempt, "postStart", &result);
                let result = result.map_err(|failed| failed.message);
                self.machine.post_started(attempt, result, now);
            }
            Happened::PreStopped(attempt, result) => {
                self.tell_hook(attempt, "preStop", &result);
                self.machine.pre_stopped(attempt);
            }
            Happened::Probed(attempt, probe, result) => {
                if let (Some((hand, _)), Err(failed)) = (self.present(attempt), &result) {
                    self.observer.event(Event::ProbeFailed {
                        plan: hand.plan(),
                        probe,
                        message: &failed.message,
                    });
                }
                self.machine.probed(attempt, probe, result.is_ok(), now);
            }
            Happened::Wished(wish) => self.wished(wish),
        }
    }

    /// The container, where this attempt of it runs.
    fn present(&self, (index, attempt): Attempt) -> Option<(&Hand<'_>, &Arc<dyn Running>)> {
        self.running(index).filter(|_| self.attempt(index) == attempt)
    }

    fn tell_hook(&self, attempt: Attempt, hook: &'static str, result: &Result<(), Failed>) {
        if let (Some((hand, _)), Err(failed)) = (self.present(attempt), result) {
            self.observer.event(Event::HookFailed {
                plan: hand.plan(),
                hook,
                message: &failed.message,
            });
        }
    }

    fn ended(&mut self, attempt: Attempt, exit: Exit) {
        let (index, number) = attempt;
        if self.present(attempt).is_none() {
            return;
        }
        let containers = self.hands.len();
        let Some(hand) = self.hands.get_mut(index) else {
            return;
        };
        let Some(running) = hand.running.take() else {
            return;
        };
        let hits = running.hits();
        let deleted = running.delete();
        let message = hand.message((exit, hits, number), message::limit(containers), self.observer);
        let at = self.life.moment();
        self.machine.ended(attempt, exit, hits, message, at);
        self.observer.event(Event::Ended {
            plan: hand.plan(),
            attempt: number,
            exit,
            hits,
        });
        if let Err(error) = deleted {
            self.observer.event(Event::NotRemoved(&error));
            self.left.push(chain(&error));
        }
    }

    fn wished(&mut self, wish: Wish) {
        let now = self.life.clock.now();
        match wish {
            Wish::Stop(grace) => {
                fault::step("stop-asked");
                self.machine.stop(grace, now);
            }
            Wish::Kill => self.machine.killed(now),
            Wish::Evict { reason, message } => self.machine.evict(&reason, &message, now),
            Wish::Limits {
                container,
                limits,
                answer,
            } => {
                // Whoever asked may be gone.
                let _ = answer.send(self.limit(container, &limits));
            }
        }
    }

    fn limit(&mut self, container: String, limits: &Limits) -> Result<Limits, LimitsError> {
        let hand = self
            .hands
            .iter_mut()
            .find(|hand| hand.container.plan.container == container)
            .ok_or(LimitsError::NoContainer { container })?;
        let rounded = match &hand.running {
            Some(_) => self.engine.update(&hand.plan().id, limits)?,
            None => limits.clone(),
        };
        hand.limits = Some(limits.clone());
        Ok(rounded)
    }
}
