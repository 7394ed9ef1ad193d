//! Where a redirect leads: a reference against the address that was asked, and whether it stays on that host.

/// `scheme://host:port/path?query` in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) secure: bool,
    /// Host and port as written, IPv6 in brackets.
    pub(super) authority: String,
    /// From the first `/`, with the query; every byte as it goes over the wire.
    pub(super) path: String,
}

impl Address {
    pub(super) fn new(secure: bool, authority: String, path: &str) -> Self {
        Self {
            secure,
            authority,
            path: escaped(path),
        }
    }

    /// The host without its port, in small letters.
    pub(super) fn host(&self) -> String {
        let host = match self.authority.rsplit_once(':') {
            // In an IPv6 address without a port the last colon is before the bracket.
            Some((host, port)) if !port.contains(']') => host,
            _ => &self.authority,
        };
        host.to_ascii_lowercase()
    }

    /// What a `Location` leads to; nothing where it is none that can be asked.
    pub(super) fn follow(&self, location: &str) -> Option<Self> {
        let location = location.trim();
        let location = location.split('#').next().unwrap_or_default();
        let scheme = |prefix: &str| {
            let start = location.get(..prefix.len())?;
            start
                .eq_ignore_ascii_case(prefix)
                .then(|| location.get(prefix.len()..))
                .flatten()
        };
        let elsewhere = |secure, rest: &str| {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
            // Names of users and passwords, and what is no address, are not followed.
            let usable = !authority.is_empty() && authority.bytes().all(valid);
            usable.then(|| Self::new(secure, authority.to_owned(), path))
        };
        if let Some(rest) = scheme("https://") {
            return elsewhere(true, rest);
        }
        if let Some(rest) = scheme("http://") {
            return elsewhere(false, rest);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return elsewhere(self.secure, rest);
        }
        let here = |path: &str| Self::new(self.secure, self.authority.clone(), path);
        let own = self.path.split('?').next().unwrap_or_default();
        if location.is_empty() {
            return Some(here(&self.path));
        }
        if location.starts_with('/') {
            return Some(here(location));
        }
        if location.starts_with('?') {
            return Some(here(&format!("{own}{location}")));
        }
        // A colon before the first slash is another scheme.
        let first = location.split(['/', '?']).next().unwrap_or_default();
        if first.contains(':') {
            return None;
        }
        let directory = own.rsplit_once('/').map_or("", |(directory, _)| directory);
        Some(here(&format!("{directory}/{location}")))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.path)
    }
}

/// A path and query with a first slash, and with `%` and two digits for every byte that may not stand in an address.
fn escaped(path: &str) -> String {
    use std::fmt::Write as _;
    let path = path.split('#').next().unwrap_or_default();
    let mut text = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        text.push('/');
    }
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_resolved_against_the_address_that_was_asked() {
        let asked = Address::new(false, "10.0.0.1:80".to_owned(), "/a/b?c");
        for (location, expected) in [
            ("/x?y", Some("http://10.0.0.1:80/x?y")),
            ("x", Some("http://10.0.0.1:80/a/x")),
            ("?z", Some("http://10.0.0.1:80/a/b?z")),
            ("//other/x", Some("http://other/x")),
            ("HTTPS://10.0.0.1:443/x#part", Some("https://10.0.0.1:443/x")),
            ("http://h?q", Some("http://h/?q")),
            ("/a b\r\nX: é", Some("http://10.0.0.1:80/a%20b%0D%0AX:%20%C3%A9")),
            ("ftp://h/x", None),
            ("mailto:x", None),
            ("http://", None),
            ("http://u:p@h/", None),
            ("", Some("http://10.0.0.1:80/a/b?c")),
        ] {
            let found = asked.follow(location).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn a_host_is_compared_without_its_port() {
        for (authority, host) in [
            ("Host:80", "host"),
            ("h", "h"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(Address::new(true, authority.to_owned(), "/").host(), host);
        }
    }
}
