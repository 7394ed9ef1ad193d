//! What the driver holds of one container: the plan of its present attempt, and the container itself.

use std::sync::Arc;

use super::{Observer, message};
use crate::conduct::{ContainerPlan, attempt_id};
use crate::engine::{Created, Exit, Hits, Running};
use crate::plan::{Limits, Plan};

/// One container, as the driver has it in hand.
pub(super) struct Hand<'a> {
    pub(super) container: &'a ContainerPlan,
    /// The present attempt's plan, where it is not the container's own, or shared with threads.
    present: Option<Arc<Plan>>,
    pub(super) created: Option<Box<dyn Created>>,
    pub(super) running: Option<Arc<dyn Running>>,
    /// Other limits than the plan's, for attempts to come.
    pub(super) limits: Option<Limits>,
}

impl<'a> Hand<'a> {
    pub(super) fn new(container: &'a ContainerPlan) -> Self {
        Self {
            container,
            present: None,
            created: None,
            running: None,
            limits: None,
        }
    }

    /// Makes the plan of an attempt.
    pub(super) fn prepare(&mut self, attempt: u32) {
        self.present = (attempt > 0 || self.limits.is_some()).then(|| {
            let mut plan = self.container.plan.clone();
            plan.id = attempt_id(&plan.id, attempt);
            if let Some(limits) = &self.limits {
                plan.limits = limits.clone();
            }
            Arc::new(plan)
        });
    }

    /// The plan of the present attempt.
    pub(super) fn plan(&self) -> &Plan {
        self.present.as_deref().unwrap_or(&self.container.plan)
    }

    /// The same for another thread.
    pub(super) fn shared_plan(&mut self) -> Arc<Plan> {
        let own = &self.container.plan;
        Arc::clone(self.present.get_or_insert_with(|| Arc::new(own.clone())))
    }

    /// What is to be said of how an attempt ended: what it wrote itself, or the end of its log where that is wanted, and the
    /// memory that it was refused.
    pub(super) fn message(
        &self,
        (exit, hits, attempt): (Exit, Hits, u32),
        limit: u64,
        observer: &dyn Observer,
    ) -> Option<String> {
        let failed = exit.code() != 0;
        let wanted = &self.container.termination_message;
        let own = wanted
            .file
            .as_ref()
            .and_then(|file| match message::read(file, limit) {
                Ok(message) => message,
                // As the kubelet does, in the place of the message.
                Err(error) => Some(format!("Error on reading termination message: {error}")),
            });
        let of_log = || {
            let log = observer.log_tail(&self.container.plan.container, attempt)?;
            message::of_log(&log, limit)
        };
        let message = own.or_else(|| (wanted.or_log && failed).then(of_log).flatten());
        if !failed || hits.memory_refusals == 0 {
            return message;
        }
        let refused = format!(
            "the job's memory limit was reached: allocations were refused {} times",
            hits.memory_refusals
        );
        Some(match message {
            Some(message) => format!("{message}\n{refused}"),
            None => refused,
        })
    }
}
