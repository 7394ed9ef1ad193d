//! `porthole update`: what can be changed of pods that run.

mod contents;
mod limits;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::limits::LimitFlags;
use crate::pods;

/// Options of `porthole update`.
///
/// With files the volumes of every pod that runs and has one of their ConfigMaps and Secrets change at once, as in a
/// cluster. Variables of the environment do not change, nor does what is mounted by subPath; what is immutable is refused.
/// With pods their limits change, live and for later attempts.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Pods whose limits change: NAME, NAMESPACE/NAME, or the manifests that made them
    #[arg(required_unless_present = "filename", value_name = "POD")]
    pods: Vec<String>,
    /// ConfigMaps and Secrets: files, directories, `https://` URLs, or `-` for standard input
    #[arg(short, long, value_name = "PATH", conflicts_with = "pods")]
    filename: Vec<PathBuf>,
    /// The namespace of objects and pods that are named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// The container whose limits change [default: all of them]
    #[arg(short, long, value_name = "NAME", requires = "pods")]
    container: Option<String>,
    #[command(flatten)]
    limits: LimitFlags,
}

impl Update {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let choices = self.limits.choices();
        if self.pods.is_empty() {
            if !choices.0.is_empty() {
                let failure = Failure::unasked("limits are of pods, and no pod is named");
                return Err(failure.help("name the pod: porthole update POD --memory 512Mi"));
            }
            let given = contents::read(&self.filename, &self.namespace, global)?;
            let (_, pods) = pods::open(global)?;
            return contents::update(&pods, &given, global);
        }
        if choices.0.is_empty() {
            let failure = Failure::unasked("nothing is to be changed: no limit is given");
            return Err(failure.help("give one, such as --memory 512Mi; for ConfigMaps and Secrets, -f FILE"));
        }
        let (_, pods) = pods::open(global)?;
        let chosen = pods::select(&pods, &self.pods, &self.namespace)?;
        limits::update(&chosen, &choices, self.container.as_deref(), global)
    }
}
