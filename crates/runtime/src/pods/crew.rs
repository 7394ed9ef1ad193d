//! The life of a detached job: one process with all of its pods, each with a directory, a record and logs of its own.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::directory;
use super::supervisor::supervise_watched;
use super::{Held, JobOrder, JobRegistration, JobStopper, Pods, Start, SuperviseError};
use crate::causes::chain;
use crate::clock::HostClock;
use crate::engine::Engine;
use crate::fault;
use crate::job::{Job, JobOutcome, PodEnd, PodReport, PodRunner, Progress};
use crate::life::{Life, PodPlan};
use crate::plan::PodIdentity;
use crate::status::PodStatus;

/// Of how many ended pods of a job record, status and logs are kept: as many as run on a machine.
const KEPT: usize = 110;

/// Runs a job to its end, with its name, record and status on the disk, and those of its pods. `started` is called once at
/// most, when the first of its pods runs, or does not start; where it says no, nobody waits for the job any more, and it is
/// ended.
///
/// # Errors
/// Before a pod runs: nothing of the job is left then.
pub fn supervise_job(
    engine: &Arc<dyn Engine>,
    pods: &Pods,
    (job, stopper): (Job, JobStopper),
    order: JobOrder,
    started: impl FnOnce(Start<'_>) -> bool + Send + 'static,
) -> Result<JobOutcome, SuperviseError> {
    let held = pods.claim_job(&order.plan.identity())?;
    let registration = JobRegistration::show(held, &order.record(true), stopper.clone())?;
    let plan = order.plan.clone();
    let crew = Crew(Arc::new(Shared {
        engine: Arc::clone(engine),
        pods: pods.clone(),
        order,
        registration,
        stopper,
        started: Mutex::new(Some(Box::new(started))),
        unwanted: AtomicBool::new(false),
        failure: Mutex::default(),
        ended: Mutex::default(),
    }));
    let outcome = job.run(&plan, &HostClock, &crew, true);
    crew.0.end(outcome)
}

type Started = Box<dyn FnOnce(Start<'_>) -> bool + Send>;

struct Crew(Arc<Shared>);

struct Shared {
    engine: Arc<dyn Engine>,
    pods: Pods,
    order: JobOrder,
    registration: JobRegistration,
    stopper: JobStopper,
    /// Nothing once a pod has come to run, or the first has failed to.
    started: Mutex<Option<Started>>,
    /// No pod came to run, or nobody waited for it any more.
    unwanted: AtomicBool,
    /// Why the first pod did not come to run.
    failure: Mutex<Option<SuperviseError>>,
    /// The directories of pods that have ended, the oldest first.
    ended: Mutex<VecDeque<PathBuf>>,
}

impl PodRunner for Crew {
    fn start(&self, pod: PodPlan, report: PodReport) -> Box<dyn Fn() + Send> {
        fault::step("job-pod");
        let life = Life::new(Arc::new(HostClock));
        let (handle, stopper) = (life.handle(), self.0.stopper.clone());
        let shared = Arc::clone(&self.0);
        let identity = pod.identity.clone();
        let started = thread::Builder::new()
            .name("pod".to_owned())
            .spawn(move || shared.live(life, pod, report));
        if let Err(error) = started {
            // Its report is dropped, which is the pod's failure.
            let why = format!("start a thread for it: {error}");
            self.0.registration.pod_ended(&PodEnd::lost(&identity, 1, why));
        }
        Box::new(move || stopper.end(&handle))
    }

    fn is_taken(&self, pod: &PodIdentity) -> bool {
        // Where it cannot be read, the pod's start says why.
        matches!(self.0.pods.find(&pod.namespace, &pod.name), Ok(Some(_)))
    }

    fn progress(&self, progress: &Progress) {
        self.0.registration.progress(progress);
    }
}

impl Shared {
    fn live(&self, life: Life, pod: PodPlan, report: PodReport) {
        let directory = pod.directory.clone();
        let identity = pod.identity.clone();
        let order = self.order.pod(pod, report.index());
        let started = |start: Start<'_>| self.note(start);
        let watched = |restarts| report.restarted(restarts);
        let result = supervise_watched(&self.engine, &self.pods, life, order, started, watched);
        self.forget_the_oldest(directory);
        let end = match result {
            Ok((outcome, status)) => {
                let mut end = PodEnd::of(&identity, &outcome);
                if outcome.failure.is_none() {
                    end.message = failure(&status).or(end.message);
                }
                end
            }
            Err(error) => {
                let end = PodEnd::lost(&identity, 1, chain(&error));
                // Nobody has heard of the pod: that is the job's failure.
                if lock(&self.started).take().is_some() {
                    *lock(&self.failure) = Some(error);
                    self.give_up();
                }
                end
            }
        };
        self.registration.pod_ended(&end);
        report.ended(end);
    }

    /// Tells whoever waits of the first pod. Returns whether the pod is to go on: a later one that does not start is treated
    /// as the kubelet does, by its `restartPolicy`, and its status says why.
    fn note(&self, start: Start<'_>) -> bool {
        let runs = matches!(start, Start::Runs);
        if runs {
            self.registration.pod_runs();
        }
        let Some(started) = lock(&self.started).take() else {
            return !self.unwanted.load(Ordering::Acquire);
        };
        let wanted = started(start) && runs;
        if !wanted {
            self.give_up();
        }
        wanted
    }

    fn give_up(&self) {
        self.unwanted.store(true, Ordering::Release);
        self.stopper.kill();
    }

    /// A job of many completions does not fill the disk.
    fn forget_the_oldest(&self, ended: PathBuf) {
        let oldest = {
            let mut all = lock(&self.ended);
            all.push_back(ended);
            if all.len() > KEPT { all.pop_front() } else { None }
        };
        // What cannot be removed stays for `rm`.
        if let Some(directory) = oldest
            && let Ok(Some(held)) = directory::take_ended(&directory)
        {
            let _ = Held::remove(held);
        }
    }

    fn end(&self, outcome: JobOutcome) -> Result<JobOutcome, SuperviseError> {
        fault::step("job-ended");
        let failure = lock(&self.failure).take();
        let never_ran = lock(&self.started).is_some();
        if never_ran || self.unwanted.load(Ordering::Acquire) {
            // Pods that ran side by side with the one that did not start.
            for directory in lock(&self.ended).drain(..) {
                if let Some(held) = directory::take_ended(&directory)? {
                    held.remove()?;
                }
            }
            self.registration.remove()?;
        } else {
            self.registration.end(&outcome)?;
        }
        failure.map_or(Ok(outcome), Err)
    }
}

/// Why a pod failed, by its first container that did.
fn failure(status: &PodStatus) -> Option<String> {
    let all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let mut failed = all.filter_map(|one| Some((one, one.state.terminated.as_ref()?)));
    let (container, end) = failed.find(|(_, end)| end.exit_code != 0)?;
    let (name, code, reason) = (&container.name, end.exit_code, &end.reason);
    Some(match &end.message {
        Some(message) => format!(
            "container `{name}`: exit code {code}: {reason}: {}",
            message.trim_end()
        ),
        None => format!("container `{name}`: exit code {code}: {reason}"),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
