//! Images by the names that pods give them: what `--image` says, then the store.

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};

use porthole_image::{Error, Image, Loaded, Platform, SourceKind, Store, UnpackedLayers, detect_source};

use super::{ContainerImage, ImageRefusal, Images};
use crate::plan::Rootfs;

/// The images of a run. The layers that it found stay on disk as long as it lives.
#[derive(Debug)]
pub struct HostImages {
    named: Vec<(String, PathBuf)>,
    root: PathBuf,
    platform: Platform,
    store: OnceCell<Store>,
    found: RefCell<Vec<(String, ContainerImage)>>,
    held: RefCell<Vec<Held>>,
}

/// Keeps what a run uses from being removed meanwhile.
#[derive(Debug)]
struct Held {
    _layers: UnpackedLayers,
    _loaded: Option<Loaded>,
}

impl HostImages {
    /// Images of a store below the state directory, for the platform of this host; `named` are names with a plain
    /// directory, or a layout as directory or archive, that stand for them in this run.
    #[must_use]
    pub fn new(state: &Path, named: Vec<(String, PathBuf)>) -> Self {
        Self {
            named,
            root: state.join("images"),
            platform: Platform::host(),
            store: OnceCell::new(),
            found: RefCell::default(),
            held: RefCell::default(),
        }
    }

    fn store(&self) -> Result<&Store, Error> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(&self.root)?;
        Ok(self.store.get_or_init(|| store))
    }

    fn named(&self, path: &Path) -> Result<ContainerImage, ImageRefusal> {
        let of = |error: Error| refusal(&error, format!("look at `{}`", path.display()));
        match detect_source(path).map_err(of)? {
            SourceKind::Directory => {
                let directory = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                Ok(container_image(
                    Image::bare(self.platform.clone()),
                    Rootfs::Directory(directory),
                ))
            }
            SourceKind::Layout | SourceKind::Archive => {
                let store = self.store().map_err(of)?;
                let loaded = store.load(path, &self.platform).map_err(of)?;
                let image = loaded.image.clone();
                self.unpacked(store, image, Some(loaded)).map_err(of)
            }
        }
    }

    fn unpacked(&self, store: &Store, image: Image, loaded: Option<Loaded>) -> Result<ContainerImage, Error> {
        let layers = store.unpacked_layers(&image)?;
        Ok(self.held(image, layers, loaded))
    }

    fn held(&self, image: Image, layers: UnpackedLayers, loaded: Option<Loaded>) -> ContainerImage {
        let rootfs = match layers.paths() {
            [] => Rootfs::Empty,
            paths => Rootfs::Layers(paths.to_vec()),
        };
        self.held.borrow_mut().push(Held {
            _layers: layers,
            _loaded: loaded,
        });
        container_image(image, rootfs)
    }

    fn look_up(&self, name: &str) -> Result<ContainerImage, ImageRefusal> {
        if let Some((_, path)) = self.named.iter().find(|(other, _)| other == name) {
            return self.named(path);
        }
        let help = "check the store with `porthole image ls`";
        // Looking into a store that was never made must not make it.
        let image = if self.root.is_dir() {
            let store = self.store().map_err(|error| refusal(&error, help.to_owned()))?;
            store
                .resolve_unpacked(name, &self.platform)
                .map_err(|error| refusal(&error, help.to_owned()))?
        } else {
            None
        };
        match image {
            Some((image, layers)) => Ok(self.held(image, layers, None)),
            None => Err(ImageRefusal {
                reason: format!("no image {name:?} in the store at {}", self.root.display()),
                help: format!(
                    "build it with `porthole image build -t {name} …`, fetch it with `porthole image pull {name}` or \
                     --pull, or name its files: --image {name}=PATH"
                ),
            }),
        }
    }
}

impl Images for HostImages {
    fn find(&self, name: &str) -> Result<ContainerImage, ImageRefusal> {
        if let Some((_, image)) = self.found.borrow().iter().find(|(other, _)| other == name) {
            return Ok(image.clone());
        }
        let image = self.look_up(name)?;
        self.found.borrow_mut().push((name.to_owned(), image.clone()));
        Ok(image)
    }
}

fn container_image(image: Image, rootfs: Rootfs) -> ContainerImage {
    ContainerImage {
        rootfs,
        environment: image.config.env,
        entrypoint: image.config.entrypoint,
        command: image.config.cmd,
        arguments_escaped: image.config.args_escaped,
        user: image.config.user,
        working_directory: image.config.working_dir,
    }
}

/// An error with its causes on one line.
fn refusal(error: &Error, help: String) -> ImageRefusal {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !reason.ends_with(&text) {
            reason.push_str(": ");
            reason.push_str(&text);
        }
        source = cause.source();
    }
    ImageRefusal { reason, help }
}
