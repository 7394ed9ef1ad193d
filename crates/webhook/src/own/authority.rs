//! An authority of our own: its key, its certificate, and the certificates that it signs.
//!
//! All keys are ECDSA on P-256. An authority is named after its key, so that two of them are never taken for each other, and
//! its certificate needs not be read to sign by it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use zeroize::{Zeroize as _, Zeroizing};

use crate::certificate::{Validity, provider};

/// How long before it is made a certificate is valid, in seconds: for those whose clocks are behind.
pub(crate) const BACKDATED: i64 = 3600;

/// Why nothing can be signed: names that no certificate can be for, or no randomness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("make a certificate: {0}")]
pub struct SignError(String);

impl SignError {
    pub(crate) fn new(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl From<rcgen::Error> for SignError {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

/// A private key, wiped when it is dropped.
pub(super) struct Key(KeyPair);

impl Key {
    /// A new one.
    pub(super) fn generate() -> Result<Self, SignError> {
        Ok(Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))
    }

    /// One that was made before.
    pub(super) fn from_pem(pem: &str) -> Result<Self, SignError> {
        Ok(Self(KeyPair::from_pem(pem)?))
    }

    /// What signs with it.
    pub(super) const fn pair(&self) -> &KeyPair {
        &self.0
    }

    pub(super) fn pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// What is called after it is called so: 64 bits of SHA-256 of the public key.
    pub(super) fn id(&self) -> u64 {
        let digest = Sha256::digest(self.0.public_key_raw());
        let first = digest.iter().take(8);
        first.fold(0, |id, byte| id << 8 | u64::from(*byte))
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// An authority that can sign.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    validity: Validity,
    key: Key,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: Zeroizing<String>,
}

impl Authority {
    /// A new one.
    pub(crate) fn make(now: i64, seconds: i64) -> Result<Self, SignError> {
        let key = Key::generate()?;
        let mut parameters = parameters(&key);
        stamp(&mut parameters, now, now.saturating_add(seconds));
        parameters.serial_number = Some(serial()?);
        let certificate = parameters.self_signed(&key.0)?.der().clone();
        let validity = Validity::of(&certificate).ok_or_else(|| SignError::new("it has no validity"))?;
        Ok(Self {
            certificate,
            validity,
            key,
        })
    }

    /// One that was made before; nothing where certificate and key are none of ours or do not belong together: it is tried.
    pub(crate) fn of(certificate: &CertificateDer<'static>, key: &str, now: i64) -> Option<Self> {
        let authority = Self {
            certificate: certificate.clone(),
            validity: Validity::of(certificate)?,
            key: Key::from_pem(key).ok()?,
        };
        let names = ["localhost".to_owned()];
        let leaf = authority.sign(&Key::generate().ok()?, &names, now, 60).ok()?;
        verifies(&leaf, std::slice::from_ref(certificate), now).then_some(authority)
    }

    pub(crate) const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn key(&self) -> Zeroizing<String> {
        self.key.pem()
    }

    /// A server's certificate for these names, valid for so long, and no longer than the authority itself.
    pub(crate) fn issue(&self, names: &[String], now: i64, seconds: i64) -> Result<Leaf, SignError> {
        let key = Key::generate()?;
        let certificate = self.sign(&key, names, now, seconds)?;
        Ok(Leaf {
            certificate: pem_of(&certificate),
            key: key.pem(),
        })
    }

    fn sign(
        &self,
        key: &Key,
        names: &[String],
        now: i64,
        seconds: i64,
    ) -> Result<CertificateDer<'static>, SignError> {
        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name
            .push(DnType::CommonName, "porthole-webhook");
        stamp(
            &mut leaf,
            now,
            now.saturating_add(seconds).min(self.validity.until),
        );
        leaf.serial_number = Some(serial()?);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let own = parameters(&self.key);
        let certificate = leaf.signed_by(&key.0, &Issuer::from_params(&own, &self.key.0))?;
        Ok(certificate.der().clone())
    }
}

/// A certificate that nobody trusts, for the time before there is one; also whether there can be one for these names.
pub(crate) fn placeholder(names: &[String], now: i64) -> Result<Leaf, SignError> {
    Authority::make(now, 86_400)?.issue(names, now, 86_400)
}

/// What is the same in every certificate of the authority of that key.
fn parameters(key: &Key) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(
        DnType::CommonName,
        format!("porthole-webhook authority {:016x}", key.id()),
    );
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

/// Positive, of 16 bytes: RFC 5280 §4.1.2.2.
fn serial() -> Result<SerialNumber, SignError> {
    let mut bytes = [0; 16];
    let filled = provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| SignError::new("there is no randomness"))?;
    bytes[0] = bytes[0] & 0x7F | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// A certificate that is made now is valid until then.
fn stamp(parameters: &mut CertificateParams, now: i64, until: i64) {
    let epoch = date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + since_1970(now - BACKDATED);
    parameters.not_after = epoch + since_1970(until);
}

/// How long after the beginning of 1970 that is; a certificate can tell the time until the year 9999.
fn since_1970(seconds: i64) -> Duration {
    // 9999-12-31T23:59:59Z.
    Duration::from_secs(u64::try_from(seconds.clamp(0, 253_402_300_799)).unwrap_or_default())
}

/// Whether a server's certificate was signed by one of these authorities and is valid then.
pub(crate) fn verifies(leaf: &CertificateDer<'_>, authorities: &[CertificateDer<'_>], now: i64) -> bool {
    chain_verifies(std::slice::from_ref(leaf), authorities, now)
}

/// The same of one with those that are between it and its authority behind it.
pub(crate) fn chain_verifies(
    chain: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
    now: i64,
) -> bool {
    let Some((leaf, between)) = chain.split_first() else {
        return false;
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned().map(CertificateDer::into_owned));
    let Ok(leaf) = ParsedCertificate::try_from(leaf) else {
        return false;
    };
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or_default()));
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&leaf, &roots, between, now, algorithms).is_ok()
}

