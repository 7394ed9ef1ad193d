//! Writing archives.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::header::{self, Header};
use super::read::padding;
use super::{BLOCK, Kind};

/// What a member of a written archive is.
#[derive(Clone, Debug)]
pub struct Facts {
    kind: Kind,
    size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u64,
    /// The target of a symbolic link.
    pub link: String,
    /// Further pax records, such as `MSWINDOWS.fileattr`.
    pub records: BTreeMap<String, String>,
}

impl Facts {
    /// A directory of root's, of 1970.
    #[must_use]
    pub fn directory(mode: u32) -> Self {
        Self {
            kind: Kind::Directory,
            size: 0,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            link: String::new(),
            records: BTreeMap::new(),
        }
    }

    /// A file of root's, of 1970.
    #[must_use]
    pub fn file(mode: u32, size: u64) -> Self {
        Self {
            kind: Kind::File,
            size,
            ..Self::directory(mode)
        }
    }

    /// A symbolic link of root's, of 1970.
    #[must_use]
    pub fn symlink(target: &str) -> Self {
        Self {
            kind: Kind::Symlink,
            link: target.to_owned(),
            ..Self::directory(0o777)
        }
    }
}

/// Writes an archive member by member.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
}

impl<W: Write> Writer<W> {
    /// Writes an archive from its start.
    pub fn new(inner: W) -> Self {
        Self { inner }
    }

    /// Writes one member. The path has no leading slash, and none at the end.
    ///
    /// # Errors
    /// If writing fails, or the content is not as long as said.
    pub fn entry(&mut self, path: &str, facts: &Facts, content: impl Read) -> io::Result<()> {
        let path = if facts.kind == Kind::Directory {
            format!("{path}/")
        } else {
            path.to_owned()
        };
        let mut header = Header([0; BLOCK]);
        let mut records = facts.records.clone();
        if !path.is_ascii() || !header.set_text(header::NAME, path.as_bytes()) {
            records.insert("path".to_owned(), path.clone());
            // For readers without pax; the end of a path tells more than its start.
            let tail = path.as_bytes();
            header.set_text(header::NAME, &tail[tail.len().saturating_sub(header::NAME.1)..]);
        }
        if !facts.link.is_ascii() || !header.set_text(header::LINK, facts.link.as_bytes()) {
            records.insert("linkpath".to_owned(), facts.link.clone());
        }
        for (field, key, number) in [
            (header::SIZE, "size", facts.size),
            (header::UID, "uid", u64::from(facts.uid)),
            (header::GID, "gid", u64::from(facts.gid)),
            (header::MTIME, "mtime", facts.mtime),
        ] {
            if !header.set_number(field, number) {
                header.set_number(field, 0);
                records.insert(key.to_owned(), number.to_string());
            }
        }
        header.set_number(header::MODE, u64::from(facts.mode & 0o7777));
        header.0[header::FLAG] = match facts.kind {
            Kind::Directory => b'5',
            Kind::Symlink => b'2',
            Kind::HardLink => b'1',
            Kind::File | Kind::Special(_) => b'0',
        };
        header.set_text(header::MAGIC, header::USTAR);
        self.records(&records)?;
        header.seal();
        self.inner.write_all(&header.0)?;
        let copied = io::copy(&mut content.take(facts.size), &mut self.inner)?;
        if copied != facts.size {
            let reason = format!("{path} became shorter while it was read");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        self.pad(facts.size)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&[0; 2 * BLOCK])?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn records(&mut self, records: &BTreeMap<String, String>) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for (key, value) in records {
            text.push_str(&record(key, value));
        }
        let mut header = Header([0; BLOCK]);
        header.set_text(header::NAME, b"PaxHeaders/entry");
        header.set_number(header::MODE, 0o644);
        for field in [header::UID, header::GID, header::MTIME] {
            header.set_number(field, 0);
        }
        header.set_number(header::SIZE, text.len() as u64);
        header.0[header::FLAG] = b'x';
        header.set_text(header::MAGIC, header::USTAR);
        header.seal();
        self.inner.write_all(&header.0)?;
        self.inner.write_all(text.as_bytes())?;
        self.pad(text.len() as u64)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let zeros = [0; BLOCK];
        self.inner
            .write_all(&zeros[..usize::try_from(padding(size)).unwrap_or(0)])
    }
}

/// One record, whose length counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length += 1;
    }
    format!("{length} {key}={value}\n")
}

#[cfg(test)]
mod tests {
    use super::record;

    #[test]
    fn a_record_counts_its_own_length() {
        for size in 0..2000 {
            let record = record("k", &"v".repeat(size));
            assert!(record.starts_with(&format!("{} k=", record.len())), "{size}");
        }
    }
}
