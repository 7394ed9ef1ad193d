//! Proxies on the way to a cluster: the kubeconfig's `proxy-url`, else the one of the environment.
//!
//! Of a kubeconfig these are the proxies that client-go takes: `http://`, `https://` and `socks5://`, with user and password in the
//! URL where they are wanted. The environment's variables are read as [`environment`] says; its `socks5h://` is the same as `socks5://`: the proxy looks names up, as it does for
//! Go's client. A server on this machine, and that of the pod that this process is in, are reached without the environment's proxy.

use std::fmt;

use ureq::ProxyProtocol;
use ureq::http::Uri;

use crate::environment;
use crate::error::{Error, Result};
use crate::target::Target;

/// A proxy by which a cluster is reached.
#[derive(Clone)]
pub struct Proxy {
    protocol: Protocol,
    inner: ureq::Proxy,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP CONNECT (RFC 9110 §9.3.6).
    Http,
    /// The same, over TLS to the proxy.
    Https,
    /// SOCKS 5 (RFC 1928), with user and password by RFC 1929.
    Socks5,
}

impl Protocol {
    const fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
        }
    }
}

impl Proxy {
    /// The proxy that the kubeconfig names, else the one that the environment has for this server.
    pub(crate) fn of(target: &Target) -> Result<Option<Self>> {
        if let Some(url) = &target.cluster.proxy {
            let proxy = std::str::from_utf8(url.expose()).ok().and_then(Self::of_url);
            return proxy.map(Some).ok_or_else(|| {
                target.of_cluster(
                    "its proxy-url is no URL of a proxy; it is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT",
                )
            });
        }
        if target.is_of_pod() || is_local(target) {
            return Ok(None);
        }
        let server: Option<Uri> = target.server.parse().ok();
        let variable = |name: &str| std::env::var(name).ok();
        let Some((name, url)) = server.and_then(|server| environment::proxy_of(&server, variable)) else {
            return Ok(None);
        };
        // Never the URL: it may hold a password.
        let refused = || Error::EnvironmentProxy { variable: name };
        let given = ureq::Proxy::new(&url).map_err(|_| refused())?;
        Self::settled(&given).map(Some).ok_or_else(refused)
    }

    /// The proxy of a `proxy-url`; nothing where client-go would refuse it.
    fn of_url(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let is_known = matches!(uri.scheme_str(), Some("http" | "https" | "socks5"));
        let has_host = uri
            .authority()
            .is_some_and(|authority| !authority.host().is_empty());
        let given = ureq::Proxy::new(url).ok().filter(|_| is_known && has_host)?;
        Self::settled(&given)
    }

    /// The same, where the proxy looks up the server's name.
    fn settled(given: &ureq::Proxy) -> Option<Self> {
        let protocol = match given.protocol() {
            ProxyProtocol::Http => Protocol::Http,
            ProxyProtocol::Https => Protocol::Https,
            ProxyProtocol::Socks5 | ProxyProtocol::Socks5h => Protocol::Socks5,
            _ => return None,
        };
        let mut builder = ureq::Proxy::builder(given.protocol())
            .host(given.host())
            .port(given.port())
            .resolve_target(false);
        if let Some(user) = given.username() {
            // Of a user without a password, too, HTTP has a colon after the name.
            builder = builder
                .username(user)
                .password(given.password().unwrap_or_default());
        }
        let inner = builder.build().ok()?;
        Some(Self { protocol, inner })
    }

    /// What it speaks.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Its name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.inner.host().trim_matches(['[', ']'])
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.inner.port()
    }

    /// Its URL without user and password.
    #[must_use]
    pub fn address(&self) -> String {
        format!(
            "{}://{}:{}",
            self.protocol.scheme(),
            self.inner.host(),
            self.port()
        )
    }

    /// User and password, where it has them.
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let user = self.inner.username()?;
        Some((user, self.inner.password().unwrap_or_default()))
    }

    /// The same for the HTTP client of this crate.
    pub(crate) fn for_agent(&self) -> ureq::Proxy {
        self.inner.clone()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Proxy").field(&self.address()).finish()
    }
}

fn is_local(target: &Target) -> bool {
    let uri: Option<Uri> = target.server.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
