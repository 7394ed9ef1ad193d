//! What the Secret holds where somebody else signs.
//!
//! `tls.crt` and `tls.key` are what the webhook serves, `ca.crt` has the authorities by which it is trusted, `next.key` is the
//! key of what the signer is asked for, and `next.csr` is what it is asked. Whatever else is in the Secret stays as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::plan::{Issued, Served};
use super::request::{Next, Progress, Wanted};
use crate::certificate::{Validity, is_pair};
use crate::own::authority::{Leaf, SignError, chain_verifies, covers};
use crate::own::contents::{Object, Problem, authorities, bundle, is_valid};

/// The most authorities that a signer may have: all of them come into the caBundle, so that none signs what is not trusted.
const MOST: usize = 7;

/// The authorities that a file lists; why it cannot be used, to be read after its name.
pub(crate) fn signers(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let signers = authorities(text).ok_or("is no list of certificates in PEM")?;
    match signers.len() {
        0..=MOST => Ok(signers),
        count => Err(format!("has {count} authorities, and at most {MOST} are trusted")),
    }
}

/// A pair that can be served.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) leaf: Leaf,
    certificate: CertificateDer<'static>,
    pub(crate) validity: Validity,
    /// Who has signed it.
    pub(crate) authority: CertificateDer<'static>,
}

impl Held {
    /// The pair, where one of these authorities has signed it and it can be used now; else why not.
    fn of(leaf: Leaf, authorities: &[CertificateDer<'static>], now: i64) -> Result<Self, &'static str> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(leaf.certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| "the certificate is none in PEM")?;
        let certificate = chain.first().ok_or("there is no certificate")?.clone();
        let validity =
            Validity::of(&certificate).ok_or("the certificate does not say how long it is valid")?;
        if !validity.holds_at(now) {
            return Err("the certificate is not valid now");
        }
        if !is_pair(leaf.certificate.as_bytes(), leaf.key.as_bytes()) {
            return Err("the certificate is of another key");
        }
        let has_signed = |authority: &&CertificateDer<'static>| {
            chain_verifies(&chain, std::slice::from_ref(*authority), now)
        };
        let authority = authorities.iter().find(has_signed);
        Ok(Self {
            authority: authority
                .ok_or("no authority of the signer has signed the certificate")?
                .clone(),
            certificate,
            validity,
            leaf,
        })
    }
}

/// What of a Secret can be used at a time.
#[derive(Default)]
pub(crate) struct Signed {
    pub(crate) held: Option<Held>,
    /// The authorities that it names.
    named: Vec<CertificateDer<'static>>,
    /// What the signer is asked for.
    pub(crate) next: Option<Next>,
    /// What is wrong with it.
    pub(crate) faults: Vec<&'static str>,
    is_recalled: bool,
}

impl Signed {
    /// What of a Secret can be used now, with the signer's authorities of today.
    pub(crate) fn read(secret: &Object, signers: &[CertificateDer<'static>], now: i64) -> Self {
        let mut contents = Self::default();
        let mut entry = |name: &str, fault: &'static str| match secret.entry(name) {
            Ok(text) => Some(text),
            Err(Problem::Absent) => None,
            Err(Problem::Broken) => {
                contents.faults.push(fault);
                None
            }
        };
        let named = entry("ca.crt", "ca.crt is no text in base64");
        let certificate = entry("tls.crt", "tls.crt is no text in base64");
        let key = entry("tls.key", "tls.key is no text in base64");
        let next = entry("next.key", "next.key is no text in base64");
        let request = entry("next.csr", "next.csr is no text in base64");
        contents.next = next.zip(request).map(|(key, request)| Next {
            key,
            request: request.to_string(),
        });
        contents.named = named.and_then(|named| authorities(&named)).unwrap_or_default();
        if let (Some(certificate), Some(key)) = (certificate, key) {
            let leaf = Leaf {
                certificate: certificate.to_string(),
                key,
            };
            // The authorities of before count as well: what they have signed is trusted until it is replaced.
            let known: Vec<_> = signers.iter().chain(&contents.named).cloned().collect();
            match Held::of(leaf, &known, now) {
                Ok(held) => contents.held = Some(held),
                Err(fault) => contents.faults.push(fault),
            }
        }
        contents
    }

