//! What the Secret holds.
//!
//! `ca.crt` has the authorities that are trusted, the newest first: the caBundle of the webhook configurations. `ca.key` is the
//! newest one's key; those of the others are destroyed. `tls.crt` and `tls.key` are what the webhook serves. Whatever else is in
//! the Secret stays as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use super::authority::{Authority, Leaf, SignError, covers, pem_of, verifies};
use crate::certificate::{Validity, is_pair};

/// The longest entry that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// The most authorities that are kept.
const MOST: usize = 8;

/// The pair of the Secret.
pub(crate) struct Held {
    pub(crate) leaf: Leaf,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) validity: Validity,
    /// Which of the authorities has signed it.
    pub(crate) signer: usize,
}

/// What of a Secret can be used at a time.
#[derive(Default)]
pub(crate) struct Contents {
    /// Trusted authorities, the newest first.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// The newest one's key.
    pub(crate) signing: Option<Authority>,
    pub(crate) held: Option<Held>,
    /// What is wrong with it.
    pub(crate) faults: Vec<&'static str>,
    /// Whether the pair is one from before, and not the Secret's.
    pub(crate) is_recalled: bool,
}

impl Contents {
    /// Those of a Secret that is not there.
    pub(crate) fn absent() -> Self {
        Self {
            faults: vec!["it is not there"],
            ..Self::default()
        }
    }

    /// What of a Secret can be used now.
    pub(crate) fn read(secret: &Object, now: i64) -> Self {
        let mut contents = Self::default();
        let mut entry = |name: &str, faults: [&'static str; 2]| match secret.entry(name) {
            Ok(text) => Some(text),
            Err(problem) => {
                contents
                    .faults
                    .push(faults[usize::from(problem == Problem::Broken)]);
                None
            }
        };
        let bundle = entry("ca.crt", ["ca.crt is missing", "ca.crt is no text in base64"]);
        let key = entry("ca.key", ["ca.key is missing", "ca.key is no text in base64"]);
        let certificate = entry("tls.crt", ["tls.crt is missing", "tls.crt is no text in base64"]);
        let private = entry("tls.key", ["tls.key is missing", "tls.key is no text in base64"]);
        if let Some(bundle) = bundle {
            contents.trust(&bundle, now);
        }
        if let (Some(newest), Some(key)) = (contents.authorities.first(), key) {
            contents.signing = Authority::of(newest, &key, now);
            if contents.signing.is_none() {
                contents
                    .faults
                    .push("ca.key is not the key of the first authority of ca.crt, or that one is none");
            }
        }
        if let (Some(certificate), Some(private)) = (certificate, private) {
            contents.hold(&certificate, private, now);
        }
        contents
    }

    fn trust(&mut self, bundle: &str, now: i64) {
        let Some(all) = authorities(bundle) else {
            self.faults.push("ca.crt is no list of certificates in PEM");
            return;
        };
        let newest_is_over = all.first().is_none_or(|newest| !is_valid(newest, now));
        if newest_is_over {
            self.faults.push("the newest authority is not valid now");
        }
        self.authorities = all;
        self.authorities.retain(|authority| is_valid(authority, now));
        self.authorities.truncate(MOST);
    }

    fn hold(&mut self, certificate: &str, key: Zeroizing<String>, now: i64) {
        let leaf = Leaf {
            certificate: certificate.to_owned(),
            key,
        };
        match self.judge(leaf, now) {
            Ok(held) => self.held = Some(held),
            Err(fault) => self.faults.push(fault),
        }
    }

