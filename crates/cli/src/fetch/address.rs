//! URLs on the command line, and what is shown of them.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::failure::Failure;

/// A URL that may be fetched.
#[derive(Debug)]
pub(crate) struct Address {
    url: String,
    encrypted: bool,
}

impl Address {
    /// Reads what the command line names, where it is a URL at all: as kubectl does, what begins with `http://` or
    /// `https://` is no file.
    ///
    /// # Errors
    /// A URL that cannot be one, that carries a password, or that is neither encrypted nor of this machine.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, Failure>> {
        let encrypted = text.starts_with("https://");
        (encrypted || text.starts_with("http://")).then(|| Self::read(text, encrypted))
    }

    fn read(text: &str, encrypted: bool) -> Result<Self, Failure> {
        let refuse = |why: &str, help: &str| {
            Err(Failure::unasked(format!("fetch `{}`: {why}", Self::shown(text))).help(help))
        };
        if user_information(text).is_some() {
            let help =
                "leave the user and password out; a command line can be read by everybody on this host";
            return refuse("a user or password in a URL is not supported", help);
        }
        let url = text.split_once('#').map_or(text, |(url, _)| url);
        let uri: Uri = match url.parse() {
            Ok(uri) => uri,
            Err(error) => {
                return refuse(
                    &error.to_string(),
                    "give a URL such as https://example.org/pod.yaml",
                );
            }
        };
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return refuse(
                "it names no host",
                "give a URL such as https://example.org/pod.yaml",
            );
        }
        if !encrypted && !is_loopback(host) {
            return refuse(
                "what comes over plain http can be changed on its way, and a pod runs as an account of this host",
                "use https://; plain http is for localhost, 127.0.0.1 and [::1] alone",
            );
        }
        Ok(Self {
            url: url.to_owned(),
            encrypted,
        })
    }

    /// The URL to ask for.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is `https://`.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The URL's name in messages and places.
    pub(crate) fn name(&self) -> String {
        Self::shown(&self.url)
    }

    /// A URL without what may be a secret in it: the user, the password, and the query, where signed links have theirs.
    pub(super) fn shown(text: &str) -> String {
        let mut shown = text.to_owned();
        if let Some(user) = user_information(text) {
            shown = text.replacen(&format!("{user}@"), "…@", 1);
        }
        let shown = shown.split('#').next().unwrap_or_default();
        match shown.split_once('?') {
            Some((path, _)) => format!("{path}?…"),
            None => shown.to_owned(),
        }
    }
}

/// `user:password` of `https://user:password@host/`.
fn user_information(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@').map(|(user, _)| user)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Address::parse(text).unwrap().unwrap_err().to_string()
    }

    #[test]
    fn takes_https_and_the_http_of_this_machine() {
        for text in [
            "https://example.org/pod.yaml",
            "http://localhost/pod.yaml",
            "http://127.0.0.1:8080/pod.yaml",
            "http://[::1]:8080/pod.yaml",
        ] {
            assert_eq!(Address::parse(text).unwrap().unwrap().url(), text);
        }
        for text in ["pod.yaml", "-", "ftp://example.org/pod.yaml", "https:/pod.yaml"] {
            assert!(Address::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn refuses_plain_http_of_other_machines_with_the_reason() {
        for text in [
            "http://example.org/pod.yaml",
            "http://10.0.0.1/",
            "http://localhost.example.org/",
            "http://127.0.0.1.example.org/",
        ] {
            let said = refusal(text);
            assert!(
                said.contains(&format!("fetch `{text}`: what comes over plain http")),
                "{said}"
            );
            assert!(said.contains("use https://"), "{said}");
        }
    }

    #[test]
    fn refuses_passwords_without_showing_them() {
        for text in [
            "https://me:hunter2@example.org/",
            "http://hunter2@localhost/",
            "https://a@hunter2@x/",
        ] {
            let said = refusal(text);
            assert!(
                said.contains("a user or password") && !said.contains("hunter2"),
                "{said}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_url() {
        for text in ["https://", "https:///pod.yaml", "https://exa mple.org/"] {
            assert!(refusal(text).contains("give a URL such as"), "{text}");
        }
    }

    #[test]
    fn shows_no_query_and_asks_for_no_fragment() {
        let address = Address::parse("https://example.org/pod.yaml?sig=hunter2#L3")
            .unwrap()
            .unwrap();
        assert_eq!(address.name(), "https://example.org/pod.yaml?…");
        assert_eq!(address.url(), "https://example.org/pod.yaml?sig=hunter2");
    }
}
