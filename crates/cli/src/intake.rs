//! The bytes of files and of standard input: no more of them than could be parsed, whatever is behind the name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use porthole_manifest::Limits;

/// The bytes of a file of manifests.
///
/// # Errors
/// It cannot be read, or is longer than what is parsed.
pub(crate) fn file(path: &Path) -> io::Result<Vec<u8>> {
    within(File::open(path)?, most())
}

/// The bytes of standard input.
///
/// # Errors
/// It cannot be read, or is longer than what is parsed.
pub(crate) fn standard_input() -> io::Result<Vec<u8>> {
    within(io::stdin().lock(), most())
}

/// The text of a file of settings, which is short.
///
/// # Errors
/// It cannot be read, is no UTF-8, or is longer than settings are.
pub(crate) fn settings(path: &Path) -> io::Result<String> {
    const MOST: u64 = 1 << 20;
    let bytes = within(File::open(path)?, MOST)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn most() -> u64 {
    Limits::default().max_bytes as u64
}

fn within(reader: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let reason = format!("it is longer than {most} bytes, the most that is read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_up_to_the_limit_and_no_further() {
        assert_eq!(within(&b"abc"[..], 3).unwrap(), b"abc");
        let endless = within(io::repeat(b'a'), 3).unwrap_err();
        assert_eq!(endless.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(
            endless.to_string(),
            "it is longer than 3 bytes, the most that is read"
        );
    }
}
