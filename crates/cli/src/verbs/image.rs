//! `porthole image`

use std::process::ExitCode;

use clap::Args;

use crate::arguments::Global;
use crate::failure::Failure;

/// Options of `porthole image`.
#[derive(Debug, Args)]
pub(crate) struct Image {}

impl Image {
    pub(crate) fn run(self, _global: &Global) -> Result<ExitCode, Failure> {
        Err(Failure::unasked("image is being built"))
    }
}
