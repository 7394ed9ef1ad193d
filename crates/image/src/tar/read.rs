//! Reading archives.

use std::io::{self, BufRead, Read};

use super::header::{self, Header};
use super::pax::{self, Records};
use super::{BLOCK, Entry, Kind, Limits, TarError};

/// Reads an archive member by member.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    limits: Limits,
    /// Content of the current member that has not been read.
    content: u64,
    /// Padding after it.
    padding: u64,
    /// Headers read.
    number: u64,
    entries: u64,
    global: Records,
}

/// The content of the current member.
#[derive(Debug)]
pub struct Content<'a, R>(&'a mut Reader<R>);

impl<R: BufRead> Reader<R> {
    /// Reads an archive from its start.
    pub fn new(inner: R, limits: Limits) -> Self {
        Self {
            inner,
            limits,
            content: 0,
            padding: 0,
            number: 0,
            entries: 0,
            global: Records::default(),
        }
    }

    /// The next member; what is left of the current one is skipped. `None` at the end of the archive.
    ///
    /// # Errors
    /// If the archive is truncated, corrupt, or beyond the limits.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        self.skip(self.content + self.padding)?;
        (self.content, self.padding) = (0, 0);
        let mut records = self.global.clone();
        let mut extended = false;
        // All headers before one member together: else any number of small ones would be held.
        let mut allowed = self.limits.extension;
        let (mut long_name, mut long_link) = (None, None);
        loop {
            let Some(header) = self.header()? else {
                if extended {
                    return Err(TarError::Truncated("the headers of a member"));
                }
                return Ok(None);
            };
            let flag = header.0[header::FLAG];
            match flag {
                b'x' | b'g' => {
                    let text = self.extension(&header, &mut allowed)?;
                    let target = if flag == b'g' {
                        &mut self.global
                    } else {
                        &mut records
                    };
                    let number = self.number + 1;
                    pax::read(&text, target).map_err(|reason| TarError::Pax { number, reason })?;
                    if flag == b'g' {
                        // Names and sizes of all members at once make no sense.
                        self.global = Records {
                            uid: self.global.uid,
                            gid: self.global.gid,
                            mtime: self.global.mtime,
                            ..Records::default()
                        };
                    } else {
                        extended = true;
                    }
                }
                b'L' | b'K' => {
                    let mut text = self.extension(&header, &mut allowed)?;
                    text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
                    let target = if flag == b'L' {
                        &mut long_name
                    } else {
                        &mut long_link
                    };
                    *target = Some(text);
                    extended = true;
                }
                _ => return self.entry(&header, records, long_name, long_link).map(Some),
            }
        }
    }

    /// The content of the current member.
    pub fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// Reads whatever follows the archive's end, so that all of the stream has been seen.
    ///
    /// # Errors
    /// If the stream cannot be read.
    pub fn drain(mut self) -> Result<R, TarError> {
        loop {
            let available = self.inner.fill_buf().map_err(TarError::Read)?.len();
            if available == 0 {
                return Ok(self.inner);
            }
            self.inner.consume(available);
        }
    }

    fn entry(
        &mut self,
        header: &Header,
        records: Records,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Entry, TarError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(TarError::Limit {
                what: "the number of entries",
                size: self.entries,
                limit: self.limits.entries,
            });
        }
        let path = match (records.path, long_name) {
            (Some(path), _) => path,
            (None, Some(name)) => self.text(name)?,
            (None, None) => self.text(header_name(header))?,
        };
        let flag = header.0[header::FLAG];
        let kind = match flag {
            // Before POSIX a directory was a file whose name ends in a slash.
            b'0' | 0 | b'7' if path.ends_with('/') => Kind::Directory,
            b'0' | 0 | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Special("a character device"),
            b'4' => Kind::Special("a block device"),
            b'5' => Kind::Directory,
            b'6' => Kind::Special("a FIFO"),
            b'S' => {
                return Err(unsupported(
                    path,
                    flag,
                    "a sparse file, which porthole does not read",
                ));
            }
            b'M' | b'V' | b'D' | b'N' => {
                return Err(unsupported(
                    path,
                    flag,
                    "a part of a backup, which no image layer has",
                ));
            }
            _ => return Err(unsupported(path, flag, "which is not known")),
        };
        let size = match records.size {
            Some(size) => size,
            None => self.unsigned(header, header::SIZE, "the size is no number")?,
        };
        // The content of all but files is nothing, whatever the size field says (as every reader has it).
        let size = if kind == Kind::File { size } else { 0 };
        if size > self.limits.file {
            return Err(TarError::Limit {
                what: "the size of a file",
                size,
                limit: self.limits.file,
            });
        }
        let link = match (records.link, long_link) {
            _ if !matches!(kind, Kind::HardLink | Kind::Symlink) => String::new(),
            (Some(link), _) => link,
            (None, Some(link)) => self.text(link)?,
            (None, None) => self.text(header.text(header::LINK).to_vec())?,
        };
        (self.content, self.padding) = (size, padding(size));
        Ok(Entry {
            path,
            kind,
            size,
            mode: self.narrow(header, header::MODE, "the mode is no number")? & 0o7777,
            uid: self.owner(records.uid, header, header::UID)?,
            gid: self.owner(records.gid, header, header::GID)?,
            mtime: match records.mtime {
                Some(mtime) => mtime,
                None => (
                    header
                        .number(header::MTIME)
                        .ok_or_else(|| self.corrupt("the time is no number"))?,
                    0,
                ),
            },
            link,
            xattrs: records.xattrs,
        })
    }

    /// The next header; `None` at the end: two blocks of zeros, or, as most readers take it, one or none.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let mut header = Header([0; BLOCK]);
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut header.0[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(TarError::Truncated("a header")),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(TarError::Read(error)),
            }
        }
        self.number += 1;
        if header.0.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if !header.checksum_holds() {
            return Err(self.corrupt("its checksum is wrong"));
        }
        let magic = header.bytes(header::MAGIC);
        if magic != header::USTAR && magic != header::GNU && magic.iter().any(|byte| *byte != 0) {
            return Err(self.corrupt("its magic is neither ustar nor GNU"));
        }
        Ok(Some(header))
    }

    /// Reads the content of an extension header, and takes it from what is allowed.
    fn extension(&mut self, header: &Header, allowed: &mut u64) -> Result<Vec<u8>, TarError> {
        let size = self.unsigned(header, header::SIZE, "the size is no number")?;
        let Some(left) = allowed.checked_sub(size.max(BLOCK as u64)) else {
            return Err(TarError::Limit {
                what: "the size of a member's headers",
                size: size.saturating_add(self.limits.extension - *allowed),
                limit: self.limits.extension,
            });
        };
        *allowed = left;
        let mut text = Vec::new();
        (&mut self.inner)
            .take(size)
            .read_to_end(&mut text)
            .map_err(TarError::Read)?;
        if text.len() as u64 != size {
            return Err(TarError::Truncated("a header"));
        }
        self.skip(padding(size))?;
        Ok(text)
    }

    fn skip(&mut self, mut bytes: u64) -> Result<(), TarError> {
        while bytes > 0 {
            let available = match self.inner.fill_buf() {
                Ok(buffer) => buffer.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(TarError::Read(error)),
            };
            if available == 0 {
                return Err(TarError::Truncated("a file"));
            }
            let step = bytes.min(available as u64);
            self.inner.consume(usize::try_from(step).unwrap_or(available));
            bytes -= step;
        }
        Ok(())
    }

    fn unsigned(&self, header: &Header, field: header::Field, reason: &'static str) -> Result<u64, TarError> {
        let number = header.number(field).ok_or_else(|| self.corrupt(reason))?;
        u64::try_from(number).map_err(|_| self.corrupt("a number is negative"))
    }

    fn narrow(&self, header: &Header, field: header::Field, reason: &'static str) -> Result<u32, TarError> {
        u32::try_from(self.unsigned(header, field, reason)?)
            .map_err(|_| self.corrupt("a number is too large"))
    }

    /// A user or group. 2³²-1 is none: the system takes it for "leave it as it is", which here is root.
    fn owner(&self, record: Option<u32>, header: &Header, field: header::Field) -> Result<u32, TarError> {
        let owner = match record {
            Some(owner) => owner,
            None => self.narrow(header, field, "the owner is no number")?,
        };
        if owner == u32::MAX {
            return Err(self.corrupt("the owner is none"));
        }
        Ok(owner)
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String, TarError> {
        String::from_utf8(bytes).map_err(|_| self.corrupt("a name is not UTF-8"))
    }

    fn corrupt(&self, reason: &'static str) -> TarError {
        TarError::Header {
            number: self.number,
            reason,
        }
    }
}

