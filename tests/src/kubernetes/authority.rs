//! Who signs certificates, for tests.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::failure::{Doing, Result};

const MAKING: &str = "make certificates";

/// An authority.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new() -> Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().doing(MAKING)?;
        Ok(Self(CertifiedIssuer::self_signed(parameters, key).doing(MAKING)?))
    }

    /// Its certificate, as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its key, as PEM.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.key().serialize_pem()
    }

    /// A certificate for these names and its key, as PEM, valid until the first day of that year.
    ///
    /// # Errors
    /// A name is none.
    pub fn pair(&self, names: &[&str], until: i32) -> Result<(String, String)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).doing(MAKING)?;
        parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().doing(MAKING)?;
        let certificate = parameters.signed_by(&key, &self.0).doing(MAKING)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}
