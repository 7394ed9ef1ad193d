//! Why nothing came from a URL, and what to try.

use std::io;

use ureq::Error;
use ureq::http::StatusCode;

use super::{Address, Bounds};
use crate::failure::Failure;

/// Why nothing came.
#[derive(Debug)]
pub(super) enum FetchError {
    /// The system has no certificates to trust, and why they were not read.
    NoRoots(Option<rustls_native_certs::Error>),
    /// Another answer than 200.
    Status(StatusCode),
    /// A redirect from plain http, to there.
    PlainRedirect(String),
    /// A redirect from `https://` to something else, to there.
    DowngradingRedirect(String),
    /// More redirects than this.
    TooManyRedirects(u32),
    /// A page for a browser.
    Page,
    /// More bytes than this.
    TooLong(u64),
    /// Nothing in this many seconds, while doing this.
    TooSlow(u64, String),
    /// The server's certificate is not trusted.
    Certificate(rustls::CertificateError),
    /// The name of the host has no address.
    NoHost,
    /// Anything else on the way.
    Broken(Error),
}

impl FetchError {
    /// The client's error in words that say what to try.
    pub(super) fn call(error: Error, bounds: Bounds) -> Self {
        match error {
            Error::RequireHttpsOnly(to) => Self::DowngradingRedirect(Address::shown(&to)),
            Error::TooManyRedirects => Self::TooManyRedirects(bounds.redirects),
            Error::HostNotFound => Self::NoHost,
            Error::Timeout(what) => {
                let limit = match what {
                    ureq::Timeout::Resolve | ureq::Timeout::Connect => bounds.connect,
                    _ => bounds.total,
                };
                Self::TooSlow(limit.as_secs(), what.to_string())
            }
            Error::Rustls(rustls::Error::InvalidCertificate(why)) => Self::Certificate(why),
            Error::Io(error) => match certificate(&error) {
                Some(why) => Self::Certificate(why),
                None => Self::Broken(Error::Io(error)),
            },
            other => Self::Broken(other),
        }
    }

    /// The verb's failure to read `address`.
    pub(super) fn of(self, address: &Address) -> Failure {
        let failure = |why: String| Failure::unasked(format!("fetch `{}`: {why}", address.name()));
        match self {
            Self::NoRoots(why) => {
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                failure(format!("this system names no certificates to trust{why}"))
                    .help("install the package ca-certificates, or name a file of them in SSL_CERT_FILE")
            }
            Self::Status(status) => {
                failure(format!("the server answers {status}")).help(match status.as_u16() {
                    401 | 403 | 407 => {
                        "porthole sends no credentials; fetch it with a program that does, and give the file"
                    }
                    404 | 410 => "check the path; a branch or a file may have been renamed",
                    500.. => "the server is at fault; try again later",
                    _ => "give a URL that answers 200 with the manifest itself",
                })
            }
            Self::PlainRedirect(to) => failure(format!(
                "it redirects to `{to}`, and a redirect from plain http is not followed"
            ))
            .help("give the URL that it redirects to"),
            Self::DowngradingRedirect(to) => failure(format!(
                "it redirects to `{to}`, which is not encrypted, and is not followed"
            ))
            .help("give a URL that stays with https://"),
            Self::TooManyRedirects(limit) => failure(format!("it redirects more than {limit} times"))
                .help("give the URL of the file itself"),
            Self::Page => failure("it is an HTML page, not a manifest".to_owned())
                .help("give the URL of the file itself, which pages of source code call \"raw\""),
            Self::TooLong(limit) => failure(format!(
                "it is longer than {limit} bytes, the limit of a manifest"
            ))
            .help("give the URL of one manifest"),
            Self::TooSlow(seconds, what) => failure(format!("not done within {seconds} s ({what})"))
                .help("check the network and the proxy (HTTPS_PROXY), or fetch it first and give the file"),
            Self::Certificate(why) => failure(format!("the server's certificate is not trusted: {why}"))
                .help("where its authority is your own, name the authority's certificate in SSL_CERT_FILE"),
            Self::NoHost => failure("its host has no address".to_owned())
                .help("check the host's name, the network and the proxy (HTTPS_PROXY)"),
            Self::Broken(error) => {
                let why = match error {
                    Error::Io(error) => error.to_string(),
                    other => other.to_string(),
                };
                failure(why).help(
                    "check the network and the proxy (HTTPS_PROXY), or fetch it first and give the file",
                )
            }
        }
    }
}

/// What is wrong with a certificate, where that is what an input or output error wraps.
fn certificate(error: &io::Error) -> Option<rustls::CertificateError> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(why)) => Some(why.clone()),
        _ => match inner.downcast_ref::<Error>()? {
            Error::Rustls(rustls::Error::InvalidCertificate(why)) => Some(why.clone()),
            _ => None,
        },
    }
}
