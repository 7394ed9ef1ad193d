//! `porthole rm`: what is left of pods.

use std::process::ExitCode;

use clap::Args;
use porthole_runtime::pods::Pods;

use super::stop::{Ending, end, for_each};
use crate::arguments::Global;
use crate::exit;
use crate::failure::Failure;
use crate::pods::{self, Target};

/// Options of `porthole rm`.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Pods and jobs: NAME, NAMESPACE/NAME, or the manifests that made them
    #[arg(required_unless_present = "all", value_name = "POD")]
    pods: Vec<String>,
    /// The namespace of pods that are named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Every pod and job that has ended; with --force every one
    #[arg(long, conflicts_with = "pods")]
    all: bool,
    /// Kill pods that run; pods that are not there are no error
    #[arg(short, long)]
    force: bool,
}

impl Rm {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let (_, pods) = pods::open(global)?;
        let mut chosen = if self.all {
            let mut all = pods::everything(&pods)?;
            all.retain(|target| self.force || !target.is_alive() && !matches!(target, Target::Broken(_)));
            all
        } else if self.force {
            pods::existing(&pods, &self.pods, &self.namespace)?
        } else {
            pods::targets(&pods, &self.pods, &self.namespace)?
        };
        let alive: Vec<String> = chosen
            .iter()
            .filter(|target| target.is_alive())
            .map(Target::title)
            .collect();
        if !self.force && !alive.is_empty() {
            let running = if alive.len() == 1 { "it runs" } else { "they run" };
            let failure = Failure::new(exit::NO, format!("remove {}: {running}", alive.join(", ")));
            return Err(failure.help("stop them first with `porthole stop`, or remove them with -f"));
        }
        // It may be what somebody wants to look into.
        if !self.force
            && let Some(position) = chosen.iter().position(|one| matches!(one, Target::Broken(_)))
            && let Target::Broken(broken) = chosen.swap_remove(position)
        {
            return Err(pods::unreadable(broken));
        }
        for_each(&chosen, global, |target| {
            end(target, Ending::Kill)?;
            remove(&pods, target)
        })
    }
}

/// Removes a pod that has ended, or a job with its pods.
pub(super) fn remove(pods: &Pods, target: &Target) -> Result<(), Failure> {
    let removed = match target {
        Target::Pod(pod) => pods.remove(pod),
        Target::Job(job, _) => pods.remove_job(job),
        Target::Broken(broken) => pods.remove_broken(broken),
    };
    removed.map_err(|error| Failure::new(exit::NO, error))
}
