//! `porthole stop`: pods are asked to end, and killed after their grace.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use porthole_runtime::pods::{Control, ControlError, Pod, Request};

use crate::arguments::Global;
use crate::exit;
use crate::failure::Failure;
use crate::pods::{self, Target};
use crate::print;

/// How long a pod may take beyond its grace: to kill what is left, and to put everything away.
const BEYOND: Duration = Duration::from_mins(1);

/// Options of `porthole stop`.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Pods and jobs: NAME, NAMESPACE/NAME, or the manifests that made them
    #[arg(required_unless_present = "all", value_name = "POD")]
    pods: Vec<String>,
    /// The namespace of pods that are named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Every pod and job that runs
    #[arg(long, conflicts_with = "pods")]
    all: bool,
    /// Seconds between the request and the kill [default: the pod's terminationGracePeriodSeconds]
    #[arg(short = 't', long, value_name = "SECONDS")]
    time: Option<u64>,
}

impl Stop {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let (_, pods) = pods::open(global)?;
        let chosen = if self.all {
            let mut all = pods::everything(&pods)?;
            all.retain(Target::is_alive);
            all
        } else {
            pods::targets(&pods, &self.pods, &self.namespace)?
        };
        for_each(&chosen, global, |target| end(target, Ending::Stop(self.time)))
    }
}

/// How a pod is ended.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// In order, within this many seconds or the pod's own grace.
    Stop(Option<u64>),
    /// At once.
    Kill,
}

/// Ends a pod or a job that may have ended already, and waits until nobody holds it.
pub(super) fn end(target: &Target, ending: Ending) -> Result<(), Failure> {
    match target {
        Target::Pod(pod) => end_pod(pod, ending),
        Target::Job(job, pods) => {
            // It ends its pods, and makes no more.
            let wait = |limit| job.wait_for_end(Some(limit));
            let grace = job.record.grace;
            end_one(job.is_alive(), &job.title(), &job.control(), grace, wait, ending)?;
            pods.iter().try_for_each(|pod| end_pod(pod, ending))
        }
        Target::Broken(broken) => {
            let wait = |limit| broken.wait_for_end(Some(limit));
            let (title, control) = (broken.title(), broken.control());
            // Its own is not known: what a pod has that names none.
            let grace = Duration::from_secs(30);
            end_one(broken.is_alive(), &title, &control, grace, wait, ending)
        }
    }
}

fn end_pod(pod: &Pod, ending: Ending) -> Result<(), Failure> {
    let wait = |limit| pod.wait_for_end(Some(limit));
    let grace = pod.record.plan.grace;
    end_one(pod.is_alive(), &pod.title(), &pod.control(), grace, wait, ending)
}

fn end_one(
    alive: bool,
    title: &str,
    control: &Control<'_>,
    grace: Duration,
    wait: impl Fn(Duration) -> bool,
    ending: Ending,
) -> Result<(), Failure> {
    if !alive {
        return Ok(());
    }
    let (request, limit) = match ending {
        Ending::Stop(wished) => {
            let limit = wished.map_or(grace, Duration::from_secs);
            (Request::Stop { grace: wished }, limit.saturating_add(BEYOND))
        }
        Ending::Kill => (Request::Kill, BEYOND),
    };
    match control.ask(&request) {
        Ok(_) => {}
        Err(ControlError::Ended { .. }) => return Ok(()),
        Err(error) => return Err(Failure::new(exit::NO, error)),
    }
    if wait(limit) {
        return Ok(());
    }
    let text = format!("stop {title}: it has not ended within {} s", limit.as_secs());
    Err(Failure::new(exit::NO, text))
}

/// Does something to many pods and jobs side by side, and names those that it was done to, in their order.
pub(super) fn for_each(
    chosen: &[Target],
    global: &Global,
    act: impl Fn(&Target) -> Result<(), Failure> + Sync,
) -> Result<ExitCode, Failure> {
    /// As many at a time; each waits most of its time.
    const AT_A_TIME: usize = 32;
    let mut failed = None;
    for some in chosen.chunks(AT_A_TIME) {
        let results: Vec<Result<(), Failure>> = thread::scope(|scope| {
            let act = &act;
            let threads: Vec<_> = some.iter().map(|pod| scope.spawn(move || act(pod))).collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        for (pod, result) in some.iter().zip(results) {
            match result {
                Ok(()) if !global.quiet => print::text(&format!("{}\n", pod.title()))?,
                Ok(()) => {}
                Err(failure) => {
                    if let Some(before) = failed.replace(failure) {
                        before.report();
                    }
                }
            }
        }
    }
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}
