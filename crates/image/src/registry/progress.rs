//! What is told of work with a registry while it goes on.

use std::time::Duration;

use super::error::Error;
use crate::Digest;

/// What happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A blob is there already, here or at the registry.
    There {
        /// The blob.
        digest: &'a Digest,
        /// Its bytes.
        size: u64,
    },
    /// A blob begins to be transferred.
    Begin {
        /// The blob.
        digest: &'a Digest,
        /// Its bytes.
        size: u64,
        /// Bytes that an earlier try left.
        from: u64,
    },
    /// A blob is transferred as far as that.
    At {
        /// The blob.
        digest: &'a Digest,
        /// Bytes of it.
        bytes: u64,
    },
    /// A blob is transferred and verified.
    End {
        /// The blob.
        digest: &'a Digest,
        /// Its bytes.
        size: u64,
    },
    /// Something failed and is tried again.
    Again {
        /// Why it failed.
        error: &'a Error,
        /// How long porthole waits first.
        wait: Duration,
    },
}

/// Is told what happens, by several threads.
pub trait Progress: Sync {
    /// Something happens.
    fn event(&self, event: &Event<'_>);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _event: &Event<'_>) {}
}