    /// The pair with the authority that has signed it, or why it cannot be used.
    fn judge(&self, leaf: Leaf, now: i64) -> Result<Held, &'static str> {
        let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes())
            .map_err(|_| "tls.crt is no certificate in PEM")?;
        let validity = Validity::of(&certificate).ok_or("tls.crt does not say how long it is valid")?;
        if !validity.holds_at(now) {
            return Err("tls.crt is not valid now");
        }
        if !is_pair(leaf.certificate.as_bytes(), leaf.key.as_bytes()) {
            return Err("tls.key is not the key of tls.crt");
        }
        let has_signed = |authority| verifies(&certificate, std::slice::from_ref(authority), now);
        let signer = self.authorities.iter().position(has_signed);
        Ok(Held {
            signer: signer.ok_or("tls.crt is signed by no authority of ca.crt")?,
            leaf,
            certificate,
            validity,
        })
    }

    /// Takes the pair from before where the Secret's cannot be used, and where its key is lost: it goes on being trusted.
    pub(crate) fn recall(&mut self, before: &Good, now: i64) {
        if self.held.is_some() {
            return;
        }
        let mut recalled = Self {
            authorities: self.authorities.clone(),
            ..Self::default()
        };
        for authority in &before.authorities {
            if is_valid(authority, now) && !recalled.authorities.contains(authority) {
                recalled.authorities.push(authority.clone());
            }
        }
        let Ok(held) = recalled.judge(before.leaf.clone(), now) else {
            return;
        };
        self.authorities = recalled.authorities;
        self.held = Some(held);
        self.is_recalled = true;
    }

    /// The same with a new authority, whose key takes the place of the one before.
    pub(crate) fn begin(&mut self, authority: Authority) {
        self.authorities.insert(0, authority.certificate().clone());
        self.signing = Some(authority);
        if let Some(held) = &mut self.held {
            held.signer += 1;
        }
        // The one that has signed what is served is never forgotten.
        while self.authorities.len() > MOST {
            let last = self.authorities.len() - 1;
            let signer = self.held.as_ref().map(|held| held.signer);
            let at = if signer == Some(last) { last - 1 } else { last };
            self.authorities.remove(at);
            if let Some(held) = &mut self.held {
                held.signer = held.signer.min(self.authorities.len() - 1);
            }
        }
    }

    /// The newest authority signs what is served.
    pub(crate) fn issue(&mut self, names: &[String], now: i64, seconds: i64) -> Result<(), SignError> {
        let none = || SignError::new("no authority has its key");
        let leaf = self
            .signing
            .as_ref()
            .ok_or_else(none)?
            .issue(names, now, seconds)?;
        // It is tried before it is written.
        self.held = Some(self.judge(leaf, now).map_err(SignError::new)?);
        self.is_recalled = false;
        Ok(())
    }

    /// Until when the authority of the pair is valid.
    pub(crate) fn authority_until(&self) -> i64 {
        let signer = self.held.as_ref().map(|held| held.signer);
        let authority = signer.and_then(|signer| self.authorities.get(signer));
        authority
            .and_then(|authority| Validity::of(authority))
            .map_or(0, |validity| validity.until)
    }

    /// What goes into the Secret, where there is all of it.
    pub(crate) fn data(&self) -> Option<[(&'static str, Zeroizing<String>); 4]> {
        let (signing, held) = (self.signing.as_ref()?, self.held.as_ref()?);
        let encode = |text: &str| Zeroizing::new(STANDARD.encode(text));
        Some([
            ("ca.crt", encode(&bundle(&self.authorities))),
            ("ca.key", encode(&signing.key())),
            ("tls.crt", encode(&held.leaf.certificate)),
            ("tls.key", encode(&held.leaf.key)),
        ])
    }

    /// What is remembered of it; nothing where nothing can be served.
    pub(crate) fn good(&self) -> Option<Good> {
        self.held.as_ref().map(|held| Good {
            authorities: self.authorities.clone(),
            leaf: held.leaf.clone(),
        })
    }

    /// Whether the pair is for these names.
    pub(crate) fn covers(&self, names: &[String]) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| covers(&held.certificate, names))
    }
}

/// The last pair that could be used, and who was trusted then.
#[derive(Clone)]
pub(crate) struct Good {
    authorities: Vec<CertificateDer<'static>>,
    leaf: Leaf,
}

/// Those that a bundle lists; nothing where it is none.
pub(crate) fn authorities(bundle: &str) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(bundle.as_bytes())
        .collect::<Result<_, _>>()
        .ok()?;
    (!all.is_empty()).then_some(all)
}

/// A list of authorities as PEM.
pub(crate) fn bundle(authorities: &[CertificateDer<'_>]) -> String {
    authorities.iter().map(pem_of).collect()
}

/// Whether a certificate is valid then.
pub(crate) fn is_valid(certificate: &CertificateDer<'_>, now: i64) -> bool {
    Validity::of(certificate).is_some_and(|validity| validity.holds_at(now))
}

/// Why an entry of a Secret cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Absent,
    Broken,
}

/// A Secret, whose data are wiped when it is dropped.
pub(crate) struct Object(pub(crate) Value);

impl Object {
    /// A new one of that name.
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": namespace, "labels": super::labels()},
        }))
    }

    /// One of its entries as text.
    pub(crate) fn entry(&self, name: &str) -> Result<Zeroizing<String>, Problem> {
        let encoded = match &self.0["data"][name] {
            Value::String(encoded) if !encoded.is_empty() => encoded,
            Value::String(_) | Value::Null => return Err(Problem::Absent),
            _ => return Err(Problem::Broken),
        };
        if encoded.len() > LONGEST {
            return Err(Problem::Broken);
        }
        let bytes = STANDARD.decode(encoded).map_err(|_| Problem::Broken)?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(Problem::Broken)
            }
        }
    }

    /// Puts entries there, and leaves the others.
    pub(crate) fn put(&mut self, entries: impl IntoIterator<Item = (&'static str, Zeroizing<String>)>) {
        if !self.0["data"].is_object() {
            self.0["data"] = Value::Object(Map::new());
        }
        for (name, mut text) in entries {
            wipe(&mut self.0["data"][name]);
            self.0["data"][name] = Value::String(std::mem::take(&mut *text));
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let data = self.0.get_mut("data").and_then(Value::as_object_mut);
        data.into_iter().flatten().for_each(|(_, value)| wipe(value));
    }
}

fn wipe(value: &mut Value) {
    if let Value::String(text) = value {
        text.zeroize();
    }
}

#[cfg(test)]
mod tests;
