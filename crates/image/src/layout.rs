//! OCI image layouts, as directories and as tar archives.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::During as _;
use crate::oci::Descriptor;
use crate::store::read_document;
use crate::tar::{Kind, Limits, Reader};
use crate::{Error, Result};

/// How gzip-compressed files begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a path given as an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A plain directory: the files of the image themselves.
    Directory,
    /// A directory with an OCI image layout.
    Layout,
    /// A tar archive with an OCI image layout.
    Archive,
}

/// Says what a path given as an image is: a directory with a file `oci-layout` is a layout, another directory the
/// image's files, and any other file an archive.
///
/// # Errors
/// If there is nothing at the path.
pub fn detect_source(path: &Path) -> Result<SourceKind> {
    let metadata = fs::metadata(path).during("find the image", path)?;
    Ok(if !metadata.is_dir() {
        SourceKind::Archive
    } else if path.join("oci-layout").is_file() {
        SourceKind::Layout
    } else {
        SourceKind::Directory
    })
}

/// A layout directory that is being read.
#[derive(Debug)]
pub(crate) struct Layout {
    /// What error messages call it.
    pub(crate) origin: PathBuf,
    root: PathBuf,
}

impl Layout {
    pub(crate) fn open(root: &Path) -> Self {
        Self {
            origin: root.to_owned(),
            root: root.to_owned(),
        }
    }

    /// Spools an archive into an empty directory. Members that no layout has are left out.
    pub(crate) fn spool(archive: &Path, directory: &Path) -> Result<Self> {
        let file = File::open(archive).during("open", archive)?;
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).during("create directory", &blobs)?;
        let unreadable = |error: crate::tar::TarError| match error {
            crate::tar::TarError::Read(source) => Error::Io {
                action: "read",
                path: archive.to_owned(),
                source,
            },
            other => Error::NotALayout {
                path: archive.to_owned(),
                reason: other.to_string(),
            },
        };
        let mut file = BufReader::with_capacity(1 << 18, file);
        if file.fill_buf().during("read", archive)?.starts_with(&GZIP) {
            return Err(Error::NotALayout {
                path: archive.to_owned(),
                reason: "it is compressed; `gunzip` it first".to_owned(),
            });
        }
        let mut reader = Reader::new(file, Limits::default());
        let mut docker = false;
        while let Some(entry) = reader.next_entry().map_err(unreadable)? {
            let path = entry.path.trim_start_matches("./");
            let hex = path.strip_prefix("blobs/sha256/").unwrap_or_default();
            let blob = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            docker |= path == "manifest.json";
            if entry.kind == Kind::File && (blob || path == "index.json" || path == "oci-layout") {
                let target = directory.join(path);
                let mut file = File::create(&target).during("create", &target)?;
                let mut content = reader.content();
                io::copy(&mut content, &mut file).map_err(|source| match source.kind() {
                    io::ErrorKind::UnexpectedEof => Error::NotALayout {
                        path: archive.to_owned(),
                        reason: source.to_string(),
                    },
                    _ => Error::Io {
                        action: "copy to disk what is in",
                        path: archive.to_owned(),
                        source,
                    },
                })?;
            }
        }
        let layout = Self {
            origin: archive.to_owned(),
            root: directory.to_owned(),
        };
        if docker && !directory.join("index.json").exists() {
            return Err(layout.refuse(
                "it is a docker archive; `skopeo copy docker-archive:IN oci-archive:OUT` makes an OCI archive of it",
            ));
        }
        Ok(layout)
    }

    /// The images that the layout lists.
    pub(crate) fn index(&self) -> Result<Vec<Descriptor>> {
        let path = self.root.join("index.json");
        let Some(file) = self.open_file(&path)? else {
            return Err(self.refuse("it has no index.json"));
        };
        let text = read_document(file, "index.json", &path)?;
        let index: crate::oci::Index =
            crate::store::parse(&text, || format!("index.json of {}", self.origin.display()))?;
        Ok(index.manifests)
    }

    /// Opens a blob.
    pub(crate) fn blob(&self, descriptor: &Descriptor) -> Result<(impl Read, PathBuf)> {
        let path = self.root.join("blobs/sha256").join(descriptor.digest.hex());
        let Some(file) = self.open_file(&path)? else {
            return Err(Error::MissingBlob {
                digest: descriptor.digest.clone(),
            });
        };
        // One byte more than is expected tells a longer blob from a right one without reading it all.
        Ok((file.take(descriptor.size.saturating_add(1)), path))
    }

    /// Opens a file of the layout, if it is there. A FIFO would be waited for, and a device never ends.
    fn open_file(&self, path: &Path) -> Result<Option<File>> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).during("inspect", path),
            Ok(there) if !there.is_file() => Err(self.refuse(&format!("{} is no file", path.display()))),
            Ok(_) => File::open(path).during("open", path).map(Some),
        }
    }

    fn refuse(&self, reason: &str) -> Error {
        Error::NotALayout {
            path: self.origin.clone(),
            reason: reason.to_owned(),
        }
    }
}
