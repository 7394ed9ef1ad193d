//! The way of a life, from its first volume to its last.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::handle::{LifeHandle, LimitsError, Wish};
use super::{Event, LifeError, Observer, Options, Outcome, PodFailure, PodPlan};
use crate::clock::Clock;
use crate::engine::{DeleteError, Engine, Exit, Running, UpdateError};
use crate::plan::Plan;
use crate::status;
use crate::volumes::Mounted;

/// How long killed containers may take to be gone, before the life gives up on them.
const KILL_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) enum Happened {
    Ended(usize, Exit),
    Wished(Wish),
}

/// Where a group of containers is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Asked to stop, killed when the time has come.
    Stopping(Instant),
    /// Killed; given up on when the time has come.
    Killing(Instant),
}

/// One life of one pod.
pub struct Life {
    wishes: Sender<Happened>,
    events: Receiver<Happened>,
}

impl Life {
    /// A life that has not begun.
    #[must_use]
    pub fn new(_clock: Arc<dyn Clock>) -> Self {
        let (wishes, events) = channel();
        Self { wishes, events }
    }

    /// What wishes for things in it.
    #[must_use]
    pub fn handle(&self) -> LifeHandle {
        LifeHandle::new(self.wishes.clone())
    }

    /// Runs a pod to its end. The observer hears of what happens.
    ///
    /// # Errors
    /// See [`LifeError`]. Whatever happens, containers are deleted and volumes removed.
    pub fn run(
        self,
        engine: &Arc<dyn Engine>,
        pod: &PodPlan,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Outcome, LifeError> {
        let volumes = Mounted::make(&pod.volumes, &pod.directory)?;
        let mut course = Course {
            life: &self,
            engine: &**engine,
            options,
            grace: pod.grace,
            observer,
            ends: Vec::new(),
            stopped: false,
            failure: None,
        };
        let result = course.run(pod);
        let failed = course.failure.is_some() || course.ends.iter().any(|(_, exit)| exit.code() != 0);
        let outcome = Outcome {
            ends: course.ends,
            stopped: course.stopped,
            failure: course.failure,
            phase: if failed {
                status::Phase::Failed
            } else {
                status::Phase::Succeeded
            },
        };
        let removed = volumes.remove();
        result?;
        removed?;
        Ok(outcome)
    }
}

struct Course<'a> {
    life: &'a Life,
    engine: &'a dyn Engine,
    options: &'a Options,
    grace: Duration,
    observer: &'a dyn Observer,
    ends: Vec<(String, Exit)>,
    stopped: bool,
    failure: Option<PodFailure>,
}

