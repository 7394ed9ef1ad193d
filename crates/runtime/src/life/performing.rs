//! Carries out hooks and probes for the driver, each on a small thread of its own for as long as it takes.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::driver::{Driver, Happened};
use super::probing::ProbeKind;
use crate::conduct::Handler;
use crate::fault;
use crate::handler::{self, Failed, Target};

/// The stacks of these threads, of which an HTTPS request needs most.
const HANDLER_STACK: usize = 512 << 10;
/// How long a postStart hook may take. The kubelet sets no limit either; this is one that clocks can count.
const HOOK_LIMIT: Duration = Duration::from_hours(365 * 24);
/// The same of one that asks somebody: who never answers would keep the thread, also when the container has long ended.
const REQUEST_LIMIT: Duration = Duration::from_mins(10);

/// Carries out hooks and probes.
pub(super) trait Perform: Send + Sync {
    fn perform(&self, handler: &Handler, target: &Target<'_>, limit: Duration) -> Result<(), Failed>;
}

/// As they are meant.
pub(super) struct Really;

impl Perform for Really {
    fn perform(&self, handler: &Handler, target: &Target<'_>, limit: Duration) -> Result<(), Failed> {
        handler::perform(handler, target, limit)
    }
}

impl Driver<'_> {
    pub(super) fn post_start(&mut self, index: usize) {
        fault::step("post-start");
        let attempt = (index, self.attempt(index));
        let handler = self
            .hands
            .get(index)
            .and_then(|hand| hand.container.hooks.post_start.as_ref());
        if let Some(handler) = handler.cloned() {
            let limit = match handler {
                Handler::HttpGet(_) | Handler::TcpSocket { .. } => REQUEST_LIMIT,
                Handler::Exec(_) | Handler::Sleep(_) => HOOK_LIMIT,
            };
            self.perform(index, handler, limit, move |result| {
                Happened::PostStarted(attempt, result)
            });
        }
    }

    pub(super) fn pre_stop(&mut self, index: usize, limit: Duration) {
        fault::step("pre-stop");
        let attempt = (index, self.attempt(index));
        let handler = self
            .hands
            .get(index)
            .and_then(|hand| hand.container.hooks.pre_stop.as_ref());
        if let Some(handler) = handler.cloned() {
            self.perform(index, handler, limit, move |result| {
                Happened::PreStopped(attempt, result)
            });
        }
    }

    pub(super) fn probe(&mut self, index: usize, kind: ProbeKind) {
        let attempt = (index, self.attempt(index));
        let probe = self
            .machine
            .members
            .get(index)
            .and_then(|member| member.probe(kind));
        if let Some(probe) = probe.cloned() {
            self.perform(index, probe.handler, probe.timeout, move |result| {
                Happened::Probed(attempt, kind, result)
            });
        }
    }

    /// Carries out a handler on a thread of its own, which sends what came of it.
    fn perform(
        &mut self,
        index: usize,
        handler: Handler,
        limit: Duration,
        heard: impl Fn(Result<(), Failed>) -> Happened + Send + Clone + 'static,
    ) {
        let Some(hand) = self.hands.get_mut(index) else {
            return;
        };
        let (plan, engine) = (hand.shared_plan(), Arc::clone(self.engine));
        let (handlers, happened) = (Arc::clone(&self.life.handlers), self.life.happened.clone());
        let address = self.report.address.to_owned();
        let answer = heard.clone();
        let thread = thread::Builder::new().stack_size(HANDLER_STACK).spawn(move || {
            let target = Target {
                engine: &*engine,
                plan: &plan,
                address: &address,
            };
            let result = handlers.perform(&handler, &target, limit);
            let _ = happened.send(answer(result));
        });
        if let Err(error) = thread {
            self.hear(heard(Err(no_thread(&error))));
        }
    }
}

fn no_thread(error: &io::Error) -> Failed {
    Failed {
        message: format!("start a thread for it: {error}"),
    }
}
