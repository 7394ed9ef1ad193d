//! `file:` URIs and the paths that they name.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The path of a `file:` URI of this machine.
pub(super) fn to_path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = decode(path.split(['?', '#']).next()?)?;
    // `/c:/dir` is `c:/dir`.
    let drive = path.as_bytes().get(2) == Some(&b':') && path.starts_with('/');
    let path = if cfg!(windows) && drive {
        path.get(1..)?
    } else {
        &path
    };
    Some(PathBuf::from(path))
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The URI of a path.
pub(super) fn of_path(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let mut uri = String::from(if text.starts_with('/') {
        "file://"
    } else {
        "file:///"
    });
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    #[test]
    fn uris_name_paths_and_paths_uris() {
        let path = PathBuf::from("/a b/ü.yaml");
        assert_eq!(of_path(&path), "file:///a%20b/%C3%BC.yaml");
        assert_eq!(to_path("file:///a%20b/%c3%bc.yaml"), Some(path));
        for other in [
            "untitled:Untitled-1",
            "file:///%zz",
            "file:///%ff",
            "https://a/b",
            "file:///%",
        ] {
            assert_eq!(to_path(other), None, "{other}");
        }
    }
}
