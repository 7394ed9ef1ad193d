//! Marks where the system can be asked about locks only by taking them: there are none.

use std::io;
use std::path::Path;

/// No file.
#[derive(Debug)]
pub(crate) enum Marks {}

/// No number.
#[derive(Debug)]
pub(crate) enum Mark {}

impl Marks {
    /// None on this system.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn open(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn take(self, _: u64) -> io::Result<Mark> {
        match self {}
    }

    pub(crate) fn has(&self, _: u64) -> bool {
        match *self {}
    }
}
