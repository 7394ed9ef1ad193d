//! The verbs, one file each.

mod completions;
mod image;
mod man;

use std::process::ExitCode;

use clap::Subcommand;

use crate::arguments::Porthole;
use crate::failure::Failure;

/// What porthole is asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
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
        Verb::Image(image) => image.run(&global),
        Verb::Completions(completions) => completions.run(),
        Verb::Man(man) => man.run(),
    }
}
