//! Tar archives: POSIX ustar and pax, with GNU's long names read too.
//!
//! Reading bounds what a header can make the reader hold, and refuses what it does not fully understand instead of
//! guessing. Writing gives the same bytes for the same files. Source: POSIX.1-2017 `pax`, GNU tar manual
//! ("Basic Tar Format").

mod header;
mod pax;
mod read;
mod write;

pub use read::{Content, Reader};
pub use write::{Facts, Writer};

use std::io;

/// Bytes of a header and of the unit that content is padded to.
pub(crate) const BLOCK: usize = 512;

/// What a member of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file that came before.
    HardLink,
    /// A device, FIFO or socket: which.
    Special(&'static str),
}

/// One member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name as it stands in the archive. Nothing has been checked about it but that it is UTF-8.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes of content that follow; 0 for all but files.
    pub size: u64,
    /// Permission bits, set-ID bits included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970 and nanoseconds.
    pub mtime: (i64, u32),
    /// The target of a link; empty for others.
    pub link: String,
    /// Extended attributes (`SCHILY.xattr.*`).
    pub xattrs: Vec<(String, Vec<u8>)>,
}

/// How much an archive may make the reader hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one pax header, GNU long name or GNU long link.
    pub extension: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Members.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            extension: 1 << 20,
            file: 1 << 40,
            entries: 2_000_000,
        }
    }
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The bytes below the archive cannot be read.
    #[error("read the archive")]
    Read(#[source] io::Error),
    /// The archive ends within a member.
    #[error("the archive ends in the middle of {0}")]
    Truncated(&'static str),
    /// A header is not one.
    #[error("header number {number} is corrupt: {reason}")]
    Header {
        /// Counted from 1, extension headers included.
        number: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A member is of a kind that porthole does not read.
    #[error("entry {path:?} is of type {flag:?}, {what}")]
    Unsupported {
        /// Its name.
        path: String,
        /// The type flag.
        flag: char,
        /// What that is.
        what: &'static str,
    },
    /// A pax header is malformed.
    #[error("the pax header before header number {number} is malformed: {reason}")]
    Pax {
        /// Counted from 1.
        number: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// Something is larger than the limits allow.
    #[error("{what} is {size}, at most {limit} is read")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: u64,
        /// The limit.
        limit: u64,
    },
}
