//! Where a request goes, and what is shown of that.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

/// A URL of a registry, or of where it sends one on to. Shown without its query, where signed links have secrets.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    encrypted: bool,
    /// Host, and port where one is named; lower case.
    authority: String,
    /// From the first slash, with the query.
    path: String,
}

impl Address {
    /// The root of a registry.
    pub(super) fn registry(host: &str, encrypted: bool) -> Self {
        Self {
            encrypted,
            authority: host.to_ascii_lowercase(),
            path: "/".to_owned(),
        }
    }

    /// Another path, which begins with a slash, of the same server.
    pub(super) fn at(&self, path: String) -> Self {
        Self { path, ..self.clone() }
    }

    /// Reads an absolute URL. `None` if it is none, or has a user or password.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().ok()?;
        let encrypted = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        if authority.contains('@') || uri.host()?.is_empty() {
            return None;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Self {
            encrypted,
            authority,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }

    /// Where a `Location` leads that was answered from here.
    pub(super) fn join(&self, location: &str) -> Option<Self> {
        if location.starts_with("//") {
            return Self::parse(&format!("{}:{location}", self.scheme()));
        }
        let scheme = location.split_once("://").map(|(scheme, _)| scheme);
        if scheme.is_some_and(|scheme| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return Self::parse(location);
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            let path = self.path.split('?').next().unwrap_or_default();
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            format!("{directory}/{location}")
        };
        Self::parse(&format!("{}://{}{path}", self.scheme(), self.authority))
    }

    /// The same with one more parameter in its query.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        self.at(format!("{}{separator}{name}={}", self.path, encode(value)))
    }

    /// The URL.
    pub(super) fn url(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.authority, self.path)
    }

    /// Whether it is `https`.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether it is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.authority)
    }

    /// Whether both are one server: what one may be told the other may be told too.
    pub(super) fn is_same_server(&self, other: &Self) -> bool {
        let port = |address: &Self| match split_port(&address.authority).1 {
            Some(port) => port.to_owned(),
            None if address.encrypted => "443".to_owned(),
            None => "80".to_owned(),
        };
        self.encrypted == other.encrypted
            && split_port(&self.authority).0 == split_port(&other.authority).0
            && port(self) == port(other)
    }

    fn scheme(&self) -> &'static str {
        if self.encrypted { "https" } else { "http" }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) = match self.path.split_once('?') {
            Some((path, _)) => (path, "?…"),
            None => (self.path.as_str(), ""),
        };
        write!(formatter, "{}://{}{path}{query}", self.scheme(), self.authority)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Whether a host, with or without a port, is this machine.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = split_port(authority).0;
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// A value for a query or a form.
pub(super) fn encode(value: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn a_location_is_absolute_or_of_the_same_server() {
        let base = address("https://example.com:5000/v2/a/blobs/uploads/1?state=x");
        for (location, url) in [
            ("https://other.example/x?y", "https://other.example/x?y"),
            ("//other.example/x", "https://other.example/x"),
            ("/v2/x", "https://example.com:5000/v2/x"),
            (
                "2?a=https://b",
                "https://example.com:5000/v2/a/blobs/uploads/2?a=https://b",
            ),
        ] {
            assert_eq!(base.join(location).unwrap().url(), url);
        }
        for location in [
            "ftp://example.com/",
            "https://user:secret@example.com/",
            "https:///x",
            "http://a b/",
        ] {
            assert_eq!(base.join(location), None, "{location}");
        }
    }

    #[test]
    fn shows_no_query() {
        let shown = address("https://example.com/a?sig=hunter2").to_string();
        assert_eq!(shown, "https://example.com/a?…");
    }

    #[test]
    fn a_server_is_its_scheme_host_and_port() {
        let same = |one: &str, other: &str| address(one).is_same_server(&address(other));
        assert!(same("https://example.com/a", "https://EXAMPLE.com:443/b"));
        assert!(same("http://[::1]/a", "http://[::1]:80/b"));
        assert!(!same("https://example.com/", "http://example.com/"));
        assert!(!same("https://example.com/", "https://example.com:5000/"));
        assert!(!same("https://example.com/", "https://example.com.evil.example/"));
    }

    #[test]
    fn this_machine_is_known_by_its_addresses() {
        for host in [
            "localhost",
            "LOCALHOST:5000",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:5000",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "[::2]",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn parameters_are_encoded() {
        let with = address("http://localhost/x?a=1").with("scope", "repository:a/b:pull,push");
        assert_eq!(
            with.url(),
            "http://localhost/x?a=1&scope=repository%3Aa%2Fb%3Apull%2Cpush"
        );
    }
}
