//! Manifests behind `https://`: one request, within limits. Nothing of it is set up unless a URL is given.

mod address;
mod error;

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use porthole_manifest::Limits;
use ureq::http::{Response, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

pub(crate) use address::Address;
use error::FetchError;

use crate::failure::Failure;

/// How much is read, and for how long.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Bytes of the body.
    bytes: u64,
    /// Redirects, each to `https://`.
    redirects: u32,
    /// For the name and for the connection, each.
    connect: Duration,
    /// For everything, redirects included.
    total: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            // More could not be parsed either.
            bytes: Limits::default().max_bytes as u64,
            redirects: 10,
            connect: Duration::from_secs(10),
            total: Duration::from_mins(1),
        }
    }
}

/// The bytes behind a URL.
///
/// # Errors
/// The URL is refused, the server is not reached or trusted, it answers with another status than 200, or it sends more
/// than a manifest may have, for longer than a minute.
pub(crate) fn fetch(address: &Address) -> Result<Vec<u8>, Failure> {
    fetch_within(address, Bounds::default()).map_err(|error| error.of(address))
}

fn fetch_within(address: &Address, bounds: Bounds) -> Result<Vec<u8>, FetchError> {
    let response = agent(address, bounds)?
        .get(address.url())
        .call()
        .map_err(|error| FetchError::call(error, bounds))?;
    let body = accepted(response, bounds)?;
    read(body, bounds)
}

/// A client for one address.
fn agent(address: &Address, bounds: Bounds) -> Result<Agent, FetchError> {
    let mut config = Agent::config_builder()
        .user_agent(concat!("porthole/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .timeout_resolve(Some(bounds.connect))
        .timeout_connect(Some(bounds.connect))
        .timeout_global(Some(bounds.total));
    if address.is_encrypted() {
        let roots = RootCerts::new_with_certs(&system_roots()?);
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        config = config
            .https_only(true)
            .max_redirects(bounds.redirects)
            .tls_config(
                TlsConfig::builder()
                    .root_certs(roots)
                    .unversioned_rustls_crypto_provider(ring)
                    .build(),
            );
    } else {
        // What this machine serves to itself passes by no proxy and leads nowhere else.
        config = config
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false);
    }
    Ok(config.build().new_agent())
}

/// The certificates that this system trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
fn system_roots() -> Result<Vec<Certificate<'static>>, FetchError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(FetchError::NoRoots(found.errors.into_iter().next()));
    }
    let own = |der: &rustls::pki_types::CertificateDer<'_>| Certificate::from_der(der.as_ref()).to_owned();
    Ok(found.certs.iter().map(own).collect())
}

/// The body of an answer that can be a manifest.
fn accepted(response: Response<Body>, bounds: Bounds) -> Result<Body, FetchError> {
    let status = response.status();
    let text = |name| {
        let value: Option<&header::HeaderValue> = response.headers().get(name);
        value.and_then(|value| value.to_str().ok())
    };
    if status.is_redirection() {
        let to = text(header::LOCATION).unwrap_or("nowhere").to_owned();
        return Err(FetchError::PlainRedirect(Address::shown(&to)));
    }
    if status.as_u16() != 200 {
        return Err(FetchError::Status(status));
    }
    if text(header::CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("text/html")) {
        return Err(FetchError::Page);
    }
    if let Some(length) = response.body().content_length()
        && length > bounds.bytes
    {
        return Err(FetchError::TooLong(bounds.bytes));
    }
    Ok(response.into_body())
}

fn read(body: Body, bounds: Bounds) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    // One byte more than is allowed tells that there are more.
    let reader = body.into_with_config().limit(bounds.bytes + 2).reader();
    reader
        .take(bounds.bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| FetchError::call(error.into(), bounds))?;
    if bytes.len() as u64 > bounds.bytes {
        return Err(FetchError::TooLong(bounds.bytes));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
