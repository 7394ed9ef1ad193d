//! Which numbers living processes have for theirs, in one file that is asked with one short call a number.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::raw;

/// A file whose byte at a number is locked by the process that has the number. It stays empty.
#[derive(Debug)]
pub(crate) struct Marks(File);

/// A number that this process has, until this is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct Mark {
    _file: File,
}

impl Marks {
    /// The file, which is made where it is missing.
    ///
    /// # Errors
    /// It cannot be had.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.read(true).write(true).create(true).mode(0o600);
        options.open(path).map(Self)
    }

    /// Takes a number.
    ///
    /// # Errors
    /// Another process has it, it is too large, or the file system has no such locks.
    pub(crate) fn take(self, number: u64) -> io::Result<Mark> {
        raw::lock_byte(&self.0, offset(number)?)?;
        Ok(Mark { _file: self.0 })
    }

    /// Whether a process has the number. Where it cannot be told, none has.
    pub(crate) fn has(&self, number: u64) -> bool {
        offset(number)
            .and_then(|at| raw::is_byte_locked(&self.0, at))
            .unwrap_or(false)
    }
}

fn offset(number: u64) -> io::Result<i64> {
    i64::try_from(number)
        .ok()
        .filter(|at| *at < i64::MAX)
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_once_and_as_long_as_its_mark_lives() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("marks");
        let marks = || Marks::open(&path).unwrap();
        let large = u64::try_from(i64::MAX).unwrap() - 1;
        for number in [0, 7, large] {
            assert!(!marks().has(number));
            let mark = marks().take(number).unwrap();
            assert!(marks().has(number) && !marks().has(number + 1));
            marks().take(number).unwrap_err();
            drop(mark);
            assert!(!marks().has(number));
        }
        marks().take(u64::MAX).unwrap_err();
        assert!(!marks().has(u64::MAX));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }
}
