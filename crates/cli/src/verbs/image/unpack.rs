//! `porthole image unpack`: all files of an image in a directory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use porthole_image::{Error, Image, Platform, Scratch, Store};

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
        let wanted = self
            .platform
            .as_deref()
            .map(str::parse::<Platform>)
            .transpose()
            .map_err(Failure::unasked)?;
        let kept = root.join("lock").exists().then(|| Store::open(root)).transpose();
        let kept = kept.map_err(Failure::unasked)?;
        // Or the image could be removed between its finding and its unpacking.
        let _lock = kept
            .as_ref()
            .map(Store::reading)
            .transpose()
            .map_err(Failure::unasked)?;
        let known = kept
            .as_ref()
            .map(|store| store.inspect(&self.image))
            .transpose()
            .map_err(Failure::unasked)?
            .flatten();
        let path = Path::new(&self.image);
        match (known, &kept) {
            (Some((_, images)), Some(store)) => self.write(store, images, wanted),
            // A name is no path to those who did not mean one.
            _ if !path.exists() => Err(unknown(&self.image, root)),
            _ => {
                let parent = self
                    .directory
                    .parent()
                    .filter(|parent| !parent.as_os_str().is_empty());
                // Its blobs are read once: they are nothing for the store to keep.
                let scratch = Scratch::beside(parent.unwrap_or(Path::new("."))).map_err(Failure::unasked)?;
                let store = scratch.store();
                store.import(path, Some(ONLY)).map_err(Failure::unasked)?;
                let images = store.inspect(ONLY).map_err(Failure::unasked)?;
                self.write(
                    store,
                    images.map(|(_, images)| images).unwrap_or_default(),
                    wanted,
                )
            }
        }
    }

    fn write(
        &self,
        store: &Store,
        images: Vec<Image>,
        wanted: Option<Platform>,
    ) -> Result<ExitCode, Failure> {
        let image = choose(images, wanted).map_err(|(wanted, available)| {
            Failure::unasked(Error::OtherPlatform {
                name: self.image.clone(),
                wanted,
                available,
            })
            .help("name one of them with --platform")
        })?;
        store.unpack(&image, &self.directory).map_err(Failure::unasked)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The name of an image in a store that holds nothing else.
const ONLY: &str = "image";

/// The image for the platform wanted; without one this machine's, or the only one. Else what was wanted and what is
/// there.
fn choose(mut images: Vec<Image>, wanted: Option<Platform>) -> Result<Image, (Platform, Vec<Platform>)> {
    if wanted.is_none() && images.len() == 1 {
        return Ok(images.remove(0));
    }
    let wanted = wanted.unwrap_or_else(Platform::host);
    match images.iter().position(|image| image.platform == wanted) {
        Some(place) => Ok(images.remove(place)),
        None => Err((wanted, images.into_iter().map(|image| image.platform).collect())),
    }
}

#[cfg(test)]
mod tests {
    use porthole_image::{Image, Platform};

    use super::choose;

    #[test]
    fn chooses_the_platform_wanted_or_this_machines_or_the_only_one() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        let chosen = |there: &[Platform], wanted: Option<Platform>| {
            choose(there.iter().cloned().map(Image::bare).collect(), wanted)
                .map(|image| image.platform)
                .map_err(|(_, available)| available)
        };
        let (host, other, third) = (Platform::host(), platform("linux/s390x"), platform("linux/mips"));
        let both = [other.clone(), host.clone()];
        assert_eq!(chosen(&both, None), Ok(host.clone()));
        assert_eq!(chosen(&both, Some(other.clone())), Ok(other.clone()));
        assert_eq!(chosen(&both[..1], None), Ok(other.clone()));
        assert_eq!(chosen(&both[..1], Some(host)), Err(vec![other.clone()]));
        let foreign = [other, third];
        assert_eq!(chosen(&foreign, None), Err(foreign.to_vec()));
    }
}
