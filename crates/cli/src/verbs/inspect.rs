//! `porthole inspect`: pods and jobs as a cluster would show them.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use porthole_runtime::pods::Pod;

use crate::arguments::{Format, Global};
use crate::failure::Failure;
use crate::pods::{self, Target};
use crate::print;

/// Options of `porthole inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Pods and jobs: NAME, NAMESPACE/NAME, or the manifests that made them
    #[arg(required = true, value_name = "POD")]
    pods: Vec<String>,
    /// The namespace of pods that are named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// How the pods are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Data,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Data {
    /// YAML
    #[default]
    Yaml,
    /// JSON
    Json,
}

impl Inspect {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let (_, pods) = pods::open(global)?;
        let mut found = Vec::new();
        let object = |pod: &Pod| {
            let status = pod.status().map_err(Failure::unasked)?;
            Ok::<_, Failure>(pods::object(pod, &status))
        };
        for target in pods::targets(&pods, &self.pods, &self.namespace)? {
            match target {
                Target::Pod(pod) => found.push(object(&pod)?),
                Target::Broken(broken) => return Err(pods::unreadable(broken)),
                Target::Job(job, own) => {
                    found.push(pods::job_object(&job)?);
                    for pod in &own {
                        found.push(object(pod)?);
                    }
                }
            }
        }
        let format = match self.output {
            Data::Yaml => Format::Yaml,
            Data::Json => Format::Json,
        };
        let text = match found.as_slice() {
            [one] => pods::data(format, one)?,
            _ => pods::data(format, &pods::list(&found))?,
        };
        print::text(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
