//! `porthole explain`: who a pod's containers run as, with what, and which field decided.

mod account;
mod conduct;
mod pod;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use porthole_manifest::Node;
use porthole_runtime::os;

use crate::arguments::{Format, Global};
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::manifests::{self, Workload};
use crate::note;
use crate::print;

/// Options of `porthole explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Files, directories, `https://` URLs, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The namespace of objects that name none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// How the answer is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Explain {
    pub(crate) fn run(&self, global: &Global) -> Result<ExitCode, Failure> {
        let files = manifests::read(&self.paths)?;
        let workloads = manifests::workloads(&files)?;
        let pods: Vec<pod::Pod> = workloads
            .iter()
            .map(|workload| pod::explain(workload, &self.namespace))
            .collect();
        let doing = || "print the explanation".to_owned();
        match self.output {
            Format::Human => {
                for (index, pod) in pods.iter().enumerate() {
                    let gap = if index == 0 { "" } else { "\n" };
                    print::text(&format!("{gap}{}", table::render(pod, global.verbose > 0)))?;
                }
                if !global.quiet {
                    say_what_is_missing(&workloads, global.verbose > 0);
                }
            }
            Format::Json => {
                let text = serde_json::to_string_pretty(&pods).attempt(exit::UNASKED, doing)?;
                print::text(&format!("{text}\n"))?;
            }
            Format::Yaml => print::text(&serde_saphyr::to_string(&pods).attempt(exit::UNASKED, doing)?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What whoever asks could not give to these pods on this host; `run` says the same of those that it runs.
fn say_what_is_missing(workloads: &[Workload<'_>], details: bool) {
    if os::is_ordinary_user() {
        note(
            "an ordinary user can run these pods as nobody else: `porthole run --inherit-user` runs them as that user, and as \
             root they have their accounts",
        );
    }
    if details || workloads.iter().any(asks_for_limits) {
        for lack in os::lacks() {
            note(&lack);
        }
    }
}

fn asks_for_limits(workload: &Workload<'_>) -> bool {
    let lists = ["initContainers", "containers"].into_iter();
    let mut containers = lists
        .filter_map(|key| workload.template.spec?.field(key))
        .flat_map(Node::items);
    containers.any(|container| {
        let limits = container.at("resources.limits");
        limits.is_some_and(|limits| limits.entries().next().is_some())
    })
}
