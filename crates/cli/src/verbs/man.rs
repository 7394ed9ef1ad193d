//! `porthole man`: a man page for porthole and one for each verb.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};

use crate::arguments::Porthole;
use crate::exit;
use crate::failure::{Attempt as _, Failure};

/// Options of `porthole man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The directory, made when missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Man {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let directory = self.directory.display();
        std::fs::create_dir_all(&self.directory)
            .attempt(exit::UNASKED, || format!("make the directory `{directory}`"))?;
        clap_mangen::generate_to(Porthole::command(), &self.directory)
            .attempt(exit::UNASKED, || format!("write man pages into `{directory}`"))?;
        Ok(ExitCode::SUCCESS)
    }
}