impl Course<'_> {
    fn run(&mut self, pod: &PodPlan) -> Result<(), LifeError> {
        for container in &pod.init_containers {
            let failed = self.group(std::slice::from_ref(&container.plan))?;
            if failed || self.stopped {
                return Ok(());
            }
        }
        let plans: Vec<Plan> = pod
            .containers
            .iter()
            .map(|container| container.plan.clone())
            .collect();
        self.group(&plans).map(drop)
    }

    /// Runs containers side by side until all have ended. Returns whether one failed.
    fn group(&mut self, plans: &[Plan]) -> Result<bool, LifeError> {
        let mut created = Vec::with_capacity(plans.len());
        for plan in plans {
            if self.stop_wished() {
                return Ok(false);
            }
            // What was created before is undone by its drop.
            created.push(self.engine.create(plan, self.options.stdio).map_err(|source| {
                LifeError::Create {
                    container: plan.container.clone(),
                    source,
                }
            })?);
        }
        let mut group = Group {
            plans,
            members: Vec::with_capacity(plans.len()),
            failure: None,
        };
        for (plan, created) in plans.iter().zip(created) {
            let started = created
                .start()
                .map_err(|source| LifeError::Start {
                    container: plan.container.clone(),
                    source,
                })
                .and_then(|running| self.accompany(&mut group, plan, &running));
            if let Err(failure) = started {
                group.failure = Some(failure);
                break;
            }
        }
        self.see_through(&mut group);
        let mut failed = false;
        for (plan, member) in plans.iter().zip(&group.members) {
            if let Some(exit) = member.exit {
                failed |= exit.code() != 0;
                self.ends.push((plan.container.clone(), exit));
            }
        }
        group.failure.map_or(Ok(failed), Err)
    }

    fn stop_wished(&mut self) -> bool {
        while let Ok(happened) = self.life.events.try_recv() {
            match happened {
                Happened::Wished(Wish::Limits {
                    container, answer, ..
                }) => {
                    let _ = answer.send(Err(UpdateError::NotRunning { id: container }.into()));
                }
                Happened::Wished(_) => self.stopped = true,
                Happened::Ended(..) => {}
            }
        }
        self.stopped
    }

    fn accompany(
        &self,
        group: &mut Group<'_>,
        plan: &Plan,
        running: &Arc<dyn Running>,
    ) -> Result<(), LifeError> {
        let (index, wishes, container) = (group.members.len(), self.life.wishes.clone(), Arc::clone(running));
        group.members.push(Member {
            running: Arc::clone(running),
            exit: None,
        });
        let waiter = thread::Builder::new().stack_size(128 << 10).spawn(move || {
            let _ = wishes.send(Happened::Ended(index, container.wait()));
        });
        if let Err(source) = waiter {
            if let Some(mut member) = group.members.pop() {
                group.note(member.end());
            }
            return Err(LifeError::Thread {
                container: plan.container.clone(),
                source,
            });
        }
        self.observer.event(Event::Started {
            plan,
            attempt: 0,
            pid: running.pid(),
            output: running.take_output(),
            terminal: running.take_terminal(),
            running,
        });
        Ok(())
    }

    /// Hears of ends and wishes until every member of the group has ended.
    fn see_through(&mut self, group: &mut Group<'_>) {
        let mut phase = Phase::Running;
        if group.failure.is_some() {
            phase = self.kill(group);
        }
        while group.members.iter().any(|member| member.exit.is_none()) {
            let happened = match phase {
                Phase::Running => self
                    .life
                    .events
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Phase::Stopping(until) | Phase::Killing(until) => self
                    .life
                    .events
                    .recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            phase = match (happened, phase) {
                (Ok(Happened::Ended(index, exit)), phase) => {
                    self.ended(group, index, exit);
                    phase
                }
                (Ok(Happened::Wished(wish)), phase) => self.wished(group, wish, phase),
                (Err(_), Phase::Running | Phase::Stopping(_)) => self.kill(group),
                (Err(_), Phase::Killing(_)) => return group.give_up(),
            };
        }
    }

    fn ended(&self, group: &mut Group<'_>, index: usize, exit: Exit) {
        let Some(member) = group.members.get_mut(index) else {
            return;
        };
        member.exit = Some(exit);
        let hits = member.running.hits();
        let deleted = member.running.delete();
        if let Err(error) = deleted {
            group.note(Err(error));
        }
        if let Some(plan) = group.plans.get(index) {
            self.observer.event(Event::Ended {
                plan,
                attempt: 0,
                exit,
                hits,
            });
        }
    }

    fn wished(&mut self, group: &Group<'_>, wish: Wish, phase: Phase) -> Phase {
        match (wish, phase) {
            (Wish::Stop(grace), Phase::Running) => self.ask(group, grace.unwrap_or(self.grace)),
            (Wish::Stop(Some(grace)), Phase::Stopping(until)) => Phase::Stopping(until.min(after(grace))),
            (Wish::Evict { reason, message }, Phase::Running) => {
                self.failure = Some(PodFailure { reason, message });
                self.ask(group, self.grace)
            }
            (Wish::Evict { .. }, Phase::Stopping(_))
            | (Wish::Stop(_) | Wish::Evict { .. } | Wish::Kill, Phase::Killing(_)) => phase,
            (Wish::Stop(_) | Wish::Kill, _) => {
                self.stopped = true;
                self.kill(group)
            }
            (
                Wish::Limits {
                    container,
                    limits,
                    answer,
                },
                phase,
            ) => {
                let plan = group
                    .alive()
                    .map(|(_, plan)| plan)
                    .find(|plan| plan.container == container);
                let result = match plan {
                    Some(plan) => self.engine.update(&plan.id, &limits).map_err(LimitsError::from),
                    None => Err(LimitsError::NoContainer { container }),
                };
                let _ = answer.send(result);
                phase
            }
        }
    }

    fn ask(&mut self, group: &Group<'_>, grace: Duration) -> Phase {
        self.stopped = true;
        for (member, plan) in group.alive() {
            if let Err(error) = member.running.signal(plan.stop.signal) {
                self.observer.event(Event::NotSignalled(error));
            }
        }
        self.observer.event(Event::Stopping { grace });
        Phase::Stopping(after(grace))
    }

    fn kill(&self, group: &Group<'_>) -> Phase {
        let mut any = false;
        for (member, _) in group.alive() {
            any = true;
            if let Err(error) = member.running.kill() {
                self.observer.event(Event::NotSignalled(error));
            }
        }
        if any {
            self.observer.event(Event::Killing);
        }
        Phase::Killing(after(KILL_LIMIT))
    }
}

/// The moment when so much time has passed; a time beyond all clocks is as good as a century.
fn after(time: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);
    Instant::now() + time.min(CENTURY)
}

/// Containers side by side.
struct Group<'a> {
    plans: &'a [Plan],
    members: Vec<Member>,
    failure: Option<LifeError>,
}

struct Member {
    running: Arc<dyn Running>,
    exit: Option<Exit>,
}

impl Member {
    fn end(&mut self) -> Result<(), DeleteError> {
        // `delete` kills what still runs, and says what it could not do.
        self.running.delete()
    }
}

impl Group<'_> {
    fn alive(&self) -> impl Iterator<Item = (&Member, &Plan)> {
        self.members
            .iter()
            .zip(self.plans)
            .filter(|(member, _)| member.exit.is_none())
    }

    /// Keeps the first thing that went wrong.
    fn note(&mut self, result: Result<(), DeleteError>) {
        if let (Err(error), None) = (result, &self.failure) {
            self.failure = Some(error.into());
        }
    }

    fn give_up(&mut self) {
        let undying = self.alive().next().map(|(_, plan)| plan.container.clone());
        if let (Some(container), None) = (undying, &self.failure) {
            self.failure = Some(LifeError::Undying {
                container,
                limit: KILL_LIMIT,
            });
        }
    }
}
