//! `porthole rm`: what is left of pods.

use std::process::ExitCode;

use clap::Args;
use porthole_runtime::pods::{Pod, Pods};

use super::stop::{Ending, end, for_each};
use crate::arguments::Global;
use crate::exit;
use crate::failure::Failure;
use crate::pods;

/// Options of `porthole rm`.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Pods: NAME, NAMESPACE/NAME, or the manifests that made them
    #[arg(required_unless_present = "all", value_name = "POD")]
    pods: Vec<String>,
    /// The namespace of pods that are named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Every pod that has ended; with --force every pod
    #[arg(long, conflicts_with = "pods")]
    all: bool,
    /// Kill pods that run; pods that are not there are no error
    #[arg(short, long)]
    force: bool,
}

impl Rm {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let (_, pods) = pods::open(global)?;
        let chosen = if self.all {
            let mut all = pods.list().map_err(Failure::unasked)?;
            all.retain(|pod| self.force || !pod.is_alive());
            all
        } else if self.force {
            pods::select_existing(&pods, &self.pods, &self.namespace)?
        } else {
            pods::select(&pods, &self.pods, &self.namespace)?
        };
        let alive: Vec<String> = chosen
            .iter()
            .filter(|pod| pod.is_alive())
            .map(Pod::title)
            .collect();
        if !self.force && !alive.is_empty() {
            let running = if alive.len() == 1 { "it runs" } else { "they run" };
            let failure = Failure::new(exit::NO, format!("remove {}: {running}", alive.join(", ")));
            return Err(failure.help("stop them first with `porthole stop`, or remove them with -f"));
        }
        for_each(&chosen, global, |pod| {
            end(pod, Ending::Kill)?;
            remove(&pods, pod)
        })
    }
}

/// Removes a pod that has ended.
pub(super) fn remove(pods: &Pods, pod: &Pod) -> Result<(), Failure> {
    pods.remove(pod).map_err(|error| Failure::new(exit::NO, error))
}
