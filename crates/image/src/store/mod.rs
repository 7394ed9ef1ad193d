//! Images on this machine: blobs by digest, names, and layers unpacked once.
//!
//! ```text
//! lock                    shared by those who read or add, exclusive for those who remove
//! names.lock              exclusive for those who change what a name stands for
//! blobs/sha256/<hex>      indexes, manifests, configurations, layers; each verified before it gets its name
//! names/<hash>.json       one file a name: the name itself and the descriptor of its index or manifest
//! layers/<os>/<diff id>/  fs/ the layer's files · whiteouts.json what it hides · lock held while in use
//! partial/<hex>           what came so far of blobs that are fetched from registries
//! tmp/                    work in progress; renamed into place when complete
//! ```
//!
//! Several processes may use one store. A crash leaves nothing but files in `tmp/`, which the next process that
//! finds itself alone removes, and in `partial/`, from which the next pull goes on. Data is renamed into place after it is complete; blobs and names are also synced to
//! disk, unpacked layers are not (they can be made again from their blob).

mod blobs;
mod collect;
mod export;
mod import;
mod layers;
mod lock;
mod names;
mod partial;
mod scratch;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use self::lock::StoreLock;
use crate::error::During as _;
use crate::oci::{Configuration, Descriptor, Index, Manifest};
use crate::{Digest, Error, Image, Platform, Result};

pub(crate) use self::blobs::{parse, read_document};
pub use self::collect::Removed;
pub use self::import::{Imported, Loaded};
pub use self::layers::UnpackedLayers;
pub(crate) use self::partial::Partial;
pub use self::scratch::Scratch;

/// Indexes may hold indexes; more than this deep is refused.
const INDEX_DEPTH: usize = 3;
/// An index with more manifests than this is refused.
const INDEX_MANIFESTS: usize = 1000;

/// A content-addressed store of images in one directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// One image of the store, for lists.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Digest of its index or manifest.
    pub digest: Digest,
    /// What it is for.
    pub platforms: Vec<Platform>,
    /// Bytes of all its blobs.
    pub size: u64,
}

impl Store {
    /// Opens the store at `root`, making it where it is absent.
    ///
    /// # Errors
    /// If the directories cannot be made.
    pub fn open(root: &Path) -> Result<Self> {
        let store = Self {
            root: root.to_owned(),
        };
        if !store.lock_path().exists() {
            make_private(root)?;
            for directory in ["blobs/sha256", "names", "layers", "tmp"] {
                let path = root.join(directory);
                fs::create_dir_all(&path).during("create directory", &path)?;
            }
            StoreLock::create(&store.lock_path())?;
        }
        Ok(store)
    }