    /// Takes the pair from before where the Secret's cannot be used.
    pub(crate) fn recall(&mut self, before: &Held, now: i64) {
        if self.held.is_none() && before.validity.holds_at(now) {
            self.held = Some(before.clone());
            self.is_recalled = true;
        }
    }

    /// Whom to trust: the signer's authorities of today, and whoever has signed what is served.
    pub(crate) fn trusted(
        &self,
        signers: &[CertificateDer<'static>],
        now: i64,
    ) -> Vec<CertificateDer<'static>> {
        let mut trusted: Vec<CertificateDer<'static>> = Vec::new();
        let signed = self.held.iter().map(|held| &held.authority);
        for authority in signed.chain(signers.iter().filter(|authority| is_valid(authority, now))) {
            if !trusted.contains(authority) {
                trusted.push(authority.clone());
            }
        }
        trusted
    }

    /// Whether the Secret names them.
    pub(crate) fn names(&self, trusted: &[CertificateDer<'static>]) -> bool {
        self.named == trusted
    }

    /// The pair, as far as it decides what is next.
    pub(crate) fn served(&self, names: &[String], signers: &[CertificateDer<'static>]) -> Option<Served> {
        self.held.as_ref().map(|held| Served {
            validity: held.validity,
            covers: covers(&held.certificate, names),
            is_current: signers.contains(&held.authority),
            is_recalled: self.is_recalled,
        })
    }

    /// What was issued for the next key, or why it cannot be used.
    pub(crate) fn issued(
        &self,
        request: Option<&Progress>,
        names: &[String],
        signers: &[CertificateDer<'static>],
        now: i64,
    ) -> Result<Held, &'static str> {
        let (Some(Progress::Issued(certificate)), Some(next)) = (request, &self.next) else {
            return Err("nothing is issued");
        };
        let leaf = Leaf {
            certificate: certificate.clone(),
            key: next.key.clone(),
        };
        // Those that are trusted, and no others: an authority may be over before what it has signed.
        let valid = signers.iter().filter(|authority| is_valid(authority, now));
        let held = Held::of(leaf, &valid.cloned().collect::<Vec<_>>(), now)?;
        if covers(&held.certificate, names) {
            Ok(held)
        } else {
            Err("the certificate is not for all names of the webhook")
        }
    }

    /// How good that is beside what is served.
    pub(crate) fn compare(&self, issued: Option<&Held>) -> Issued {
        match (issued, &self.held) {
            (None, _) => Issued::Unusable,
            (Some(issued), Some(held)) if issued.authority == held.authority => Issued::ByTheSame,
            (Some(_), _) => Issued::ByAnother,
        }
    }

    /// The signer is asked with a new key next.
    pub(crate) fn begin(&mut self, wanted: &Wanted<'_>) -> Result<(), SignError> {
        self.next = Some(wanted.begin()?);
        Ok(())
    }

    /// What was issued is served, and nothing is asked for.
    pub(crate) fn take(&mut self, issued: Held) {
        self.held = Some(issued);
        self.next = None;
    }

    /// Until when the authority of the pair is valid.
    pub(crate) fn authority_until(&self) -> i64 {
        let validity = self.held.as_ref().and_then(|held| Validity::of(&held.authority));
        validity.map_or(0, |validity| validity.until)
    }

    /// What goes into the Secret. What is not there is empty: a Secret of this type has to have both entries of a pair.
    pub(crate) fn data(&self, trusted: &[CertificateDer<'_>]) -> [(&'static str, Zeroizing<String>); 5] {
        let leaf = self.held.as_ref().map(|held| &held.leaf);
        let next = self.next.as_ref();
        let encode = |text: Option<&str>| Zeroizing::new(STANDARD.encode(text.unwrap_or_default()));
        [
            ("ca.crt", encode(Some(&bundle(trusted)))),
            ("tls.crt", encode(leaf.map(|leaf| leaf.certificate.as_str()))),
            ("tls.key", encode(leaf.map(|leaf| leaf.key.as_str()))),
            ("next.key", encode(next.map(|next| next.key.as_str()))),
            ("next.csr", encode(next.map(|next| next.request.as_str()))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::authority::Authority;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;

    fn secret(data: &Value) -> Object {
        Object(json!({"data": data}))
    }

    #[test]
    fn a_secret_that_is_damaged_is_told_and_nothing_of_it_is_served() {
        let authority = Authority::make(NOW, 1000).unwrap();
        let (one, two) = (
            authority.issue(&["a".to_owned()], NOW, 500).unwrap(),
            authority.issue(&["a".to_owned()], NOW, 500).unwrap(),
        );
        let signers = [authority.certificate().clone()];
        let encode = |text: &str| json!(STANDARD.encode(text));
        let of = |data: Value, now| {
            let contents = Signed::read(&secret(&data), &signers, now);
            (contents.held.is_some(), contents.faults)
        };
        let pair =
            |certificate: &str, key: &str| json!({"tls.crt": encode(certificate), "tls.key": encode(key)});
        assert_eq!(of(pair(&one.certificate, &one.key), NOW), (true, vec![]));
        for (data, now, fault) in [
            (
                pair(&one.certificate, &two.key),
                NOW,
                "the certificate is of another key",
            ),
            (
                pair(&one.certificate, &one.key),
                NOW + 501,
                "the certificate is not valid now",
            ),
            (pair("nothing", &one.key), NOW, "there is no certificate"),
            (json!({"next.key": "%"}), NOW, "next.key is no text in base64"),
            (json!({"next.csr": "%"}), NOW, "next.csr is no text in base64"),
            (json!({"ca.crt": [1]}), NOW, "ca.crt is no text in base64"),
        ] {
            assert_eq!(of(data, now), (false, vec![fault]));
        }
        assert_eq!(
            of(json!({"tls.crt": "", "tls.key": ""}), NOW),
            (false, vec![]),
            "as it is made"
        );
        let others = Authority::make(NOW, 1000).unwrap();
        let contents = Signed::read(
            &secret(&pair(&one.certificate, &one.key)),
            std::slice::from_ref(others.certificate()),
            NOW,
        );
        assert_eq!(
            contents.faults,
            ["no authority of the signer has signed the certificate"]
        );
    }
    #[test]
    fn a_signer_of_more_authorities_than_can_be_trusted_is_refused() {
        let authority = Authority::make(NOW, 1000).unwrap();
        let of = |count| signers(&bundle(&vec![authority.certificate().clone(); count]));
        assert_eq!(of(MOST).unwrap().len(), MOST);
        assert_eq!(
            of(MOST + 1).unwrap_err(),
            "has 8 authorities, and at most 7 are trusted"
        );
        for none in ["", "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n"] {
            assert_eq!(signers(none).unwrap_err(), "is no list of certificates in PEM");
        }
    }

    #[test]
    fn what_an_authority_has_signed_that_is_over_is_not_taken() {
        let names = ["webhook.ns.svc".to_owned()];
        let (key, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let authority = |year| {
            let mut parameters = CertificateParams::default();
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            parameters.not_after = date_time_ymd(year, 1, 1);
            parameters
        };
        let leaf = CertificateParams::new(names.to_vec()).unwrap();
        let leaf = leaf.signed_by(&own, &Issuer::from_params(&authority(2030), &key));
        let contents = Signed {
            next: Some(Next {
                key: Zeroizing::new(own.serialize_pem()),
                request: String::new(),
            }),
            ..Signed::default()
        };
        let issued = Progress::Issued(leaf.unwrap().pem());
        let of = |year| {
            let signer = authority(year).self_signed(&key).unwrap().der().clone();
            let issued = contents.issued(Some(&issued), &names, &[signer], NOW);
            issued.map(drop)
        };
        // It is 2027.
        assert_eq!(of(2030), Ok(()));
        assert_eq!(
            of(2026),
            Err("no authority of the signer has signed the certificate")
        );
    }
}
