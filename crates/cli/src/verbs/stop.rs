//! `porthole stop`: pods are asked to end, and killed after their grace.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use porthole_runtime::pods::{ControlError, Pod, Request};

use crate::arguments::Global;
use crate::exit;
use crate::failure::Failure;
use crate::pods;

/// How long a pod may take beyond its grace: to kill what is left, and to put everything away.
const BEYOND: Duration = Duration::from_mins(1);

/// Options of `porthole stop`.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Pods: NAME, NAMESPACE/NAME, or the manifests that made them
    #[arg(required_unless_present = "all", value_name = "POD")]
    pods: Vec<String>,
    /// The namespace of pods that are named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Every pod that runs
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
            let mut all = pods.list().map_err(Failure::unasked)?;
            all.retain(Pod::is_alive);
            all
        } else {
            pods::select(&pods, &self.pods, &self.namespace)?
        };
        for_each(&chosen, global, |pod| end(pod, Ending::Stop(self.time)))
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

/// Ends a pod that may have ended already, and waits until nobody holds it.
pub(super) fn end(pod: &Pod, ending: Ending) -> Result<(), Failure> {
    if !pod.is_alive() {
        return Ok(());
    }
    let (request, limit) = match ending {
        Ending::Stop(grace) => {
            let limit = grace.map_or(pod.record.plan.grace, Duration::from_secs);
            (Request::Stop { grace }, limit.saturating_add(BEYOND))
        }
        Ending::Kill => (Request::Kill, BEYOND),
    };
    match pod.control().ask(&request) {
        Ok(_) => {}
        Err(ControlError::Ended { .. }) => return Ok(()),
        Err(error) => return Err(Failure::new(exit::NO, error)),
    }
    if pod.wait_for_end(Some(limit)) {
        return Ok(());
    }
    let text = format!(
        "stop {}: it has not ended within {} s",
        pod.title(),
        limit.as_secs()
    );
    Err(Failure::new(exit::NO, text))
}

/// Does something to many pods side by side, and names those that it was done to, in their order.
pub(super) fn for_each(
    chosen: &[Pod],
    global: &Global,
    act: impl Fn(&Pod) -> Result<(), Failure> + Sync,
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
                Ok(()) if !global.quiet => pods::print(&format!("{}\n", pod.title()))?,
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
