//! Blobs that are on their way: kept between tries and between processes, until they are whole.
//!
//! `partial/<hex>` holds what came so far, `partial/<hex>.lock` is locked by the process that fetches the rest.
//! Whoever removes an image removes these too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::{Removed, Store};
use crate::digest::Hasher;
use crate::error::During as _;
use crate::oci::Descriptor;
use crate::{Error, Result};

/// A blob of which a part is there.
#[derive(Debug)]
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    blob: PathBuf,
    lock_path: PathBuf,
    /// Held until dropped.
    _lock: File,
    hasher: Hasher,
    count: u64,
}

impl Partial {
    /// Bytes that are there.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Appends.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).during("write", &self.path)?;
        self.hasher.update(bytes);
        self.count += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what is there.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).during("truncate", &self.path)?;
        self.file.seek(SeekFrom::Start(0)).during("rewind", &self.path)?;
        self.hasher = Hasher::new();
        self.count = 0;
        Ok(())
    }

    /// Gives the blob its name. What is not what the descriptor says is forgotten.
    pub(crate) fn finish(&mut self, descriptor: &Descriptor) -> Result<()> {
        let refused = if self.count == descriptor.size {
            let actual = self.hasher.clone().finish();
            (actual != descriptor.digest).then(|| Error::CorruptBlob {
                expected: descriptor.digest.clone(),
                actual,
            })
        } else {
            Some(Error::BlobSize {
                digest: descriptor.digest.clone(),
                expected: descriptor.size,
                actual: self.count,
            })
        };
        if let Some(error) = refused {
            self.restart()?;
            return Err(error);
        }
        self.file.sync_all().during("sync", &self.path)?;
        fs::rename(&self.path, &self.blob).during("create", &self.blob)?;
        // Whoever waits for the lock finds the blob.
        let _ = fs::remove_file(&self.lock_path);
        Ok(())
    }

    /// Hashes what an earlier process left, unless it is longer than the blob can be.
    fn resume(&mut self, size: u64) -> Result<()> {
        let there = self.file.metadata().during("inspect", &self.path)?.len();
        if there > size {
            return self.restart();
        }
        let mut buffer = vec![0; 1 << 17];
        loop {
            let read = match self.file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).during("read", &self.path),
            };
            self.hasher.update(&buffer[..read]);
            self.count += read as u64;
        }
    }
}

impl Store {
    /// Whether the blob is there.
    pub(crate) fn has_blob(&self, descriptor: &Descriptor) -> bool {
        let there = self.blob_path(&descriptor.digest).metadata();
        there.is_ok_and(|there| there.len() == descriptor.size)
    }

    /// A blob to be fetched, with what is there of it. Waits for another process that fetches it; `None` if it is
    /// there then. Needs [`Store::adding`].
    pub(crate) fn partial(&self, descriptor: &Descriptor) -> Result<Option<Partial>> {
        let directory = self.partial_path();
        fs::create_dir_all(&directory).during("create directory", &directory)?;
        let path = directory.join(descriptor.digest.hex());
        let lock_path = directory.join(format!("{}.lock", descriptor.digest.hex()));
        let lock = super::lock::open(&lock_path)?;
        lock.lock().during("lock", &lock_path)?;
        if self.has_blob(descriptor) {
            let _ = fs::remove_file(&lock_path);
            return Ok(None);
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .during("open", &path)?;
        let mut partial = Partial {
            file,
            path,
            blob: self.blob_path(&descriptor.digest),
            lock_path,
            _lock: lock,
            hasher: Hasher::new(),
            count: 0,
        };
        partial.resume(descriptor.size)?;
        Ok(Some(partial))
    }

    /// Removes all partial blobs. Needs [`Store::removing`], with which nobody fetches any.
    pub(super) fn collect_partial(&self, removed: &mut Removed) -> Result<()> {
        let directory = self.partial_path();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.during("read directory", &directory)?,
        };
        for entry in entries {
            let entry = entry.during("read directory", &directory)?;
            let path = entry.path();
            removed.bytes += entry.metadata().during("inspect", &path)?.len();
            fs::remove_file(&path).during("remove", &path)?;
            removed.blobs += usize::from(!is_lock(&path));
        }
        Ok(())
    }

    fn partial_path(&self) -> PathBuf {
        self.root.join("partial")
    }
}

fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lock")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::oci::Descriptor;
    use crate::{Digest, Store};

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        (directory, store)
    }

    fn descriptor(content: &[u8]) -> Descriptor {
        Descriptor::new("x", Digest::of(content), content.len() as u64)
    }

    #[test]
    fn what_came_before_counts() {
        let (directory, store) = store();
        let blob = descriptor(b"one, two");
        let mut first = store.partial(&blob).unwrap().unwrap();
        first.append(b"one, ").unwrap();
        drop(first);
        // Another process begins to add, and sweeps.
        drop(store.adding().unwrap());
        let mut second = store.partial(&blob).unwrap().unwrap();
        assert_eq!(second.count(), 5);
        second.append(b"two").unwrap();
        second.finish(&blob).unwrap();
        drop(second);
        assert_eq!(fs::read(store.blob_path(&blob.digest)).unwrap(), b"one, two");
        assert!(store.partial(&blob).unwrap().is_none());
        assert_eq!(fs::read_dir(directory.path().join("partial")).unwrap().count(), 0);
    }

    #[test]
    fn wrong_content_gets_no_name_and_is_forgotten() {
        let (_directory, store) = store();
        let blob = descriptor(b"right");
        let mut partial = store.partial(&blob).unwrap().unwrap();
        partial.append(b"wrong").unwrap();
        let said = partial.finish(&blob).unwrap_err().to_string();
        assert!(said.contains("is corrupt"), "{said}");
        assert_eq!(partial.count(), 0);
        partial.append(b"rig").unwrap();
        let said = partial.finish(&blob).unwrap_err().to_string();
        assert!(said.contains("has 3 bytes where its descriptor says 5"), "{said}");
        assert!(!store.has_blob(&blob));
    }

    #[test]
    fn more_than_the_blob_has_is_forgotten() {
        let (_directory, store) = store();
        let blob = descriptor(b"short");
        let mut partial = store.partial(&blob).unwrap().unwrap();
        partial.append(b"longer than that").unwrap();
        drop(partial);
        assert_eq!(store.partial(&blob).unwrap().unwrap().count(), 0);
    }

    #[test]
    fn who_removes_images_removes_partial_blobs() {
        let (directory, store) = store();
        let blob = descriptor(b"one, two");
        store.partial(&blob).unwrap().unwrap().append(b"one").unwrap();
        let removed = store.collect_garbage().unwrap();
        assert_eq!((removed.blobs, removed.bytes), (1, 3));
        assert_eq!(fs::read_dir(directory.path().join("partial")).unwrap().count(), 0);
    }
}
