//! The life of a pod over an [`Engine`]: volumes, init containers in order, containers side by side, the end.
//!
//! A life is one thread that hears of two kinds of things, ends and wishes to stop, over one channel, and moves through
//! its phases. Restarts, probes and hooks will be further kinds of things to hear of.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::conduct::{ContainerPlan, RestartPolicy};
use crate::engine::{
    CreateError, DeleteError, Engine, Exit, Output, Running, SignalError, StartError, Stdio,
};
use crate::plan::{Plan, PodIdentity};
use crate::volumes::{Mounted, Volume, VolumeError};

/// Everything needed to run one pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodPlan {
    /// Which pod.
    pub identity: PodIdentity,
    /// Where its own volumes are made; made only when there are any.
    pub directory: PathBuf,
    /// Its volumes, in the order of the spec.
    pub volumes: Vec<Volume>,
    /// Its init containers, in the order of the spec.
    pub init_containers: Vec<ContainerPlan>,
    /// Its containers, in the order of the spec.
    pub containers: Vec<ContainerPlan>,
    /// How long containers have between being asked to stop and being killed.
    pub grace: Duration,
    /// Which containers are started again.
    pub restart_policy: RestartPolicy,
    /// `activeDeadlineSeconds`, from the pod's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline: Option<Duration>,
}

/// What happens in a life, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// A container's program runs. With [`Stdio::Piped`], this is the one chance to take its output.
    Started {
        /// The container.
        plan: &'a Plan,
        /// Its process.
        pid: u32,
        /// Its output, where it was piped.
        output: Option<Output>,
    },
    /// A container has ended, and nothing of it is left.
    Ended {
        /// The container.
        plan: &'a Plan,
        /// How.
        exit: Exit,
    },
    /// The containers that run have been asked to stop.
    Stopping {
        /// How long they have.
        grace: Duration,
    },
    /// The containers that run have been killed.
    Killing,
    /// A container could not be signalled; it goes on.
    NotSignalled(SignalError),
}

/// How a pod's life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How each container that was started ended: init containers, then containers, in the order of the spec.
    pub ends: Vec<(String, Exit)>,
    /// The pod was asked to stop.
    pub stopped: bool,
}

impl Outcome {
    /// The exit code of the first container, in the order of the spec, that failed; 0 when none did.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        self.ends
            .iter()
            .map(|(_, exit)| exit.code())
            .find(|code| *code != 0)
            .unwrap_or(0)
    }
}

/// Why a pod did not come to its own end. Nothing of it is left but what an error names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LifeError {
    /// A volume cannot be had, or not be removed.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A container could not be created.
    #[error("create container `{container}`")]
    Create {
        /// Its name.
        container: String,
        /// Why.
        source: CreateError,
    },
    /// A container's program did not start.
    #[error("start container `{container}`")]
    Start {
        /// Its name.
        container: String,
        /// Why.
        source: StartError,
    },
    /// Something of a container could not be removed.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// A container goes on although it was killed.
    #[error("container `{container}` did not end within {} s of being killed", limit.as_secs())]
    Undying {
        /// Its name.
        container: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The system gave no thread.
    #[error("start a thread that waits for container `{container}`")]
    Thread {
        /// Its name.
        container: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// How long killed containers may take to be gone, before the life gives up on them.
const KILL_LIMIT: Duration = Duration::from_secs(30);

enum Happened {
    Ended(usize, Exit),
    Stop,
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
#[derive(Debug)]
pub struct Life {
    wishes: Sender<Happened>,
    events: Receiver<Happened>,
}

/// Asks a pod to stop, from any thread.
#[derive(Clone, Debug)]
pub struct Stopper(Sender<Happened>);

impl Stopper {
    /// The first time the pod's containers are asked to stop and killed after the grace; the second time they are killed
    /// at once. A pod that has ended does not mind.
    pub fn stop(&self) {
        let _ = self.0.send(Happened::Stop);
    }
}

impl Default for Life {
    fn default() -> Self {
        Self::new()
    }
}

impl Life {
    /// A life that has not begun.
    #[must_use]
    pub fn new() -> Self {
        let (wishes, events) = channel();
        Self { wishes, events }
    }

    /// What stops it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(self.wishes.clone())
    }

    /// Runs a pod to its end. `report` hears of what happens.
    ///
    /// # Errors
    /// See [`LifeError`]. Whatever happens, containers are deleted and volumes removed.
    pub fn run(
        self,
        engine: &dyn Engine,
        pod: &PodPlan,
        stdio: Stdio,
        report: &dyn Fn(Event<'_>),
    ) -> Result<Outcome, LifeError> {
        let volumes = Mounted::make(&pod.volumes, &pod.directory)?;
        let mut course = Course {
            life: &self,
            engine,
            stdio,
            grace: pod.grace,
            report,
            ends: Vec::new(),
            stopped: false,
        };
        let result = course.run(pod);
        let outcome = Outcome {
            ends: course.ends,
            stopped: course.stopped,
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
    stdio: Stdio,
    grace: Duration,
    report: &'a dyn Fn(Event<'_>),
    ends: Vec<(String, Exit)>,
    stopped: bool,
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
            created.push(
                self.engine
                    .create(plan, self.stdio)
                    .map_err(|source| LifeError::Create {
                        container: plan.container.clone(),
                        source,
                    })?,
            );
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
        self.stopped |= matches!(self.life.events.try_recv(), Ok(Happened::Stop));
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
        (self.report)(Event::Started {
            plan,
            pid: running.pid(),
            output: running.take_output(),
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
                (Ok(Happened::Stop), Phase::Running) => self.ask(group),
                (Ok(Happened::Stop), Phase::Killing(_)) => phase,
                (Ok(Happened::Stop) | Err(_), Phase::Running | Phase::Stopping(_)) => self.kill(group),
                (Err(_), Phase::Killing(_)) => return group.give_up(),
            };
        }
    }

    fn ended(&self, group: &mut Group<'_>, index: usize, exit: Exit) {
        let Some(member) = group.members.get_mut(index) else {
            return;
        };
        member.exit = Some(exit);
        let deleted = member.running.delete();
        if let Err(error) = deleted {
            group.note(Err(error));
        }
        if let Some(plan) = group.plans.get(index) {
            (self.report)(Event::Ended { plan, exit });
        }
    }

    fn ask(&mut self, group: &Group<'_>) -> Phase {
        self.stopped = true;
        for (member, plan) in group.alive() {
            if let Err(error) = member.running.signal(plan.stop.signal) {
                (self.report)(Event::NotSignalled(error));
            }
        }
        (self.report)(Event::Stopping { grace: self.grace });
        Phase::Stopping(after(self.grace))
    }

    fn kill(&self, group: &Group<'_>) -> Phase {
        let mut any = false;
        for (member, _) in group.alive() {
            any = true;
            if let Err(error) = member.running.kill() {
                (self.report)(Event::NotSignalled(error));
            }
        }
        if any {
            (self.report)(Event::Killing);
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

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
