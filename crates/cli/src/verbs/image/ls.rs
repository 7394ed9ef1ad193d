//! `porthole image ls`: what the store has.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use porthole_image::Store;

use super::{print, size};
use crate::arguments::Format;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Ls {
    /// How the list is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Ls {
    pub(super) fn run(&self, root: &Path) -> Result<ExitCode, Failure> {
        let images = Store::open(root)
            .and_then(|store| store.list())
            .map_err(Failure::unasked)?;
        if self.output != Format::Human {
            return print(self.output, &images);
        }
        let width = images
            .iter()
            .map(|image| image.name.len())
            .chain([4])
            .max()
            .unwrap_or(4);
        anstream::println!("{:width$}  {:12}  {:>10}  PLATFORMS", "NAME", "DIGEST", "SIZE");
        for image in images {
            let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
            let digest = &image.digest.hex()[..12];
            anstream::println!(
                "{:width$}  {digest}  {:>10}  {}",
                image.name,
                size(image.size),
                platforms.join(",")
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
