//! What can go wrong between porthole and a registry, and what to try.

use std::io;

use super::credentials::CredentialsError;
use super::reference::ReferenceError;
use crate::Digest;

/// The result of work with a registry.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with registries. No text of it has a password or token in it, whatever the registry answers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no reference to an image.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The credentials cannot be had.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The image, or the store.
    #[error(transparent)]
    Store(#[from] crate::Error),
    /// A platform that was asked for is no platform.
    #[error("platform {text:?} is not OS/ARCH or OS/ARCH/VARIANT, such as windows/amd64 or linux/arm/v7")]
    Platform {
        /// What was given.
        text: String,
    },
    /// The image is not for a platform that was asked for.
    #[error("{reference} is not for {wanted}; it is for {available}")]
    NoPlatform {
        /// The image.
        reference: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// Certificates to trust cannot be read.
    #[error("read the certificates to trust{of}")]
    Roots {
        /// From where.
        of: String,
        /// Why not.
        source: io::Error,
    },
    /// An answer, or that there is none.
    #[error("{doing}: {problem}")]
    Registry {
        /// What was asked for, with the URL.
        doing: String,
        /// What came.
        problem: Problem,
    },
}

impl Error {
    /// What to try.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Registry { problem, .. } => problem.help(),
            Self::NoPlatform { .. } => Some("name one of them with --platform"),
            Self::Roots { .. } => {
                Some("install the package ca-certificates, or name a file of certificates with --tls-ca")
            }
            _ => None,
        }
    }
}

/// What a registry answered, or why nothing came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Another status than is wanted.
    #[error("the registry answers {status}{}", listed(.codes))]
    Status {
        /// The status.
        status: u16,
        /// Codes of errors that the answer lists.
        codes: Vec<String>,
    },
    /// There is no such thing.
    #[error("not found{}", listed(.0))]
    NotFound(Vec<String>),
    /// Credentials are missing or do not suffice.
    #[error("access denied ({status}); {}", if *.known { "the credentials do not suffice" } else { "there are no credentials for this registry" })]
    Denied {
        /// 401 or 403.
        status: u16,
        /// Whether credentials were there.
        known: bool,
    },
    /// The registry asks for an authentication that is not understood or not safe.
    #[error("the registry asks for authentication that cannot be given: {0}")]
    Challenge(String),
    /// A server that wants TLS answers so, and so may one that does not.
    #[error("the registry answers plain http with status 400{}", listed(.0))]
    MayWantTls(Vec<String>),
    /// A body that goes on beyond its limit.
    #[error("the answer is longer than {0} bytes")]
    TooLong(u64),
    /// A body that ends before its size.
    #[error("the answer ends after {actual} of {expected} bytes")]
    Short {
        /// Bytes that there should be.
        expected: u64,
        /// Bytes that came.
        actual: u64,
    },
    /// Content that is not what its digest says.
    #[error("what came is {actual}, not {expected}")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// Content of another size than its descriptor says.
    #[error("{actual} bytes came where the descriptor says {expected}")]
    Size {
        /// Bytes by the descriptor.
        expected: u64,
        /// Bytes that came or were announced.
        actual: u64,
    },
    /// Something that porthole does not take.
    #[error("{0}")]
    Refused(String),
    /// More redirects than are followed.
    #[error("it redirects more than {0} times")]
    Redirects(u32),
    /// A redirect or location that is not followed.
    #[error("it leads to {to}, {why}")]
    Astray {
        /// Where to, without its query.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// A wait that is longer than anybody would wait.
    #[error("the registry asks to wait {0} s before trying again")]
    Busy(u64),
    /// Nothing, or hardly anything, for too long.
    #[error("too slow: {0}")]
    Slow(String),
    /// The certificate is not trusted.
    #[error("the server's certificate is not trusted: {0}")]
    Certificate(String),
    /// The host has no address.
    #[error("its host has no address")]
    NoHost,
    /// The connection, or the protocol spoken on it.
    #[error("{0}")]
    Broken(String),
}

impl Problem {
    /// Whether trying again may help.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Status { status, .. } => passing(*status),
            Self::Short { .. } | Self::Slow(_) | Self::Broken(_) => true,
            _ => false,
        }
    }

    fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Denied { known: false, .. } => {
                "log in with a client that writes docker's credentials file, or name such a file with --authfile"
            }
            Self::Denied { .. } => "check the name, and that the account in the credentials file may use it",
            Self::NotFound(_) => {
                "check the name and the tag; some registries say this where access is denied"
            }
            Self::Certificate(_) => "where its authority is your own, name its certificate with --tls-ca",
            Self::MayWantTls(_) => {
                "where it speaks TLS, add --plain-http=false, or --tls-ca with the certificate of its authority"
            }
            Self::NoHost => "check the registry's name, the network and the proxy (HTTPS_PROXY)",
            Self::Astray { .. } => "use a registry that answers over https itself",
            Self::Busy(_) | Self::Status { status: 500.., .. } => "try again later",
            Self::Digest { .. } | Self::Size { .. } => {
                "the registry, or a proxy before it, gives out wrong content; tell whoever runs it"
            }
            Self::Slow(_) => "try again: what came is kept, and the rest is asked for",
            Self::Broken(_) => {
                "check the network and the proxy (HTTPS_PROXY); a registry without TLS needs --plain-http"
            }
            _ => return None,
        })
    }
}

/// Whether a status may be another one soon.
pub(super) fn passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

fn listed(codes: &[String]) -> String {
    if codes.is_empty() {
        String::new()
    } else {
        format!(" ({})", codes.join(", "))
    }
}
