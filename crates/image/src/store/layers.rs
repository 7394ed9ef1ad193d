//! Layers unpacked once, shared by all containers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::Store;
use super::lock::open as open_lock;
use crate::error::During as _;
use crate::unpack::{self, Form, Hidden, Limits};
use crate::{Error, Image, LayerRef, Platform, Result};

/// An image's layers on disk. They stay there as long as this is held.
#[derive(Debug)]
pub struct UnpackedLayers {
    paths: Vec<PathBuf>,
    locks: Vec<File>,
}

impl UnpackedLayers {
    /// The directories, the lowest layer first. They must not be written to. What a layer hides of those below is
    /// there in overlayfs' form on Linux, and in [`UnpackedLayers::hidden`] everywhere.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// What the layer at that place hides of those below it.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn hidden(&self, layer: usize) -> Result<Hidden> {
        let path = self.paths[layer].with_file_name("whiteouts.json");
        let text = fs::read(&path).during("read", &path)?;
        super::blobs::parse(&text, || path.display().to_string())
    }

    /// Open files whose locks keep the layers; a process that is given them keeps the layers too.
    #[must_use]
    pub fn locks(&self) -> &[File] {
        &self.locks
    }
}

impl Store {
    /// The image's layers, each unpacked and verified once. A layer that is there costs one lock and one look.
    ///
    /// # Errors
    /// If a layer is missing, corrupt or refused, or cannot be written; nothing of it is left then.
    pub fn unpacked_layers(&self, image: &Image) -> Result<UnpackedLayers> {
        let mut unpacked = UnpackedLayers {
            paths: Vec::new(),
            locks: Vec::new(),
        };
        let lock = self.reading()?;
        if self.lease_all(image, &mut unpacked)? {
            return Ok(unpacked);
        }
        drop(lock);
        let _lock = self.adding()?;
        self.unpack_missing(image)
    }

    /// The image of that name for a platform, with its layers as by [`Store::unpacked_layers`]; `None` if the store
    /// has no such name. Another process that removes images meanwhile takes all of it or nothing.
    ///
    /// # Errors
    /// As [`Store::resolve`] and [`Store::unpacked_layers`].
    pub fn resolve_unpacked(
        &self,
        name: &str,
        platform: &Platform,
    ) -> Result<Option<(Image, UnpackedLayers)>> {
        let lock = self.reading()?;
        let Some(target) = self.target(name)? else {
            return Ok(None);
        };
        let image = self.image_of(&target, name, platform)?;
        let mut unpacked = UnpackedLayers {
            paths: Vec::new(),
            locks: Vec::new(),
        };
        if self.lease_all(&image, &mut unpacked)? {
            return Ok(Some((image, unpacked)));
        }
        drop(lock);
        let _lock = self.adding()?;
        // Between the two locks the image may have gone, or another come in its place.
        let Some(target) = self.target(name)? else {
            return Ok(None);
        };
        let image = self.image_of(&target, name, platform)?;
        let unpacked = self.unpack_missing(&image)?;
        Ok(Some((image, unpacked)))
    }

    /// Leases all layers, having unpacked those that are not there. Needs [`Store::adding`].
    fn unpack_missing(&self, image: &Image) -> Result<UnpackedLayers> {
        let mut unpacked = UnpackedLayers {
            paths: Vec::new(),
            locks: Vec::new(),
        };
        for layer in &image.layers {
            let directory = self.layer_path(image, layer);
            if !directory.join("fs").exists() {
                self.unpack_layer(image, layer, &directory)?;
            }
            unpacked.locks.push(lease(&directory)?);
            unpacked.paths.push(directory.join("fs"));
        }
        Ok(unpacked)
    }

    /// Writes all files of an image into `directory`, which must be absent or empty.
    ///
    /// # Errors
    /// If a layer is missing, corrupt or refused, or cannot be written; the directory is then as it was.
    pub fn unpack(&self, image: &Image, directory: &Path) -> Result<()> {
        let _lock = self.reading()?;
        let form = Form::plain(image.platform.is_windows());
        unpack::into_directory(directory, |work| {
            let mut merged = work.join("empty");
            fs::create_dir(&merged).during("create directory", &merged)?;
            for (number, layer) in image.layers.iter().enumerate() {
                let upper = work.join(number.to_string());
                let mut hidden = self.unpack_into(layer, form, &upper)?;
                if number == 0 {
                    // There is nothing below that says what the root is.
                    hidden.implied.remove("");
                }
                unpack::merge(&merged, &upper, &hidden).map_err(|source| Error::Layer {
                    digest: layer.blob.digest.clone(),
                    source,
                })?;
                fs::remove_dir_all(&merged).during("remove", &merged)?;
                merged = upper;
            }
            Ok(merged)
        })
    }

    /// Leases what is there already; says whether that was all.
    fn lease_all(&self, image: &Image, unpacked: &mut UnpackedLayers) -> Result<bool> {
        for layer in &image.layers {
            let directory = self.layer_path(image, layer);
            // The directory was renamed into place whole, so its lock stands for all of it.
            if !directory.join("lock").exists() {
                return Ok(false);
            }
            unpacked.locks.push(lease(&directory)?);
            unpacked.paths.push(directory.join("fs"));
        }
        Ok(true)
    }

    fn unpack_layer(&self, image: &Image, layer: &LayerRef, directory: &Path) -> Result<()> {
        let work = self.temporary_directory()?;
        let form = Form::layer(image.platform.is_windows());
        let hidden = self.unpack_into(layer, form, &work.path().join("fs"))?;
        let record = work.path().join("whiteouts.json");
        let text = serde_json::to_vec(&hidden).map_err(|source| Error::Document {
            what: record.display().to_string(),
            source,
        })?;
        fs::write(&record, text).during("write", &record)?;
        drop(open_lock(&work.path().join("lock"))?);
        if let Some(parent) = directory.parent() {
            fs::create_dir_all(parent).during("create directory", parent)?;
        }
        match fs::rename(work.path(), directory) {
            Ok(()) => {
                drop(work.keep());
                Ok(())
            }
            // Another process was faster; its layer is as good as ours.
            Err(_) if directory.join("fs").exists() => Ok(()),
            Err(error) => Err(error).during("create", directory),
        }
    }

    fn unpack_into(&self, layer: &LayerRef, form: Form, target: &Path) -> Result<Hidden> {
        let digest = &layer.blob.digest;
        let Some(compression) = crate::oci::layer_compression(&layer.blob.media_type) else {
            return Err(Error::MediaType {
                digest: digest.clone(),
                media_type: layer.blob.media_type.clone(),
                remedy: "layers are read as tar, plain or compressed by gzip or zstd; \
                         `skopeo copy --dest-compress-format gzip` converts others",
            });
        };
        let blob = self.open_blob(&layer.blob)?;
        let expected = unpack::Expected {
            digest,
            diff_id: &layer.diff_id,
        };
        unpack::layer(blob, compression, &expected, form, target, &Limits::default()).map_err(|source| {
            Error::Layer {
                digest: digest.clone(),
                source,
            }
        })
    }

    fn layer_path(&self, image: &Image, layer: &LayerRef) -> PathBuf {
        let system = if image.platform.is_windows() {
            "windows"
        } else {
            "linux"
        };
        self.root.join("layers").join(system).join(layer.diff_id.hex())
    }
}

/// Keeps an unpacked layer. Needs the store's lock.
fn lease(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let file = File::open(&path).during("open the lock", &path)?;
    file.lock_shared().during("lock", &path)?;
    Ok(file)
}
