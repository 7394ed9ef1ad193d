//! `porthole image pull`: an image from a registry into the store.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use porthole_image::Store;
use porthole_image::registry::{Platforms, Reference, Wanted};

use crate::arguments::Global;
use crate::failure::Failure;
use crate::registry::{self, Telling};

#[derive(Debug, Args)]
pub(super) struct Pull {
    /// The image, such as example.com/team/app:v1 or app@sha256:…; the store has it under this very name
    image: String,
    /// What the image shall be for; several make one index [default: this machine's]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_delimiter = ',')]
    platform: Vec<String>,
    /// Fetch the images for all platforms
    #[arg(long, conflicts_with = "platform")]
    all_platforms: bool,
    /// Another name for it in the store
    #[arg(short, long, value_name = "NAME")]
    tag: Option<String>,
    #[command(flatten)]
    registry: registry::Options,
}

impl Pull {
    pub(super) fn run(self, root: &Path, global: &Global) -> Result<ExitCode, Failure> {
        let reference = Reference::parse(&self.image).map_err(Failure::unasked)?;
        let platforms = if self.all_platforms {
            Platforms::All
        } else if self.platform.is_empty() {
            Platforms::These(vec![Wanted::host()])
        } else {
            let wanted = self.platform.iter().map(|text| text.parse());
            Platforms::These(wanted.collect::<Result<_, _>>().map_err(registry::failure)?)
        };
        let client = self.registry.client(self.registry.credentials()?);
        let store = Store::open(root).map_err(Failure::unasked)?;
        let name = self.tag.as_ref().unwrap_or(&self.image);
        let pulled = client
            .pull(&store, &reference, name, &platforms, &Telling::new(global))
            .map_err(registry::failure)?;
        if !global.quiet {
            let platforms: Vec<String> = pulled.platforms.iter().map(ToString::to_string).collect();
            anstream::eprintln!(
                "pulled {} for {}, {} transferred",
                pulled.reference,
                platforms.join(", "),
                super::size(pulled.transferred)
            );
        }
        anstream::println!("{}", pulled.digest);
        Ok(ExitCode::SUCCESS)
    }
}