fn unsupported(path: String, flag: u8, what: &'static str) -> TarError {
    TarError::Unsupported {
        path,
        flag: char::from(flag),
        what,
    }
}

/// The name of an ustar header, which may be cut in two; GNU's format has other things where the prefix would be.
fn header_name(header: &Header) -> Vec<u8> {
    let prefix = header.text(header::PREFIX);
    let name = header.text(header::NAME);
    if header.bytes(header::MAGIC) != header::USTAR || prefix.is_empty() {
        return name.to_vec();
    }
    [prefix, b"/", name].concat()
}

/// What fills the last block of a content.
pub(super) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

impl<R: BufRead> Content<'_, R> {
    /// Bytes left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.0.content
    }
}

impl<R: BufRead> BufRead for Content<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let content = self.0.content;
        if content == 0 {
            return Ok(&[]);
        }
        let buffer = self.0.inner.fill_buf()?;
        if buffer.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the archive ends in the middle of a file",
            ));
        }
        let step = usize::try_from(content).map_or(buffer.len(), |content| content.min(buffer.len()));
        Ok(&buffer[..step])
    }

    fn consume(&mut self, amount: usize) {
        self.0.content -= amount as u64;
        self.0.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let step = available.len().min(buffer.len());
        buffer[..step].copy_from_slice(&available[..step]);
        self.consume(step);
        Ok(step)
    }
}
