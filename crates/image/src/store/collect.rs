//! Removing images, and what no image needs any more.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::Store;
use super::lock::open as open_lock;
use crate::error::During as _;
use crate::oci::{Descriptor, Index};
use crate::{Error, Result};

/// What a removal freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Blobs removed.
    pub blobs: usize,
    /// Bytes of those blobs.
    pub bytes: u64,
    /// Unpacked layers removed.
    pub layers: usize,
    /// Unpacked layers that no image needs, but a container still uses; a later removal takes them.
    pub layers_in_use: usize,
}

/// Digests in hexadecimal, and unpacked layers as `<os>/<hex>`, that some name leads to.
#[derive(Default)]
struct Reachable {
    blobs: HashSet<String>,
    /// Indexes that were looked into.
    walked: HashSet<String>,
    layers: HashSet<String>,
}

impl Store {
    /// Forgets a name and removes what no other image needs. Waits until no other process reads or adds.
    ///
    /// # Errors
    /// If the name is unknown, or something cannot be removed.
    pub fn remove(&self, name: &str) -> Result<Removed> {
        let _lock = self.removing()?;
        if !self.remove_name(name)? {
            return Err(Error::UnknownImage {
                name: name.to_owned(),
                store: self.root.clone(),
            });
        }
        self.collect()
    }

    /// Removes blobs and unpacked layers that no image needs. Waits until no other process reads or adds.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub fn collect_garbage(&self) -> Result<Removed> {
        let _lock = self.removing()?;
        self.collect()
    }

    fn collect(&self) -> Result<Removed> {
        let mut reachable = Reachable::default();
        for (_, target) in self.all_names()? {
            self.mark(&target, 0, &mut reachable);
        }
        let mut removed = Removed::default();
        self.collect_blobs(&reachable, &mut removed)?;
        self.collect_partial(&mut removed)?;
        self.collect_layers(&reachable, &mut removed)?;
        Ok(removed)
    }

    /// Marks a descriptor and all below it. A document that cannot be read leads nowhere: its image is broken anyhow.
    fn mark(&self, target: &Descriptor, depth: usize, reachable: &mut Reachable) {
        reachable.blobs.insert(target.digest.hex().to_owned());
        if target.is_index() {
            if depth < super::INDEX_DEPTH
                && reachable.walked.insert(target.digest.hex().to_owned())
                && let Ok(index) = self.document::<Index>(target)
            {
                for manifest in &index.manifests {
                    self.mark(manifest, depth + 1, reachable);
                }
            }
        } else if target.is_manifest()
            && let Ok(manifest) = self.manifest(target)
        {
            reachable.blobs.insert(manifest.config.digest.hex().to_owned());
            reachable
                .blobs
                .extend(manifest.layers.iter().map(|layer| layer.digest.hex().to_owned()));
            if let Ok(configuration) = self.configuration(&manifest) {
                let os = &configuration.os;
                let ids = &configuration.rootfs.diff_ids;
                reachable
                    .layers
                    .extend(ids.iter().map(|id| format!("{os}/{}", id.hex())));
            }
        }
    }

    fn collect_blobs(&self, reachable: &Reachable, removed: &mut Removed) -> Result<()> {
        let directory = self.root.join("blobs/sha256");
        for entry in fs::read_dir(&directory).during("read directory", &directory)? {
            let entry = entry.during("read directory", &directory)?;
            if entry
                .file_name()
                .to_str()
                .is_some_and(|name| reachable.blobs.contains(name))
            {
                continue;
            }
            let path = entry.path();
            removed.bytes += entry.metadata().during("inspect", &path)?.len();
            fs::remove_file(&path).during("remove", &path)?;
            removed.blobs += 1;
        }
        Ok(())
    }

    fn collect_layers(&self, reachable: &Reachable, removed: &mut Removed) -> Result<()> {
        let layers = self.root.join("layers");
        for system in fs::read_dir(&layers).during("read directory", &layers)? {
            let system = system.during("read directory", &layers)?;
            let directory = system.path();
            for entry in fs::read_dir(&directory).during("read directory", &directory)? {
                let entry = entry.during("read directory", &directory)?;
                let key = format!("{}/{}", system.file_name().display(), entry.file_name().display());
                if reachable.layers.contains(&key) {
                    continue;
                }
                if self.remove_layer(&entry.path())? {
                    removed.layers += 1;
                } else {
                    removed.layers_in_use += 1;
                }
            }
        }
        Ok(())
    }

    /// Removes an unpacked layer unless a container uses it.
    fn remove_layer(&self, path: &Path) -> Result<bool> {
        let lock = open_lock(&path.join("lock"))?;
        if lock.try_lock().is_err() {
            return Ok(false);
        }
        // Windows cannot rename a directory that holds an open file; nobody can come in now, for the store is locked.
        drop(lock);
        let grave = self.temporary_directory()?;
        let target = grave.path().join("layer");
        fs::rename(path, &target).during("rename", path)?;
        grave.close().during("remove", &target)?;
        Ok(true)
    }
}
