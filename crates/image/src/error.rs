//! What can go wrong with images.

use std::io;
use std::path::{Path, PathBuf};

use crate::unpack::LayerError;
use crate::{Digest, Platform, build};

/// The result of work on images.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with images. Messages are fragments that name the object; causes are in `source()`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused an operation on a file or directory.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done, such as `create directory`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A text that should be a digest is none.
    #[error("digest {text:?} is not sha256: and 64 lower-case hexadecimal digits")]
    Digest {
        /// What was given.
        text: String,
    },
    /// A text that should be a platform is none.
    #[error("platform {text:?} is not windows/ARCHITECTURE or linux/ARCHITECTURE, such as windows/amd64")]
    Platform {
        /// What was given.
        text: String,
    },
    /// A text cannot be the name of an image.
    #[error("image name {name:?} {reason}")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The store has no image of that name.
    #[error("no image {name:?} in the store at {}; `porthole image ls` lists what is there", store.display())]
    UnknownImage {
        /// The name asked for.
        name: String,
        /// The root of the store.
        store: PathBuf,
    },
    /// The image exists, but not for that platform.
    #[error("image {name:?} is not for {wanted}; it is for {}", list(available))]
    OtherPlatform {
        /// The image's name or digest.
        name: String,
        /// The platform asked for.
        wanted: Platform,
        /// Those there are.
        available: Vec<Platform>,
    },
    /// A blob that a document names is missing.
    #[error("blob {digest} is missing; remove the image and build or import it again")]
    MissingBlob {
        /// Its digest.
        digest: Digest,
    },
    /// A blob is not what its digest says.
    #[error(
        "blob {expected} is corrupt: its content is {actual}; remove the image and build or import it again"
    )]
    CorruptBlob {
        /// The digest it is known by.
        expected: Digest,
        /// The digest of what is there.
        actual: Digest,
    },
    /// A blob has another size than its descriptor says.
    #[error("blob {digest} has {actual} bytes where its descriptor says {expected}")]
    BlobSize {
        /// Its digest.
        digest: Digest,
        /// Bytes by the descriptor.
        expected: u64,
        /// Bytes found.
        actual: u64,
    },
    /// A JSON document is too large to be one.
    #[error("document {what} has {size} bytes; at most {limit} are read")]
    DocumentSize {
        /// Which document.
        what: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A JSON document cannot be read.
    #[error("read {what} as JSON")]
    Document {
        /// Which document.
        what: String,
        /// Where and why not.
        source: serde_json::Error,
    },
    /// A blob is neither a manifest nor an index, or a layer is of a kind that porthole does not read.
    #[error("blob {digest} has media type {media_type:?}, which porthole does not read; {remedy}")]
    MediaType {
        /// Its digest.
        digest: Digest,
        /// Its type.
        media_type: String,
        /// What to try.
        remedy: &'static str,
    },
    /// Indexes within indexes within indexes.
    #[error("index {digest} is nested more than {limit} deep")]
    NestedIndex {
        /// The innermost one read.
        digest: Digest,
        /// The limit.
        limit: usize,
    },
    /// An index lists more manifests than any image has.
    #[error("index {digest} lists {count} manifests; at most {limit} are read")]
    LargeIndex {
        /// The index.
        digest: Digest,
        /// How many it lists.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// Manifest and configuration disagree.
    #[error("manifest {digest} has {layers} layers, but its configuration has {diff_ids} diff IDs")]
    LayerCount {
        /// The manifest.
        digest: Digest,
        /// Layers by the manifest.
        layers: usize,
        /// Diff IDs by the configuration.
        diff_ids: usize,
    },
    /// Something that should be an OCI layout is none.
    #[error("{} is not an OCI image layout: {reason}", path.display())]
    NotALayout {
        /// The directory or archive.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A layer was refused.
    #[error("unpack layer {digest}")]
    Layer {
        /// Digest of the layer's blob.
        digest: Digest,
        /// Why.
        source: LayerError,
    },
    /// The directory to unpack into is in use.
    #[error("{} exists and is not an empty directory; name a new or an empty one", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// An image could not be built.
    #[error(transparent)]
    Build(#[from] build::Error),
}

fn list(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        "no platform at all".to_owned()
    } else {
        names.join(", ")
    }
}

/// Turns an I/O error into an [`Error`] that says what was being done, on what.
pub(crate) trait During<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
