//! A job that lives as long as the command that runs it: its pods are made over time.

use std::thread::{self, Scope};

use porthole_runtime::clock::HostClock;
use porthole_runtime::job::{Job, JobEnd, JobOutcome, PodEnd, PodReport, PodRunner, Progress, Rules};
use porthole_runtime::life::{Life, PodPlan};
use porthole_runtime::plan::PodIdentity;
use porthole_runtime::pods::{Held, JobOrder, JobRegistration, JobStopper};

use super::foreground::{self, Manner, failure, live_one};
use crate::exit;
use crate::failure::Failure;
use crate::note;

/// A job whose name is taken, and that has not begun.
pub(super) struct Claimed {
    order: JobOrder,
    held: Held,
    job: Job,
    pub(super) stopper: JobStopper,
}

impl Claimed {
    pub(super) fn new(order: JobOrder, held: Held) -> Self {
        let job = Job::new();
        let stopper = JobStopper::new(job.handle());
        Self {
            order,
            held,
            job,
            stopper,
        }
    }
}

/// Whether a job may make more than one pod.
pub(super) fn has_several_pods(rules: &Rules, restarts: bool) -> bool {
    restarts || rules.parallelism > 1 || rules.completions.is_some_and(|completions| completions > 1)
}

/// Runs a job to its end, and returns its exit code.
pub(super) fn live(claimed: Claimed, manner: &Manner<'_>) -> Result<i32, Failure> {
    let Claimed {
        order,
        held,
        job,
        stopper,
    } = claimed;
    let own = |error| Failure::new(exit::OWN_FAILURE, error);
    let registration = JobRegistration::show(held, &order.record(false), stopper.clone()).map_err(own)?;
    let outcome = thread::scope(|scope| {
        let crew = Crew {
            scope,
            manner,
            order: &order,
            registration: &registration,
            stopper: &stopper,
        };
        job.run(&order.plan, &HostClock, &crew, manner.restarts)
    });
    registration.remove().map_err(own)?;
    if !manner.global.quiet {
        say(&order, &outcome, manner.restarts);
    }
    Ok(outcome.exit_code())
}

/// Says why a job has not done what it was to do.
fn say(order: &JobOrder, outcome: &JobOutcome, restarts: bool) {
    let JobEnd::Failed { reason, message } = &outcome.end else {
        return;
    };
    let name = format!("{}/{}", order.plan.namespace, order.plan.name);
    let ended = format!("{} succeeded, {} failed", outcome.succeeded, outcome.failed);
    if restarts || *reason != "BackoffLimitExceeded" {
        note(&format!(
            "the job {name} has failed ({ended}): {reason}: {message}"
        ));
    } else {
        note(&format!(
            "the job {name} has failed ({ended}): without --restart no pod is started in the place of one that failed"
        ));
    }
}

/// Runs the pods of a job, each on a thread of its own.
struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    manner: &'env Manner<'env>,
    order: &'env JobOrder,
    registration: &'env JobRegistration,
    stopper: &'env JobStopper,
}

impl PodRunner for Crew<'_, '_> {
    fn start(&self, pod: PodPlan, report: PodReport) -> Box<dyn Fn() + Send> {
        let life = Life::new(std::sync::Arc::new(HostClock));
        let (handle, stopper) = (life.handle(), self.stopper.clone());
        let (manner, order, registration) = (self.manner, self.order, self.registration);
        let started = thread::Builder::new()
            .name("pod".to_owned())
            .spawn_scoped(self.scope, move || {
                let end = run(life, pod, &report, manner, order);
                registration.pod_ended(&end);
                report.ended(end);
            });
        if let Err(error) = started {
            // Its report is dropped, which is the pod's failure.
            note(&format!("start a thread for a pod: {error}"));
        }
        Box::new(move || stopper.end(&handle))
    }

    fn is_taken(&self, pod: &PodIdentity) -> bool {
        // Where it cannot be read, the pod's start says why.
        matches!(self.manner.pods.find(&pod.namespace, &pod.name), Ok(Some(_)))
    }

    fn progress(&self, progress: &Progress) {
        self.registration.progress(progress);
    }
}

fn run(life: Life, pod: PodPlan, report: &PodReport, manner: &Manner<'_>, order: &JobOrder) -> PodEnd {
    let identity = pod.identity.clone();
    let order = order.pod(pod, report.index());
    let result = manner
        .pods
        .claim(&order.plan.identity)
        .map_err(Into::into)
        .and_then(|held| {
            let claimed = foreground::Claimed::new(order, held, life);
            live_one(claimed, manner, &|times| report.restarted(times))
        });
    match result {
        Ok(outcome) => PodEnd::of(&identity, &outcome),
        Err(error) => {
            let failure = failure(error);
            failure.report();
            PodEnd::lost(&identity, i32::from(failure.code()), failure.to_string())
        }
    }
}
