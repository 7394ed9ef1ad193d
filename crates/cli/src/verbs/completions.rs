//! `porthole completions`: what a shell needs to complete porthole's command line.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::arguments::Porthole;
use crate::exit;
use crate::failure::{Attempt as _, Failure};

/// Options of `porthole completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Porthole::command(), "porthole", &mut text);
        std::io::Write::write_all(&mut std::io::stdout(), &text).attempt(exit::UNASKED, || {
            "write the completions to standard output".to_owned()
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
