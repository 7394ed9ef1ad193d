//! The status of a life, by the kubelet's rules.

use std::time::Duration;

use super::PodPlan;
use super::backoff::written;
use super::machine::Machine;
use super::member::{End, Member, State, Wait};
use crate::clock::Timestamp;
use crate::conduct::{ContainerPlan, RestartPolicy, Role, attempt_id};
use crate::engine::Exit;
use crate::plan::PodIdentity;
use crate::status::{
    CONTAINERS_READY, Condition, ContainerState, ContainerStatus, DISRUPTION_TARGET, EVICTED, HostIp,
    INITIALIZED, POD_READY_TO_START_CONTAINERS, POD_SCHEDULED, Phase, PodStatus, READY, RunningState,
    Terminated, Waiting, container_id,
};

/// What a status needs besides the machine.
pub(super) struct Report<'a> {
    pub(super) pod: &'a PodPlan,
    pub(super) address: &'a str,
    /// The volumes are there.
    pub(super) prepared: bool,
    /// The conditions as they were last reported, for since when they are so.
    pub(super) conditions: Vec<Condition>,
}

impl Report<'_> {
    /// The status at `date`.
    pub(super) fn status(&mut self, machine: &Machine, date: Timestamp) -> PodStatus {
        let plans = self.pod.init_containers.iter().chain(&self.pod.containers);
        let statuses: Vec<ContainerStatus> = plans
            .zip(&machine.members)
            .map(|(plan, member)| container(plan, member, machine, &self.pod.identity))
            .collect();
        let (inits, mains) = statuses.split_at(machine.inits.min(statuses.len()));
        let phase = phase(machine, inits, mains);
        self.condition(date, POD_SCHEDULED, Ok(()));
        self.condition(
            date,
            POD_READY_TO_START_CONTAINERS,
            if self.prepared {
                Ok(())
            } else {
                Err(Some(unprepared(machine)))
            },
        );
        self.condition(date, INITIALIZED, initialized(machine, inits));
        if phase == Phase::Succeeded {
            // It is so, and the kubelet has a reason for it all the same.
            self.reason(INITIALIZED, COMPLETED);
        }
        let ready = ready(machine, &statuses, phase);
        self.condition(date, CONTAINERS_READY, ready.clone());
        self.condition(date, READY, ready);
        if let Some(failure) = machine.failure.as_ref().filter(|one| one.reason == EVICTED) {
            self.disrupted(date, &failure.message);
        }
        let address = || HostIp {
            ip: self.address.to_owned(),
        };
        PodStatus {
            phase,
            conditions: self.conditions.clone(),
            message: machine.failure.as_ref().map(|failure| failure.message.clone()),
            reason: machine.failure.as_ref().map(|failure| failure.reason.clone()),
            host_ip: Some(self.address.to_owned()),
            host_ips: vec![address()],
            pod_ip: Some(self.address.to_owned()),
            pod_ips: vec![address()],
            start_time: Some(machine.began.date),
            init_container_statuses: inits.to_vec(),
            container_statuses: mains.to_vec(),
            qos_class: self.pod.qos_class.clone(),
        }
    }

    /// It is not the pod's own fault, as a job's `podFailurePolicy` may ask.
    fn disrupted(&mut self, date: Timestamp, message: &str) {
        if self.conditions.iter().all(|one| one.kind != DISRUPTION_TARGET) {
            self.conditions.push(Condition {
                kind: DISRUPTION_TARGET.to_owned(),
                status: "True".to_owned(),
                reason: Some("TerminationByKubelet".to_owned()),
                message: Some(message.to_owned()),
                last_transition_time: Some(date),
            });
        }
    }

    fn reason(&mut self, kind: &str, reason: &str) {
        let mut conditions = self.conditions.iter_mut();
        if let Some(condition) = conditions.find(|condition| condition.kind == kind) {
            condition.reason = Some(reason.to_owned());
        }
    }

    fn condition(&mut self, date: Timestamp, kind: &str, met: Met) {
        let status = if met.is_ok() { "True" } else { "False" };
        let (reason, message) = met.err().flatten().unzip();
        let known = self
            .conditions
            .iter()
            .position(|condition| condition.kind == kind);
        let since = known
            .and_then(|index| self.conditions.get(index))
            .filter(|condition| condition.status == status)
            .and_then(|condition| condition.last_transition_time);
        let condition = Condition {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason,
            message: message.flatten(),
            last_transition_time: Some(since.unwrap_or(date)),
        };
        match known.and_then(|index| self.conditions.get_mut(index)) {
            Some(place) => *place = condition,
            None => self.conditions.push(condition),
        }
    }
}

/// Whether a condition is met; else why not, in a word and for people.
type Met = Result<(), Option<(String, Option<String>)>>;

/// Of a pod whose containers have all ended well.
const COMPLETED: &str = "PodCompleted";

/// What the kubelet calls a sandbox is the pod's volumes here: made before the containers, gone after them.
fn unprepared(machine: &Machine) -> (String, Option<String>) {
    let message = if machine.over {
        "pod sandbox is not ready"
    } else {
        "no pod sandbox exists"
    };
    ("PodSandboxNotReady".to_owned(), Some(message.to_owned()))
}

fn unmet(reason: &str, what: &str, names: &[&str]) -> Met {
    if names.is_empty() {
        return Ok(());
    }
    Err(Some((
        reason.to_owned(),
        Some(format!("containers with {what} status: [{}]", names.join(" "))),
    )))
}

