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
    /// Where images and the state of containers are kept [default: /var/lib/porthole, without root
    /// ~/.local/state/porthole, or %ProgramData%\porthole]
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
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/porthole");
    }
    state_of_user(|name| std::env::var_os(name).map(PathBuf::from))
}

/// An ordinary user's own (XDG Base Directory Specification: paths that are not absolute are not to be considered).
#[cfg(not(windows))]
fn state_of_user(variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))
        // Nobody else's: who has no home cannot write to this one either, which says so.
        .map_or_else(
            || PathBuf::from("/var/lib/porthole"),
            |state| state.join("porthole"),
        )
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
    #[cfg(not(windows))]
    fn an_ordinary_user_s_state_is_in_that_user_s_home() {
        let state = |xdg: Option<&str>, home: Option<&str>| {
            state_of_user(|name| match name {
                "XDG_STATE_HOME" => xdg.map(PathBuf::from),
                _ => home.map(PathBuf::from),
            })
        };
        assert_eq!(
            state(None, Some("/home/a")),
            PathBuf::from("/home/a/.local/state/porthole")
        );
        assert_eq!(state(Some("/s"), Some("/home/a")), PathBuf::from("/s/porthole"));
        assert_eq!(
            state(Some("s"), Some("/home/a")),
            PathBuf::from("/home/a/.local/state/porthole")
        );
        assert_eq!(state(None, None), PathBuf::from("/var/lib/porthole"));
    }

    #[test]
    fn the_definitions_hold_together() {
        Porthole::command().debug_assert();
    }
}
