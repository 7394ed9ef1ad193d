//! The server's certificate and key: chosen anew for each handshake. They are read from files, again whenever those change, or
//! given by whoever makes them (`own`).
//!
//! A kubelet swaps a symbolic link above the files of a Secret, so the files are not watched: their contents are compared.
//! A pair that cannot be used leaves the one before it in place, whatever is wrong with it.

mod validity;

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use validity::Validity;
pub(crate) use validity::{element, seconds};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Where the pair is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate and those between it and its authority, as PEM.
    pub certificate: PathBuf,
    /// The private key, as PEM.
    pub key: PathBuf,
}

/// Why a pair cannot be used. Nothing of the key is in its text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("read {what} {}", path.display())]
    Read {
        /// What is in it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("read {what} {}: {reason}", path.display())]
    Form {
        /// What is in it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The pair in place is still valid, and what would come in its place is not.
    #[error("the new certificate {} is not valid now", .0.display())]
    NotValid(PathBuf),
}

/// A pair in use.
#[derive(Debug)]
struct Pair {
    key: Arc<CertifiedKey>,
    validity: Validity,
    digest: [u8; 32],
}

/// The pair that handshakes use.
pub struct Certificates {
    /// Where the pair is read from; nothing where it is given.
    files: Option<Files>,
    current: RwLock<Arc<Pair>>,
    /// What was last found and could not be used, so that it is told once.
    refused: Mutex<Option<[u8; 32]>>,
}

/// What reading the files again came to.
#[derive(Debug)]
pub enum Reload {
    /// They are as they were.
    Same,
    /// Handshakes use a new pair from now on.
    New,
    /// What is there now cannot be used; the pair before it stays. Told once for the same contents.
    Kept(CertificateError),
}

impl Certificates {
    /// Reads the pair for the first time.
    ///
    /// # Errors
    /// A file cannot be read, is no certificate or key, or they do not belong together.
    pub fn load(files: Files) -> Result<Self, CertificateError> {
        let (certificate, key) = read(&files)?;
        let pair = parse(&files, &certificate, &key)?;
        Ok(Self {
            files: Some(files),
            current: RwLock::new(Arc::new(pair)),
            refused: Mutex::new(None),
        })
    }

    /// Begins with a pair that nobody trusts, and that counts as not valid, until another one is given.
    pub(crate) fn placeholder(certificate: &[u8], key: &[u8]) -> Option<Self> {
        let mut pair = pair(certificate, key).ok()?;
        pair.validity = Validity { from: 0, until: 0 };
        Some(Self {
            files: None,
            current: RwLock::new(Arc::new(pair)),
            refused: Mutex::new(None),
        })
    }

    /// Uses another pair from now on. Whether it was another one.
    pub(crate) fn give(&self, certificate: &[u8], key: &[u8]) -> bool {
        if self.current().digest == digest(certificate, key) {
            return false;
        }
        let Ok(pair) = pair(certificate, key) else {
            return false;
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
        true
    }

    /// Reads the files again, and uses what they hold where it is new and good.
    pub fn reload(&self) -> Reload {
        let Some(files) = &self.files else {
            return Reload::Same;
        };
        let (certificate, key) = match read(files) {
            Ok(read) => read,
            Err(error) => return self.refuse([0; 32], error),
        };
        let digest = digest(&certificate, &key);
        let current = self.current();
        if current.digest == digest {
            return Reload::Same;
        }
        let pair = match parse(files, &certificate, &key) {
            Ok(pair) => pair,
            Err(error) => return self.refuse(digest, error),
        };
        let now = SystemTime::now();
        if !pair.validity.holds(now) && current.validity.holds(now) {
            return self.refuse(digest, CertificateError::NotValid(files.certificate.clone()));
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Reload::New
    }

    /// From when until when the certificate in use is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.current().validity
    }

    fn current(&self) -> Arc<Pair> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn refuse(&self, digest: [u8; 32], error: CertificateError) -> Reload {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.replace(digest) == Some(digest) {
            return Reload::Same;
        }
        Reload::Kept(error)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().key))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Certificates")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// TLS 1.2 and 1.3 by ring.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn digest(certificate: &[u8], key: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((certificate.len() as u64).to_be_bytes());
    hash.update(certificate);
    hash.update(key);
    hash.finalize().into()
}

fn read(files: &Files) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), CertificateError> {
    let certificate = read_file(&files.certificate, "the certificate")?;
    Ok((certificate.to_vec(), read_file(&files.key, "the key")?))
}

fn read_file(path: &Path, what: &'static str) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    // With its final capacity nothing of a key is left behind where the buffer grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|source| CertificateError::Read {
        what,
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > LONGEST {
        return Err(CertificateError::Form {
            what,
            path: path.to_owned(),
            reason: format!("it is longer than {LONGEST} bytes"),
        });
    }
    Ok(bytes)
}

/// Reads a file that is text.
pub(crate) fn read_text(path: &Path, what: &'static str) -> Result<String, CertificateError> {
    let bytes = read_file(path, what)?;
    let text = std::str::from_utf8(&bytes).map(str::to_owned);
    text.map_err(|_| CertificateError::Form {
        what,
        path: path.to_owned(),
        reason: "it is no text".to_owned(),
    })
}

fn parse(files: &Files, certificate: &[u8], key: &[u8]) -> Result<Pair, CertificateError> {
    pair(certificate, key).map_err(|PairError { of_key, reason }| CertificateError::Form {
        what: if of_key { "the key" } else { "the certificate" },
        path: if of_key { &files.key } else { &files.certificate }.clone(),
        reason,
    })
}

/// Whether a certificate and a key, as PEM, can be used together.
pub(crate) fn is_pair(certificate: &[u8], key: &[u8]) -> bool {
    pair(certificate, key).is_ok()
}

/// What is wrong with a pair.
struct PairError {
    of_key: bool,
    reason: String,
}

fn pair(certificate: &[u8], key: &[u8]) -> Result<Pair, PairError> {
    let wrong = |of_key, reason: &str| PairError {
        of_key,
        reason: reason.to_owned(),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong(false, "it is no certificate in PEM"))?;
    let leaf = chain
        .first()
        .ok_or_else(|| wrong(false, "there is no certificate in it"))?;
    let validity = Validity::of(leaf).ok_or_else(|| wrong(false, "it does not say how long it is valid"))?;
    let private =
        PrivateKeyDer::from_pem_slice(key).map_err(|_| wrong(true, "it is no private key in PEM"))?;
    let certified = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => "it is not the key of the certificate".to_owned(),
            other => format!("it cannot be used: {other}"),
        };
        wrong(true, &reason)
    })?;
    Ok(Pair {
        key: Arc::new(certified),
        validity,
        digest: digest(certificate, key),
    })
}

#[cfg(test)]
mod tests;
