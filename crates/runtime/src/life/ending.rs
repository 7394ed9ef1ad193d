//! How the machine ends a pod.

use std::time::{Duration, Instant};

use super::PodFailure;
use super::machine::{Machine, Moment};
use super::member::{End, KILL_LIMIT, Member, State};
use crate::conduct::Role;
use crate::engine::Exit;

/// What an evicted pod's containers have; the kubelet's for a node under pressure.
const EVICTION_GRACE: Duration = Duration::from_secs(1);

/// The pod ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodEnding {
    /// What is yet to be said about it, and what was.
    pub(super) say_stopping: Option<Duration>,
    said_stopping: bool,
    said_killing: bool,
}

impl Machine {
    /// Whether nobody is left that must end before this container: sidecars end after all others, the last one first.
    pub(super) fn may_end(&self, index: usize) -> bool {
        let sidecar = |member: &Member| member.role == Role::Sidecar;
        self.ending.is_none()
            || !self.members.get(index).is_some_and(sidecar)
            || !self
                .members
                .iter()
                .enumerate()
                .any(|(other, member)| member.run().is_some() && (!sidecar(member) || other > index))
    }

    /// The pod is asked to stop. The second time without a grace its containers are killed.
    pub(super) fn stop(&mut self, grace: Option<Duration>, now: Instant) {
        let again = std::mem::replace(&mut self.stopped, true);
        match grace {
            None if again => self.kill(now),
            grace => self.end(now, grace.unwrap_or(self.grace), true),
        }
    }

    /// Everything is killed at once.
    pub(super) fn kill(&mut self, now: Instant) {
        self.end(now, Duration::ZERO, false);
    }

    /// As [`kill`](Self::kill), because somebody wished for it.
    pub(super) fn killed(&mut self, now: Instant) {
        self.stopped = true;
        self.kill(now);
    }

    /// The pod ends as failed.
    pub(super) fn evict(&mut self, reason: &str, message: &str, now: Instant) {
        self.fail(reason, message);
        self.end(now, EVICTION_GRACE.min(self.grace), true);
    }

    /// The life cannot go on: everything is killed.
    pub(super) fn abandon(&mut self, now: Instant) {
        self.kill(now);
    }

    pub(super) fn fail(&mut self, reason: &str, message: &str) {
        self.failure.get_or_insert_with(|| PodFailure {
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
        self.changed = true;
    }

    /// The pod ends within `grace`; one that is already ending has no more time than that.
    pub(super) fn end(&mut self, now: Instant, grace: Duration, say: bool) {
        let runs = self.members.iter().any(|member| member.run().is_some());
        let ending = self.ending.get_or_insert(PodEnding {
            say_stopping: None,
            said_stopping: false,
            said_killing: false,
        });
        if say && runs && !grace.is_zero() && !std::mem::replace(&mut ending.said_stopping, true) {
            ending.say_stopping = Some(grace);
        }
        for member in &mut self.members {
            if matches!(member.state, State::Waiting(_)) {
                member.forget();
            }
            member.end(now, grace, None);
        }
        self.changed = true;
    }

    pub(super) fn give_up(&mut self, index: usize, at: Moment) {
        if let Some(member) = self.members.get_mut(index) {
            let end = End {
                attempt: member.attempt,
                exit: Exit::Signal(9),
                reason: "ContainerStatusUnknown",
                message: Some(format!(
                    "it did not end within {} s of being killed",
                    KILL_LIMIT.as_secs()
                )),
                started: member.run().map(|run| run.since_date),
                finished: at.date,
                at: at.now,
            };
            member.before = member.ended.replace(end);
            member.state = State::Ended;
        }
        self.abandon(at.now);
    }

    /// Whether killing is yet to be said of the pod's end.
    pub(super) fn say_killing(&mut self) -> bool {
        self.ending
            .as_mut()
            .is_some_and(|ending| !std::mem::replace(&mut ending.said_killing, true))
    }
}
