//! What the command line can say. Completions and man pages are made from the same definitions.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, ValueEnum};

use crate::verbs::Verb;

/// Windows pods, from their YAML to the process on the host.
#[derive(Debug, Parser)]
#[command(name = "porthole", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Porthole {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// When output is coloured
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value_t,
        value_enum,
        help_heading = "Global options"
    )]
    pub(crate) color: Color,
    /// Say more, such as which fields of a pod mean nothing on one machine
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Say nothing but errors and what was asked for
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub(crate) quiet: bool,
    /// Where images and the state of containers are kept [default: /var/lib/porthole or %ProgramData%\porthole]
    #[arg(
        long,
        global = true,
        env = "PORTHOLE_STATE",
        value_name = "DIR",
        help_heading = "Global options"
    )]
    state: Option<PathBuf>,
}

impl Global {
    /// The state directory, wherever this process and its supervisors are.
    pub(crate) fn state(&self) -> PathBuf {
        let state = self.state.clone().unwrap_or_else(default_state);
        std::path::absolute(&state).unwrap_or(state)
    }
}

#[cfg(not(windows))]
fn default_state() -> PathBuf {
    PathBuf::from("/var/lib/porthole")
}

#[cfg(windows)]
fn default_state() -> PathBuf {
    let data =
        std::env::var_os("ProgramData").map_or_else(|| PathBuf::from(r"C:\ProgramData"), PathBuf::from);
    data.join("porthole")
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Makes the choice for everything that is printed.
    pub(crate) fn choose(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Human,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Porthole::command().debug_assert();
    }
}