/// Whether a certificate is for all of these names.
pub(crate) fn covers(leaf: &CertificateDer<'_>, names: &[String]) -> bool {
    let Ok(leaf) = ParsedCertificate::try_from(leaf) else {
        return false;
    };
    names.iter().all(|name| {
        ServerName::try_from(name.as_str()).is_ok_and(|name| verify_server_name(&leaf, &name).is_ok())
    })
}

/// A certificate as PEM.
pub(crate) fn pem_of(certificate: &CertificateDer<'_>) -> String {
    pem("CERTIFICATE", certificate)
}

/// What is public, as PEM.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject as _;

    const NOW: i64 = 1_800_000_000;

    fn der(leaf: &Leaf) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_signed_verifies_for_its_names_its_time_and_its_authority_alone() {
        let names = ["webhook.ns.svc".to_owned(), "127.0.0.1".to_owned()];
        let authority = Authority::make(NOW, 1000).unwrap();
        let other = Authority::make(NOW, 1000).unwrap();
        let leaf = der(&authority.issue(&names, NOW, 500).unwrap());
        let by = |authority: &Authority, at| verifies(&leaf, &[authority.certificate().clone()], at);
        assert!(by(&authority, NOW) && by(&authority, NOW - BACKDATED) && by(&authority, NOW + 500));
        assert!(!by(&authority, NOW + 501) && !by(&authority, NOW - BACKDATED - 1) && !by(&other, NOW));
        assert!(covers(&leaf, &names) && !covers(&leaf, &["webhook.other.svc".to_owned()]));
        let long = der(&authority.issue(&names, NOW, 9000).unwrap());
        assert_eq!(
            Validity::of(&long).unwrap().until,
            NOW + 1000,
            "not longer than its authority"
        );
    }

    #[test]
    fn an_authority_is_its_certificate_with_its_key() {
        let (one, two) = (
            Authority::make(NOW, 1000).unwrap(),
            Authority::make(NOW, 1000).unwrap(),
        );
        let again = Authority::of(one.certificate(), &one.key(), NOW).unwrap();
        let leaf = der(&again.issue(&["a".to_owned()], NOW, 10).unwrap());
        assert!(verifies(&leaf, &[one.certificate().clone()], NOW));
        assert!(Authority::of(one.certificate(), &two.key(), NOW).is_none());
        assert!(Authority::of(one.certificate(), "no key", NOW).is_none());
        assert!(
            Authority::of(&leaf, &one.key(), NOW).is_none(),
            "a server's certificate"
        );
        assert!(
            Authority::of(one.certificate(), &one.key(), NOW + 1001).is_none(),
            "over"
        );
    }

    #[test]
    fn names_that_no_certificate_can_be_for_are_refused() {
        assert!(placeholder(&["bücher.example".to_owned()], NOW).is_err());
        assert!(placeholder(&["webhook.ns.svc".to_owned()], NOW).is_ok());
    }
}
