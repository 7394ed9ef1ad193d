//! The verbs, one file each.

mod completions;
mod exec;
mod explain;
pub(crate) mod guard;
mod image;
mod logs;
mod man;
mod run;
mod stats;
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
    /// Print what a pod's containers have said
    Logs(logs::Logs),
    /// Run a further program in a container that runs
    Exec(exec::Exec),
    /// Show what containers use
    Stats(stats::Stats),
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
        Verb::Logs(logs) => logs.run(&global),
        Verb::Exec(exec) => exec.run(&global),
        Verb::Stats(stats) => stats.run(&global),
        Verb::Explain(explain) => explain.run(&global),
        Verb::Image(image) => image.run(&global),
        Verb::Completions(completions) => completions.run(),
        Verb::Man(man) => man.run(),
    }
}