/// Once it is so it stays so. Before, a sidecar that has ended again is named as well.
fn initialized(machine: &Machine, inits: &[ContainerStatus]) -> Met {
    if machine.frontier == machine.inits {
        return Ok(());
    }
    let names: Vec<&str> = inits
        .iter()
        .zip(&machine.members)
        .filter(|(status, member)| match member.role {
            Role::Sidecar => status.started != Some(true),
            Role::Init | Role::Main => !status.ready,
        })
        .map(|(status, _)| status.name.as_str())
        .collect();
    unmet("ContainersNotInitialized", "incomplete", &names)
}

fn ready(machine: &Machine, statuses: &[ContainerStatus], phase: Phase) -> Met {
    match phase {
        Phase::Succeeded => return Err(Some((COMPLETED.to_owned(), None))),
        Phase::Failed => return Err(Some(("PodFailed".to_owned(), None))),
        Phase::Pending | Phase::Running => {}
    }
    let names: Vec<&str> = statuses
        .iter()
        .zip(&machine.members)
        .filter(|(status, member)| member.role != Role::Init && !status.ready)
        .map(|(status, _)| status.name.as_str())
        .collect();
    unmet("ContainersNotReady", "unready", &names)
}

/// The kubelet's rule; a pod that is over has succeeded when all its containers have.
pub(super) fn phase(machine: &Machine, inits: &[ContainerStatus], mains: &[ContainerStatus]) -> Phase {
    let succeeded = |status: &ContainerStatus| {
        status
            .state
            .terminated
            .as_ref()
            .is_some_and(|ended| ended.exit_code == 0)
    };
    if machine.over {
        return if machine.failure.is_none() && mains.iter().all(succeeded) {
            Phase::Succeeded
        } else {
            Phase::Failed
        };
    }
    let has_ended = |status: &ContainerStatus| {
        status.state.terminated.is_some() || status.last_state.terminated.is_some()
    };
    let runs = |status: &ContainerStatus| status.state.running.is_some();
    let first_try = |status: &ContainerStatus| status.state.waiting.is_some() && !has_ended(status);
    let roles = machine.members.iter().map(|member| member.role);
    let (mut pending, mut running) = (false, mains.iter().any(runs));
    for (status, role) in inits.iter().zip(roles) {
        match role {
            Role::Sidecar => {
                running |= runs(status);
                pending |= first_try(status);
            }
            Role::Init | Role::Main => pending |= !succeeded(status),
        }
    }
    pending |= machine.frontier < machine.inits;
    pending |= mains.iter().any(first_try);
    if pending {
        return Phase::Pending;
    }
    if running || machine.policy() == RestartPolicy::Always {
        return Phase::Running;
    }
    // What waits for its next attempt keeps the pod running.
    if mains.iter().all(succeeded) {
        Phase::Succeeded
    } else if machine.policy() == RestartPolicy::Never {
        Phase::Failed
    } else {
        Phase::Running
    }
}

fn container(plan: &ContainerPlan, member: &Member, machine: &Machine, pod: &PodIdentity) -> ContainerStatus {
    let id = |attempt| container_id(&attempt_id(&plan.plan.id, attempt));
    let terminated = |end: &End| ContainerState {
        terminated: Some(Terminated {
            exit_code: end.exit.code(),
            signal: match end.exit {
                Exit::Signal(signal) => Some(signal),
                Exit::Code(_) => None,
            },
            reason: end.reason.to_owned(),
            message: end.message.clone(),
            started_at: end.started,
            finished_at: end.finished,
            container_id: id(end.attempt),
        }),
        ..ContainerState::default()
    };
    let (state, last) = match &member.state {
        State::Ended => (member.ended.as_ref().map(terminated), &member.before),
        State::Running(run) => (
            Some(ContainerState {
                running: Some(RunningState {
                    started_at: run.since_date,
                }),
                ..ContainerState::default()
            }),
            &member.ended,
        ),
        State::Waiting(wait) => (Some(waiting(wait, machine, plan, pod)), &member.ended),
        State::Created => (Some(waiting(&Wait::Turn, machine, plan, pod)), &member.ended),
    };
    let begun = match &member.state {
        State::Running(_) => Some(member.attempt),
        _ => member.ended.as_ref().map(|end| end.attempt),
    };
    ContainerStatus {
        name: plan.plan.container.clone(),
        state: state.unwrap_or_default(),
        last_state: last.as_ref().map(terminated).unwrap_or_default(),
        ready: member.is_ready(),
        started: Some(member.is_started()),
        // The attempts that were begun after the first.
        restart_count: begun.unwrap_or(0),
        image: plan.image.clone(),
        image_id: String::new(),
        container_id: begun.map(id),
    }
}

fn waiting(wait: &Wait, machine: &Machine, plan: &ContainerPlan, pod: &PodIdentity) -> ContainerState {
    let (reason, message) = match wait {
        // The word does not change when they are done.
        Wait::Turn if machine.inits > 0 => ("PodInitializing", None),
        Wait::Turn => ("ContainerCreating", None),
        Wait::Retry { message, .. } => ("CreateContainerError", Some(message.clone())),
        Wait::BackOff { delay, .. } => (
            "CrashLoopBackOff",
            Some(back_off_message(*delay, &plan.plan.container, pod)),
        ),
    };
    ContainerState {
        waiting: Some(Waiting {
            reason: reason.to_owned(),
            message,
        }),
        ..ContainerState::default()
    }
}

fn back_off_message(delay: Duration, container: &str, pod: &PodIdentity) -> String {
    format!(
        "back-off {} restarting failed container={container} pod={}_{}({})",
        written(delay),
        pod.name,
        pod.namespace,
        pod.uid
    )
}
