//! Images from elsewhere into the store.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::Store;
use super::lock::StoreLock;
use crate::error::During as _;
use crate::layout::{Layout, SourceKind, detect_source};
use crate::oci::{
    CONTAINERD_NAME, Configuration, Container, Descriptor, Index, MANIFEST, Manifest, REF_NAME,
};
use crate::{Digest, Error, Image, Platform, Result};

/// An image that was imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The name it got, if any.
    pub name: Option<String>,
    /// Its index or manifest.
    pub target: Descriptor,
}

/// An image read for one run, without a name in the store.
#[derive(Debug)]
pub struct Loaded {
    /// The image.
    pub image: Image,
    /// Keeps its blobs in the store.
    _lock: StoreLock,
}

impl Store {
    /// Imports a layout, a directory or a tar archive. With `name`, the layout must hold one image, which gets that
    /// name; otherwise each image gets the name that its annotations give it. Every blob is verified.
    ///
    /// # Errors
    /// If the path is no layout, a blob is missing or corrupt, or there is not exactly one image for `name`.
    pub fn import(&self, path: &Path, name: Option<&str>) -> Result<Vec<Imported>> {
        let _lock = self.adding()?;
        let targets = self.take(path)?;
        let mut imported = Vec::new();
        if let Some(name) = name {
            let target = single(targets, path)?;
            self.set_name(name, &target)?;
            imported.push(Imported {
                name: Some(name.to_owned()),
                target,
            });
            return Ok(imported);
        }
        for target in targets {
            let annotated = [REF_NAME, CONTAINERD_NAME]
                .iter()
                .find_map(|key| target.annotations.get(*key));
            if let Some(name) = annotated {
                self.set_name(name, &target)?;
            }
            imported.push(Imported {
                name: annotated.cloned(),
                target,
            });
        }
        Ok(imported)
    }

    /// Imports the one image of a layout for as long as the answer is held, under no name.
    ///
    /// # Errors
    /// As [`Store::import`], and if the image is not for that platform.
    pub fn load(&self, path: &Path, platform: &Platform) -> Result<Loaded> {
        let lock = self.adding()?;
        let target = single(self.take(path)?, path)?;
        let image = self.image_of(&target, &path.display().to_string(), platform)?;
        Ok(Loaded { image, _lock: lock })
    }

    /// Copies all blobs of a layout.
    pub(crate) fn take(&self, path: &Path) -> Result<Vec<Descriptor>> {
        match detect_source(path)? {
            SourceKind::Layout => self.take_layout(&Layout::open(path)),
            SourceKind::Archive => {
                let spool = self.temporary_directory()?;
                self.take_layout(&Layout::spool(path, spool.path())?)
            }
            SourceKind::Directory => Err(Error::NotALayout {
                path: path.to_owned(),
                reason: "the directory has no file oci-layout".to_owned(),
            }),
        }
    }

    fn take_layout(&self, layout: &Layout) -> Result<Vec<Descriptor>> {
        let targets = layout.index()?;
        if targets.is_empty() {
            return Err(Error::NotALayout {
                path: layout.origin.clone(),
                reason: "its index lists no image".to_owned(),
            });
        }
        if targets.len() > super::INDEX_MANIFESTS {
            return Err(Error::NotALayout {
                path: layout.origin.clone(),
                reason: format!(
                    "its index lists {} images; at most {} are read",
                    targets.len(),
                    super::INDEX_MANIFESTS
                ),
            });
        }
        let mut seen = HashSet::new();
        for target in &targets {
            self.take_blob(layout, target)?;
            self.take_below(layout, target, 0, &mut seen)?;
        }
        Ok(targets)
    }

    /// Copies what a descriptor leads to. What was `seen` before is not looked at again: a few indexes that list each
    /// other a thousand times each would be walked a thousand million times.
    fn take_below(
        &self,
        layout: &Layout,
        target: &Descriptor,
        depth: usize,
        seen: &mut HashSet<Digest>,
    ) -> Result<()> {
        if !seen.insert(target.digest.clone()) {
            return Ok(());
        }
        if target.is_index() {
            if depth == super::INDEX_DEPTH {
                return Err(Error::NestedIndex {
                    digest: target.digest.clone(),
                    limit: super::INDEX_DEPTH,
                });
            }
            let index: Index = self.document(target)?;
            if index.manifests.len() > super::INDEX_MANIFESTS {
                return Err(Error::LargeIndex {
                    digest: target.digest.clone(),
                    count: index.manifests.len(),
                    limit: super::INDEX_MANIFESTS,
                });
            }
            for manifest in &index.manifests {
                self.take_blob(layout, manifest)?;
                self.take_below(layout, manifest, depth + 1, seen)?;
            }
        } else if target.is_manifest() {
            let manifest: Manifest = self.document(target)?;
            self.take_blob(layout, &manifest.config)?;
            for layer in &manifest.layers {
                self.take_blob(layout, layer)?;
            }
            // An image that could not be used later is refused now.
            if !manifest.config.media_type.contains("config") {
                return Ok(());
            }
            let configuration: Configuration = self.document(&manifest.config)?;
            Image::new(target.digest.clone(), manifest, configuration)?;
        } else {
            return Err(Error::MediaType {
                digest: target.digest.clone(),
                media_type: target.media_type.clone(),
                remedy: "an OCI index or manifest is needed here",
            });
        }
        Ok(())
    }

    fn take_blob(&self, layout: &Layout, descriptor: &Descriptor) -> Result<()> {
        if self
            .blob_path(&descriptor.digest)
            .metadata()
            .is_ok_and(|known| known.len() == descriptor.size)
        {
            return Ok(());
        }
        let (mut source, path) = layout.blob(descriptor)?;
        let mut blob = self.blob_writer()?;
        io::copy(&mut source, &mut blob).during("copy", &path)?;
        blob.finish_as(descriptor)
    }

    /// Copies a blob from another store.
    pub(crate) fn copy_blob(&self, from: &Store, descriptor: &Descriptor) -> Result<()> {
        if self
            .blob_path(&descriptor.digest)
            .metadata()
            .is_ok_and(|known| known.len() == descriptor.size)
        {
            return Ok(());
        }
        let mut source = from.open_blob(descriptor)?;
        let mut blob = self.blob_writer()?;
        io::copy(&mut source, &mut blob).during("copy", &from.blob_path(&descriptor.digest))?;
        blob.finish_as(descriptor)
    }

    /// Copies an image for one platform from another store.
    pub(crate) fn copy_image(&self, from: &Store, manifest: &Descriptor) -> Result<()> {
        let document = from.manifest(manifest)?;
        for blob in document.layers.iter().chain([&document.config, manifest]) {
            self.copy_blob(from, blob)?;
        }
        Ok(())
    }

    /// What an image of the store says of its containers, as it says it.
    pub(crate) fn container(&self, image: &Image) -> Result<Container> {
        let path = self.blob_path(&image.digest);
        let size = path.metadata().during("inspect", &path)?.len();
        let manifest: Manifest = self.document(&Descriptor::new(MANIFEST, image.digest.clone(), size))?;
        Ok(self.configuration(&manifest)?.config.unwrap_or_default())
    }
}

fn single(mut targets: Vec<Descriptor>, path: &Path) -> Result<Descriptor> {
    match (targets.pop(), targets.len()) {
        (Some(target), 0) => Ok(target),
        (_, others) => Err(Error::NotALayout {
            path: path.to_owned(),
            reason: format!(
                "it holds {} images where one is needed; `skopeo copy oci:LAYOUT:NAME oci:NEW` takes one of them out",
                others + 1
            ),
        }),
    }
}
