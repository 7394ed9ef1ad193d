//! Text that is nobody else's business.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A token, a password or a key: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn of_text(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }

    /// The bytes of a file that must be there; `what` it is, for errors.
    pub(crate) fn read(path: &Path, what: &'static str, longest: u64) -> Result<Self> {
        let read = || {
            let mut bytes = Vec::new();
            File::open(path)?.take(longest + 1).read_to_end(&mut bytes)?;
            let bytes = Self::new(bytes);
            if bytes.expose().len() as u64 > longest {
                return Err(io::Error::other(format!("it is longer than {longest} bytes")));
            }
            Ok(bytes)
        };
        read().map_err(|source| Error::Read {
            what,
            path: path.to_owned(),
            source,
        })
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}
