//! Certificates that somebody else signs: the cluster's signer, by a `CertificateSigningRequest`.
//!
//! The leader asks with a key that it keeps in the Secret, waits for whoever approves requests (or does it itself), and
//! puts what was issued beside its key. Every replica serves what is there. The caBundle has the signer's authorities, which
//! are read from a file again and again.

mod contents;
mod plan;
mod request;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use serde_json::Value;

use super::OwnCertificates;
use super::bundles::Bundles;
use super::contents::Object;
use super::keeper::{Looks, Shared, Then, Told};
use crate::api::ApiError;
use crate::certificate::{Certificates, read_text};
use crate::routes::tell_certificate;
use contents::{Held, Signed, signers};
use plan::{Around, State, Step, Taken, next, rest};
use request::{Progress, Wanted, approved, come_of};

/// Who signs instead of an authority of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// `spec.signerName`.
    pub name: String,
    /// Whether requests are approved here. Else somebody else has to.
    pub approves: bool,
    /// Its authorities, as PEM.
    pub authorities: PathBuf,
}

/// Whoever keeps the Secret.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    own: OwnCertificates,
    signer: Signer,
    certificates: Arc<Certificates>,
    names: Vec<String>,
    lifetime: i64,
    /// The last pair that could be served.
    good: Option<Held>,
    /// The signer's authorities, as they were last read.
    signers: Vec<CertificateDer<'static>>,
    bundles: Bundles,
    /// The request that was refused, and since when that is known.
    refused: Option<(String, i64)>,
    taken: Option<Taken>,
    told: Told,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        own: OwnCertificates,
        signer: Signer,
        certificates: Arc<Certificates>,
    ) -> Self {
        Self {
            shared,
            names: own.all_names(),
            lifetime: own.lifetimes().leaf,
            bundles: Bundles::new(&own),
            own,
            signer,
            certificates,
            good: None,
            signers: Vec::new(),
            refused: None,
            taken: None,
            told: Told::default(),
        }
    }

    /// Reads whom to trust; what was read before counts where that cannot be.
    async fn read_signers(&mut self) {
        let path = self.signer.authorities.clone();
        let read = tokio::task::spawn_blocking(move || read_text(&path, "the signer's authorities")).await;
        let read = match read {
            Ok(Ok(text)) => signers(&text).map_err(|reason| {
                let path = self.signer.authorities.display();
                format!("{path} {reason}")
            }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(signers) => {
                self.told.forget("signers");
                self.signers = signers;
            }
            Err(reason) => {
                let message = "the signer's authorities cannot be used";
                self.told.warn(&self.shared.log, "signers", message, &reason);
            }
        }
    }

    /// Serves the pair of the Secret.
    fn serve(&mut self, contents: &Signed) {
        let Some(held) = &contents.held else {
            return;
        };
        let leaf = &held.leaf;
        if self
            .certificates
            .give(leaf.certificate.as_bytes(), leaf.key.as_bytes())
        {
            self.shared.metrics.reloaded("new");
            tell_certificate(
                &self.certificates,
                &self.shared.log,
                "a new certificate is in use",
            );
        }
        self.good.clone_from(&contents.held);
        self.shared.metrics.authority(contents.authority_until());
    }

    fn tell_faults(&mut self, faults: &[&'static str]) {
        if faults.is_empty() {
            self.told.forget("contents");
        } else {
            let message =
                "the Secret of the certificates cannot be used as it is; another certificate is asked for";
            self.told
                .warn(&self.shared.log, "contents", message, &faults.join("; "));
        }
    }

    /// The request for the next key, with what has come of it; nothing where there is no such key.
    async fn request(&mut self, contents: &Signed) -> Result<(Option<Asked>, Option<Progress>), String> {
        let Some(next) = &contents.next else {
            return Ok((None, None));
        };
        // Where it cannot be asked with that key, another one is made.
        let Ok((name, object)) = self.wanted().request(&self.own.secret, next) else {
            return Ok((None, None));
        };
        let found = self
            .shared
            .objects
            .request(&name)
            .await
            .map_err(|error| error.to_string())?;
        let progress = come_of(&object, found.as_ref());
        self.told.forget("request");
        let object = found.unwrap_or(object);
        Ok((Some(Asked { name, object }), Some(progress)))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            names: &self.names,
            signer: &self.signer.name,
            lifetime: self.lifetime,
        }
    }

    /// Whether another request may be made after one that came to nothing.
    fn has_rested(
        &mut self,
        request: Option<&Asked>,
        state: &State,
        fault: Option<&&'static str>,
        now: i64,
    ) -> bool {
        let reason = match &state.request {
            Some(Progress::Refused(why)) => why.clone(),
            Some(Progress::Issued(_)) if state.issued == plan::Issued::Unusable => {
                fault.map_or_else(String::new, |fault| (*fault).to_owned())
            }
            _ => return false,
        };
        let name = request.map(|request| request.name.clone()).unwrap_or_default();
        let text = format!("{name}: {reason}");
        let message = "the request for a certificate came to nothing; another one is made after a while";
        self.told.warn(&self.shared.log, "refused", message, &text);
        // A signer may let certificates live for less than what it is asked for.
        let rest = rest(self.taken.map_or(self.lifetime, Taken::life));
        match &self.refused {
            Some((known, since)) if *known == name => now - since >= rest || *since > now,
            _ => {
                self.refused = Some((name, now));
                false
            }
        }
    }

    /// Says for whom it waits.
    fn wait(&mut self, state: &State) -> Then {
        let (log, signer) = (&self.shared.log, &self.signer.name);
        if state.request == Some(Progress::Unapproved) {
            let message = "a certificate is asked for; somebody has to approve the request";
            self.told.warn(log, "unapproved", message, signer);
        } else {
            self.told.forget("unapproved");
        }
        if state.request == Some(Progress::Unsigned) {
            let message = "the request for a certificate is approved, and not signed yet";
            self.told.warn(log, "unsigned", message, signer);
        } else {
            self.told.forget("unsigned");
        }
        Then::Rest
    }

    async fn take(&mut self, step: Step, mut work: Work) -> Then {
        // It may have taken a while.
        if !self.shared.leadership.leads() {
            return Then::Rest;
        }
        let taken = work.issued.as_ref().map(|issued| Taken {
            at: work.now,
            until: issued.validity.until,
        });
        let done = match step {
            Step::Ask | Step::Approve => self.send(step, work.request).await,
            Step::Key => match work.contents.begin(&self.wanted()) {
                Ok(()) => self.write(&work.contents, work.found, &work.trusted).await,
                Err(error) => {
                    self.told
                        .warn(&self.shared.log, "step", "no key can be made", &error);
                    return Then::Rest;
                }
            },
            Step::Take => {
                if let Some(issued) = work.issued {
                    work.contents.take(issued);
                }
                self.write(&work.contents, work.found, &work.trusted).await
            }
            Step::Restore | Step::Tell => self.write(&work.contents, work.found, &work.trusted).await,
        };
        match done {
            Ok(()) => {
                self.told.forget("step");
                if step == Step::Take {
                    self.taken = taken;
                }
                let (kind, message) = match step {
                    Step::Restore => ("restored", "the certificate in use is in the Secret again"),
                    Step::Tell => ("authority", "the signer's authorities are in the Secret"),
                    Step::Key => ("key", "a new key is in the Secret"),
                    Step::Ask => ("request", "the signer is asked for a certificate"),
                    Step::Approve => ("approved", "the request for a certificate is approved"),
                    Step::Take => ("certificate", "a new certificate is in the Secret"),
                };
                self.shared.metrics.rotated(kind);
                self.shared.log.info(message, &[("signer", &self.signer.name)]);
                Then::More
            }
            // Somebody else has written it.
            Err(ApiError::Status { code: 409, .. }) => Then::More,
            Err(error) => {
                let message = match step {
                    Step::Ask => "no certificate can be asked for",
                    Step::Approve => "the request for a certificate cannot be approved",
                    _ => "the Secret of the certificates cannot be written",
                };
                self.told.warn(&self.shared.log, "step", message, &error);
                Then::Rest
            }
        }
    }

    async fn send(&self, step: Step, request: Option<Asked>) -> Result<(), ApiError> {
        let Some(Asked { name, object }) = request else {
            return Ok(());
        };
        if step == Step::Ask {
            self.shared.objects.ask(&object).await
        } else {
            self.shared.objects.approve(&name, &approved(object)).await
        }
    }

    async fn write(
        &self,
        contents: &Signed,
        found: Option<Object>,
        trusted: &[CertificateDer<'static>],
    ) -> Result<(), ApiError> {
        let mut object = found.unwrap_or_else(|| Object::new(&self.own.namespace, &self.own.secret));
        object.put(contents.data(trusted));
        self.shared.objects.write_secret(&object).await
    }
}

impl Looks for Keeper {
    async fn look(&mut self, now: i64) -> Then {
        let found = match self.shared.objects.secret().await {
            Ok(found) => found,
            Err(error) => {
                let message = "the Secret of the certificates cannot be read; what is in use stays";
                self.told.warn(&self.shared.log, "secret", message, &error);
                self.bundles.forget();
                return Then::Rest;
            }
        };
        self.told.forget("secret");
        self.read_signers().await;
        let mut contents = match &found {
            Some(secret) => Signed::read(secret, &self.signers, now),
            None => Signed::default(),
        };
        self.serve(&contents);
        if !self.shared.leadership.leads() {
            // What others have written meanwhile is not known to this one.
            self.bundles.forget();
            return Then::Rest;
        }
        self.tell_faults(&contents.faults);
        if let Some(good) = &self.good {
            contents.recall(good, now);
        }
        if self.signers.is_empty() {
            return Then::Rest;
        }
        let trusted = contents.trusted(&self.signers, now);
        if trusted.is_empty() {
            // An empty caBundle would be the roots of whoever calls.
            let message = "none of the signer's authorities is valid now";
            let path = self.signer.authorities.display();
            self.told.warn(&self.shared.log, "valid", message, &path);
            self.bundles.forget();
            return Then::Rest;
        }
        self.told.forget("valid");
        let settled = self.bundles.mend(&self.shared, &trusted, true).await;
        let (request, progress) = match self.request(&contents).await {
            Ok(asked) => asked,
            Err(error) => {
                let message = "what has come of the request for a certificate cannot be read";
                self.told.warn(&self.shared.log, "request", message, &error);
                return Then::Rest;
            }
        };
        let issued = contents.issued(progress.as_ref(), &self.names, &self.signers, now);
        let state = State {
            leaf: contents.served(&self.names, &self.signers),
            issued: contents.compare(issued.as_ref().ok()),
            request: progress,
            tells_authorities: contents.names(&trusted),
        };
        let around = Around {
            settled,
            rested: self.has_rested(request.as_ref(), &state, issued.as_ref().err(), now),
            approves: self.signer.approves,
            is_fresh: self.taken.is_some_and(|taken| taken.is_fresh(now)),
        };
        match next(&state, around, now) {
            Some(step) => {
                let work = Work {
                    contents,
                    found,
                    trusted,
                    request,
                    issued: issued.ok(),
                    now,
                };
                self.take(step, work).await
            }
            None => self.wait(&state),
        }
    }
}

/// A request by its name: as it is there, or as it is to be.
struct Asked {
    name: String,
    object: Value,
}

/// What a step works on.
struct Work {
    contents: Signed,
    found: Option<Object>,
    trusted: Vec<CertificateDer<'static>>,
    request: Option<Asked>,
    issued: Option<Held>,
    now: i64,
}

#[cfg(test)]
mod tests;
