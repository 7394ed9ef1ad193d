//! Creates and starts attempts of containers, for the driver.

use std::sync::Arc;
use std::thread;

use super::driver::{Driver, Happened};
use super::{Event, LifeError, message};
use crate::causes::chain;
use crate::engine::terminal::NO_SIZE;
use crate::engine::{CreateError, Stdio};
use crate::fault;

/// The stacks of threads that wait for a container.
const WAITER_STACK: usize = 128 << 10;

impl Driver<'_> {
    pub(super) fn create(&mut self, index: usize) {
        let attempt = self.attempt(index);
        let Some(hand) = self.hands.get_mut(index) else {
            return;
        };
        hand.prepare(attempt);
        let made = match &hand.container.termination_message.file {
            Some(file) => message::make(file).map_err(|source| CreateError::Io {
                doing: format!("make `{}` for its termination message", file.display()),
                source,
            }),
            None => Ok(()),
        };
        let stdio = if self.options.terminals && hand.plan().streams.terminal {
            Stdio::Terminal(NO_SIZE)
        } else {
            self.options.stdio
        };
        match made.and_then(|()| self.engine.create(hand.plan(), stdio)) {
            Ok(created) => hand.created = Some(created),
            Err(source) => {
                let container = hand.container.plan.container.clone();
                let failure = LifeError::Create { container, source };
                let text = self.report_failure(index, attempt, &failure);
                let now = self.life.clock.now();
                self.machine.not_created(index, text, now);
                self.abandon_without_restarts(failure);
            }
        }
    }

    pub(super) fn start(&mut self, index: usize) {
        let attempt = self.attempt(index);
        let Some(hand) = self.hands.get_mut(index) else {
            return;
        };
        let Some(created) = hand.created.take() else {
            return;
        };
        let name = || hand.container.plan.container.clone();
        let started = created.start().map_err(|source| LifeError::Start {
            container: name(),
            source,
        });
        let accompanied = started.and_then(|running| {
            let (happened, container) = (self.life.happened.clone(), Arc::clone(&running));
            let waiter = thread::Builder::new().stack_size(WAITER_STACK).spawn(move || {
                let exit = container.wait();
                let _ = happened.send(Happened::Ended((index, attempt), exit));
            });
            match waiter {
                Ok(_) => Ok(running),
                Err(source) => {
                    // Nobody would hear of its end.
                    running.delete()?;
                    Err(LifeError::Thread {
                        container: name(),
                        source,
                    })
                }
            }
        });
        match accompanied {
            Ok(running) => {
                self.machine.started(index, self.life.moment());
                fault::step("pod-started");
                self.observer.event(Event::Started {
                    plan: hand.plan(),
                    attempt,
                    pid: running.pid(),
                    output: running.take_output(),
                    terminal: running.take_terminal(),
                    running: &running,
                });
                hand.running = Some(running);
            }
            Err(failure) => {
                let text = self.report_failure(index, attempt, &failure);
                let at = self.life.moment();
                self.machine.not_started(index, text, at);
                self.abandon_without_restarts(failure);
            }
        }
    }

    /// Says that an attempt did not start, where the life goes on; returns the whole of why.
    fn report_failure(&self, index: usize, attempt: u32, failure: &LifeError) -> String {
        if self.options.restarts
            && let Some(hand) = self.hands.get(index)
        {
            self.observer.event(Event::NotStarted {
                plan: hand.plan(),
                attempt,
                error: failure,
            });
        }
        chain(failure)
    }

    /// What is not started again is the run's own failure: everything else is killed.
    fn abandon_without_restarts(&mut self, failure: LifeError) {
        if !self.options.restarts {
            self.note(failure);
            self.machine.abandon(self.life.clock.now());
        }
    }
}
