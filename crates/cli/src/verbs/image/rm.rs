//! `porthole image rm`: images away, and what no other image needs.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use porthole_image::Store;

use super::{refused, size};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Rm {
    /// The images' names
    #[arg(required = true)]
    names: Vec<String>,
}

impl Rm {
    pub(super) fn run(&self, root: &Path, quiet: bool) -> Result<ExitCode, Failure> {
        let store = Store::open(root).map_err(Failure::unasked)?;
        for name in &self.names {
            let removed = store.remove(name).map_err(refused)?;
            if !quiet {
                let used = match removed.layers_in_use {
                    0 => String::new(),
                    count => format!("; unpacked layers still in use: {count}"),
                };
                anstream::eprintln!("removed {name}, freed {}{used}", size(removed.bytes));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
