//! `porthole image unpack`: all files of an image in a directory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use porthole_image::{Platform, Store};

use super::unknown;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Unpack {
    /// The image's name, or a layout directory or archive
    image: String,
    /// A new or empty directory
    directory: PathBuf,
    /// Which of the image's platforms [default: this machine's, or the only one]
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
}

impl Unpack {
    pub(super) fn run(&self, root: &Path) -> Result<ExitCode, Failure> {
        let store = Store::open(root).map_err(Failure::unasked)?;
        let wanted = self
            .platform
            .as_deref()
            .map(str::parse::<Platform>)
            .transpose()
            .map_err(Failure::unasked)?;
        let path = Path::new(&self.image);
        if store.inspect(&self.image).map_err(Failure::unasked)?.is_none() && path.exists() {
            let platform = wanted.unwrap_or_else(Platform::host);
            let loaded = store.load(path, &platform).map_err(Failure::unasked)?;
            store
                .unpack(&loaded.image, &self.directory)
                .map_err(Failure::unasked)?;
            return Ok(ExitCode::SUCCESS);
        }
        let image = match wanted {
            Some(platform) => store.resolve(&self.image, &platform).map_err(Failure::unasked)?,
            None => store
                .inspect(&self.image)
                .map_err(Failure::unasked)?
                .and_then(|(_, images)| {
                    let host = images.iter().position(|image| image.platform == Platform::host());
                    images.into_iter().nth(host.unwrap_or(0))
                }),
        };
        let Some(image) = image else {
            return Err(unknown(&self.image, root));
        };
        store.unpack(&image, &self.directory).map_err(Failure::unasked)?;
        Ok(ExitCode::SUCCESS)
    }
}
