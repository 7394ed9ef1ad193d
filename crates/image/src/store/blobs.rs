//! Blobs: files named by the digest of their content.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

use super::Store;
use crate::digest::Hashing;
use crate::error::During as _;
use crate::oci::Descriptor;
use crate::{Digest, Error, Result};

/// Documents larger than this are not read: the OCI distribution specification asks registries for 4 MiB.
const DOCUMENT_LIMIT: u64 = 4 << 20;

/// A blob being written. It has no name until [`BlobWriter::finish`], and is gone if dropped before.
#[derive(Debug)]
pub(crate) struct BlobWriter {
    file: Hashing<NamedTempFile>,
    blobs: PathBuf,
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobWriter {
    /// Digest and size of what was written, which the store now holds.
    pub(crate) fn finish(self) -> Result<(Digest, u64)> {
        let Hashing { inner, hasher, count } = self.file;
        let digest = hasher.finish();
        let path = self.blobs.join(digest.hex());
        // Content that is there already was verified when it came; keep its inode for those who read it.
        if fs::metadata(&path).is_ok_and(|known| known.len() == count) {
            return Ok((digest, count));
        }
        persist(inner, &path)?;
        Ok((digest, count))
    }

    /// As [`BlobWriter::finish`], but refuses other content than the descriptor names.
    pub(crate) fn finish_as(self, descriptor: &Descriptor) -> Result<()> {
        if self.file.count != descriptor.size {
            return Err(Error::BlobSize {
                digest: descriptor.digest.clone(),
                expected: descriptor.size,
                actual: self.file.count,
            });
        }
        let actual = self.file.hasher.clone().finish();
        if actual != descriptor.digest {
            return Err(Error::CorruptBlob {
                expected: descriptor.digest.clone(),
                actual,
            });
        }
        self.finish().map(drop)
    }
}

/// Syncs a temporary file and gives it its name.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> Result<()> {
    file.as_file().sync_all().during("sync", path)?;
    file.persist(path)
        .map_err(|error| error.error)
        .during("create", path)?;
    Ok(())
}

/// Reads JSON, saying what it was if it is none.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8], what: impl FnOnce() -> String) -> Result<T> {
    serde_json::from_slice(text).map_err(|source| Error::Document { what: what(), source })
}

/// Reads at most [`DOCUMENT_LIMIT`] bytes.
pub(crate) fn read_document(reader: impl Read, what: &str, path: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    reader
        .take(DOCUMENT_LIMIT + 1)
        .read_to_end(&mut text)
        .during("read", path)?;
    if text.len() as u64 > DOCUMENT_LIMIT {
        return Err(Error::DocumentSize {
            what: what.to_owned(),
            size: text.len() as u64,
            limit: DOCUMENT_LIMIT,
        });
    }
    Ok(text)
}

impl Store {
    /// A blob to be written.
    pub(crate) fn blob_writer(&self) -> Result<BlobWriter> {
        Ok(BlobWriter {
            file: Hashing::new(self.temporary_file()?),
            blobs: self.root.join("blobs/sha256"),
        })
    }

    /// Keeps a document.
    pub(crate) fn put_document<T: serde::Serialize>(
        &self,
        media_type: &str,
        document: &T,
    ) -> Result<Descriptor> {
        let text = serde_json::to_vec(document).map_err(|source| Error::Document {
            what: media_type.to_owned(),
            source,
        })?;
        let mut blob = self.blob_writer()?;
        blob.write_all(&text).during("write a document in", &self.root)?;
        let (digest, size) = blob.finish()?;
        Ok(Descriptor::new(media_type, digest, size))
    }

    /// Where a blob is or would be.
    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Opens a blob, refusing one of another size than its descriptor says. The content is for the caller to verify.
    pub(crate) fn open_blob(&self, descriptor: &Descriptor) -> Result<File> {
        let path = self.blob_path(&descriptor.digest);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::MissingBlob {
                    digest: descriptor.digest.clone(),
                });
            }
            other => other.during("open", &path)?,
        };
        let actual = file.metadata().during("inspect", &path)?.len();
        if actual == descriptor.size {
            Ok(file)
        } else {
            Err(Error::BlobSize {
                digest: descriptor.digest.clone(),
                expected: descriptor.size,
                actual,
            })
        }
    }

    /// Reads and verifies a document.
    pub(crate) fn document<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T> {
        let text = self.text(descriptor)?;
        parse(&text, || descriptor.digest.to_string())
    }

    /// The bytes of a document, verified.
    pub(crate) fn text(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let digest = &descriptor.digest;
        if descriptor.size > DOCUMENT_LIMIT {
            return Err(Error::DocumentSize {
                what: digest.to_string(),
                size: descriptor.size,
                limit: DOCUMENT_LIMIT,
            });
        }
        let file = self.open_blob(descriptor)?;
        let text = read_document(file, digest.as_str(), &self.blob_path(digest))?;
        let actual = Digest::of(&text);
        if actual != *digest {
            return Err(Error::CorruptBlob {
                expected: digest.clone(),
                actual,
            });
        }
        Ok(text)
    }

    /// An unnamed file beside the blobs, so that renaming it into place is atomic.
    pub(super) fn temporary_file(&self) -> Result<NamedTempFile> {
        let directory = self.temporary_path();
        NamedTempFile::new_in(&directory).during("create a file in", &directory)
    }

    /// A directory of one's own beside the layers.
    pub(crate) fn temporary_directory(&self) -> Result<tempfile::TempDir> {
        let directory = self.temporary_path();
        tempfile::TempDir::new_in(&directory).during("create a directory in", &directory)
    }
}
