//! `porthole inspect`: pods as a cluster would show them.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::arguments::{Format, Global};
use crate::failure::Failure;
use crate::pods;

/// Options of `porthole inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Pods: NAME, NAMESPACE/NAME, or the manifests that made them
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
        for pod in pods::select(&pods, &self.pods, &self.namespace)? {
            let status = pod.status().map_err(Failure::unasked)?;
            found.push((pod, status));
        }
        let format = match self.output {
            Data::Yaml => Format::Yaml,
            Data::Json => Format::Json,
        };
        let text = match found.as_slice() {
            [(pod, status)] => pods::data(format, &pods::object(pod, status))?,
            several => pods::data(format, &pods::list_of(several))?,
        };
        pods::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
