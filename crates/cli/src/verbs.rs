//! The verbs, one file each.

mod completions;
mod explain;
pub(crate) mod guard;
mod image;
mod man;
mod run;
mod update;

use std::process::ExitCode;

use clap::Subcommand;

use crate::arguments::Porthole;
use crate::failure::Failure;

/// What porthole is asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run pods on this host, in the foreground
    Run(run::Run),
    /// Bring other contents of ConfigMaps and Secrets into the volumes of pods that run
    Update(update::Update),
    /// Say who a pod's containers run as, with what, and which field decided
    Explain(explain::Explain),
    /// Images of HostProcess containers, without Docker and without Windows
    Image(image::Image),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Write the man pages into a directory
    Man(man::Man),
}

/// Does what was asked for.
pub(crate) fn run(porthole: Porthole) -> Result<ExitCode, Failure> {
    let global = porthole.global;
    match porthole.verb {
        Verb::Run(run) => run.run(&global),
        Verb::Update(update) => update.run(&global),
        Verb::Explain(explain) => explain.run(&global),
        Verb::Image(image) => image.run(&global),
        Verb::Completions(completions) => completions.run(),
        Verb::Man(man) => man.run(),
    }
}
