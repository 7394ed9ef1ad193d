//! Images from a Dockerfile or from flags, without Docker, without Windows, and without running anything.
//!
//! What is understood of Dockerfiles: `FROM scratch|NAME [AS stage]`, `ADD` and `COPY` of local files
//! (`--from`, `--chmod`, `--chown` with numbers, `--link`), `ENV`, `USER`, `WORKDIR`, `ENTRYPOINT`, `CMD`, `LABEL`,
//! `EXPOSE`, `ARG`, comments, continued lines, the `escape` directive and `.dockerignore`. Anything else is refused
//! by name. A stage that runs commands is supplied as a directory ([`Options::stages`]); stages that the last one
//! does not need are not looked at.
//!
//! All that a build adds is one layer, its entries sorted, root's, of [`Options::created`], and of mode 0755 or 0644
//! by whether anyone may execute them, so that the same files give the same bytes on every machine. An image for
//! Windows without a base in the store gets a base layer with the registry hives that Windows' importer wants; a
//! HostProcess container takes nothing else from a base image.

mod assemble;
mod copy;
mod dockerfile;
mod execute;
mod flags;
mod glob;
mod hive;
mod output;
mod security;
mod stage;
#[cfg(test)]
mod tests;
mod tree;
mod view;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use self::assemble::{Built, build};
pub use self::dockerfile::{Dockerfile, SyntaxError, parse};
pub(crate) use self::hive::HIVES;
pub use self::output::{Destination, publish};
use crate::Platform;

/// What to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// The Dockerfile; without one the image starts from nothing.
    pub dockerfile: Option<PathBuf>,
    /// Where `ADD` and `COPY` find their files.
    pub context: PathBuf,
    /// Files and directories, and where they go in the image.
    pub add: Vec<(PathBuf, String)>,
    /// Replaces `ENTRYPOINT`.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces `CMD`.
    pub cmd: Option<Vec<String>>,
    /// Added after `ENV`.
    pub env: Vec<(String, String)>,
    /// Replaces `USER`.
    pub user: Option<String>,
    /// Replaces `WORKDIR`.
    pub workdir: Option<String>,
    /// Added to `LABEL`.
    pub labels: Vec<(String, String)>,
    /// Values of `ARG`.
    pub build_args: BTreeMap<String, String>,
    /// What the image is for.
    pub platform: Platform,
    /// File systems of stages and of images that are not in the store, by name.
    pub stages: BTreeMap<String, PathBuf>,
    /// The time of everything in the image, in seconds since 1970 (`SOURCE_DATE_EPOCH`, else 0).
    pub created: u64,
}

impl Options {
    /// An image for a platform, of nothing.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self {
            dockerfile: None,
            context: PathBuf::from("."),
            add: Vec::new(),
            entrypoint: None,
            cmd: None,
            env: Vec::new(),
            user: None,
            workdir: None,
            labels: Vec::new(),
            build_args: BTreeMap::new(),
            platform,
            stages: BTreeMap::new(),
            created: 0,
        }
    }
}

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line of the Dockerfile cannot be obeyed.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The Dockerfile as it was named.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong and what to try.
        reason: String,
    },
    /// A flag cannot be obeyed.
    #[error("{flag}: {reason}")]
    Flag {
        /// The flag as the user would write it.
        flag: String,
        /// What is wrong and what to try.
        reason: String,
    },
    /// A file to be put into the image cannot be.
    #[error("{path:?} cannot be in an image for {platform}: it {reason}")]
    Name {
        /// The path in the image.
        path: String,
        /// The image's platform.
        platform: Platform,
        /// What is wrong.
        reason: String,
    },
}