    /// Where the store is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All images, by name.
    ///
    /// # Errors
    /// If the store cannot be read. An image whose documents are broken is listed without platforms.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let _lock = self.reading()?;
        let mut listed = Vec::new();
        for (name, target) in self.all_names()? {
            let manifests = self.manifests(&target).unwrap_or_default();
            let platforms = manifests
                .iter()
                .filter_map(|manifest| self.platform_of(manifest).ok())
                .collect();
            let mut size = target.size;
            for manifest in &manifests {
                size += if manifest.digest == target.digest {
                    0
                } else {
                    manifest.size
                };
                if let Ok(document) = self.manifest(manifest) {
                    size +=
                        document.config.size + document.layers.iter().map(|layer| layer.size).sum::<u64>();
                }
            }
            listed.push(Listed {
                name,
                digest: target.digest,
                platforms,
                size,
            });
        }
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listed)
    }

    /// The image of that name for a platform; `None` if the store has no such name.
    ///
    /// # Errors
    /// If the image is not for that platform, or its documents are missing, corrupt or unreadable.
    pub fn resolve(&self, name: &str, platform: &Platform) -> Result<Option<Image>> {
        let _lock = self.reading()?;
        let Some(target) = self.target(name)? else {
            return Ok(None);
        };
        self.image_of(&target, name, platform).map(Some)
    }

    /// The images of that name for all its platforms; `None` if the store has no such name.
    ///
    /// # Errors
    /// If its documents are missing, corrupt or unreadable.
    pub fn inspect(&self, name: &str) -> Result<Option<(Descriptor, Vec<Image>)>> {
        let _lock = self.reading()?;
        let Some(target) = self.target(name)? else {
            return Ok(None);
        };
        let manifests = self.manifests(&target)?;
        let images = manifests
            .iter()
            .map(|manifest| self.image(manifest))
            .collect::<Result<Vec<_>>>()?;
        Ok(Some((target.bare(), images)))
    }

    /// Chooses the manifest for a platform below `target`.
    pub(crate) fn image_of(&self, target: &Descriptor, name: &str, platform: &Platform) -> Result<Image> {
        let mut available = Vec::new();
        for manifest in self.manifests(target)? {
            // An index says the platform, so that only the manifest wanted needs to be read.
            if let Some(said) = &manifest.platform
                && said != platform
            {
                available.push(said.clone());
                continue;
            }
            let image = self.image(&manifest)?;
            if image.platform == *platform {
                return Ok(image);
            }
            available.push(image.platform);
        }
        Err(Error::OtherPlatform {
            name: name.to_owned(),
            wanted: platform.clone(),
            available,
        })
    }

    /// The manifests below a descriptor: itself, or those of its index.
    pub(crate) fn manifests(&self, target: &Descriptor) -> Result<Vec<Descriptor>> {
        let mut found = Vec::new();
        self.collect_manifests(target, 0, &mut found, &mut HashSet::new())?;
        Ok(found)
    }

    fn collect_manifests(
        &self,
        target: &Descriptor,
        depth: usize,
        found: &mut Vec<Descriptor>,
        seen: &mut HashSet<Digest>,
    ) -> Result<()> {
        if !seen.insert(target.digest.clone()) {
            return Ok(());
        }
        if target.is_manifest() {
            found.push(target.clone());
            return Ok(());
        }
        if !target.is_index() {
            return Err(Error::MediaType {
                digest: target.digest.clone(),
                media_type: target.media_type.clone(),
                remedy: "an OCI index or manifest is needed here",
            });
        }
        if depth == INDEX_DEPTH {
            return Err(Error::NestedIndex {
                digest: target.digest.clone(),
                limit: INDEX_DEPTH,
            });
        }
        let index: Index = self.document(target)?;
        if index.manifests.len() + found.len() > INDEX_MANIFESTS {
            return Err(Error::LargeIndex {
                digest: target.digest.clone(),
                count: index.manifests.len() + found.len(),
                limit: INDEX_MANIFESTS,
            });
        }
        for manifest in &index.manifests {
            // Attestations and other artifacts beside the images are none of ours.
            let artifact = manifest
                .platform
                .as_ref()
                .is_some_and(|platform| platform.os == "unknown");
            if !artifact && (manifest.is_manifest() || manifest.is_index()) {
                self.collect_manifests(manifest, depth + 1, found, seen)?;
            }
        }
        Ok(())
    }

    fn image(&self, manifest: &Descriptor) -> Result<Image> {
        let document = self.manifest(manifest)?;
        let configuration: Configuration = self.document(&document.config)?;
        Image::new(manifest.digest.clone(), document, configuration)
    }

    pub(crate) fn manifest(&self, manifest: &Descriptor) -> Result<Manifest> {
        self.document(manifest)
    }

    pub(crate) fn configuration(&self, manifest: &Manifest) -> Result<Configuration> {
        self.document(&manifest.config)
    }

    /// The platform of a manifest: as its index says, else as its configuration does.
    pub(crate) fn platform_of(&self, manifest: &Descriptor) -> Result<Platform> {
        match &manifest.platform {
            Some(platform) => Ok(platform.clone()),
            None => self.image(manifest).map(|image| image.platform),
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    fn temporary_path(&self) -> PathBuf {
        self.root.join("tmp")
    }
}

/// Makes a directory that only its owner can enter: unpacked layers may hold set-user-ID programs.
fn make_private(path: &Path) -> Result<()> {
    fs::create_dir_all(path).during("create directory", path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).during("set the mode of", path)?;
    }
    Ok(())
}
