//! `porthole image push`: an image of the store to a registry.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use porthole_image::Store;
use porthole_image::registry::Reference;

use super::unknown;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::registry::{self, Telling};

#[derive(Debug, Args)]
pub(super) struct Push {
    /// The image's name in the store
    image: String,
    /// Where to, such as example.com/team/app:v1 [default: what the name itself says]
    destination: Option<String>,
    #[command(flatten)]
    registry: registry::Options,
}

impl Push {
    pub(super) fn run(self, root: &Path, global: &Global) -> Result<ExitCode, Failure> {
        let to = self.destination.as_ref().unwrap_or(&self.image);
        let reference = Reference::parse(to).map_err(Failure::unasked)?;
        // Looking into a store that was never made must not make it.
        if !root.join("lock").exists() {
            return Err(unknown(&self.image, root));
        }
        let client = self.registry.client(self.registry.credentials()?);
        let store = Store::open(root).map_err(Failure::unasked)?;
        let pushed = client
            .push(&store, &self.image, &reference, &Telling::new(global))
            .map_err(registry::failure)?;
        if !global.quiet {
            let size = super::size(pushed.transferred);
            anstream::eprintln!(
                "pushed {} to {}, {size} transferred",
                self.image,
                pushed.reference
            );
        }
        anstream::println!("{}", pushed.digest);
        Ok(ExitCode::SUCCESS)
    }
}
