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
use super::contents::Object;
use super::keeper::{Looks, Shared, Then};
use super::replica::Replica;
use crate::api::ApiError;
use crate::certificate::{Certificates, read_text};
use contents::{Held, Signed, signers};
use plan::{Around, State, Step, Taken, next, rest};
pub use request::KUBELET_SERVING;
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
    replica: Replica,
    signer: Signer,
    /// The last pair that could be served.
    good: Option<Held>,
    /// The signer's authorities, as they were last read.
    signers: Vec<CertificateDer<'static>>,
    /// The request that was refused, and since when that is known.
    refused: Option<(String, i64)>,
    taken: Option<Taken>,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        own: OwnCertificates,
        signer: Signer,
        certificates: Arc<Certificates>,
    ) -> Self {
        Self {
            replica: Replica::new(shared, own, certificates),
            signer,
            good: None,
            signers: Vec::new(),
            refused: None,
            taken: None,
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
                self.replica.forget("signers");
                self.signers = signers;
            }
            Err(reason) => {
                let message = "the signer's authorities cannot be used";
                self.replica.warn("signers", message, &reason);
            }
        }
    }

    /// The request for the next key, with what has come of it; nothing where there is no such key.
    async fn request(&mut self, contents: &Signed) -> Result<(Option<Asked>, Option<Progress>), ApiError> {
        let Some(next) = &contents.next else {
            return Ok((None, None));
        };
        // Where it cannot be asked with that key, another one is made.
        let Ok((name, object)) = self.wanted().request(&self.replica.own.secret, next) else {
            return Ok((None, None));
        };
        let found = self.replica.shared.objects.request(&name).await?;
        let progress = come_of(&object, found.as_ref());
        self.replica.forget("request");
        let object = found.unwrap_or(object);
        Ok((Some(Asked { name, object }), Some(progress)))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            names: &self.replica.names,
            signer: &self.signer.name,
            lifetime: self.replica.lifetimes.leaf,
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
        self.replica.warn("refused", message, &text);
        // A signer may let certificates live for less than what it is asked for.
        let rest = rest(self.taken.map_or(self.replica.lifetimes.leaf, Taken::life));
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
        let signer = &self.signer.name;
        if state.request == Some(Progress::Unapproved) {
            let message = "a certificate is asked for; somebody has to approve the request";
            self.replica.warn("unapproved", message, signer);
        } else {
            self.replica.forget("unapproved");
        }
        if state.request == Some(Progress::Unsigned) {
            let message = "the request for a certificate is approved, and not signed yet";
            self.replica.warn("unsigned", message, signer);
        } else {
            self.replica.forget("unsigned");
        }
        Then::Rest
    }

    async fn take(&mut self, step: Step, mut work: Work) -> Then {
        // It may have taken a while.
        if !self.replica.shared.leadership.leads() {
            return Then::Rest;
        }
        let taken = work.issued.as_ref().map(|issued| Taken {
            at: work.now,
            until: issued.validity.until,
        });
        let done = match step {
            Step::Ask | Step::Approve => self.send(step, work.request).await,
            Step::Key => match work.contents.begin(&self.wanted()) {
                Ok(()) => self.write(work).await,
                Err(error) => {
                    self.replica.warn("step", "no key can be made", &error);
                    return Then::Rest;
                }
            },
            Step::Take => {
                if let Some(issued) = work.issued.take() {
                    work.contents.take(issued);
                }
                self.write(work).await
            }
            Step::Restore | Step::Tell => self.write(work).await,
        };
        match done {
            Ok(()) => {
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
                self.replica.did(kind, message, ("signer", &self.signer.name))
            }
            Err(error) => {
                let message = match step {
                    Step::Ask => "no certificate can be asked for",
                    Step::Approve => "the request for a certificate cannot be approved",
                    _ => "the Secret of the certificates cannot be written",
                };
                self.replica.failed(message, &error)
            }
        }
    }

    async fn send(&self, step: Step, request: Option<Asked>) -> Result<(), ApiError> {
        let Some(Asked { name, object }) = request else {
            return Ok(());
        };
        if step == Step::Ask {
            self.replica.shared.objects.ask(&object).await
        } else {
            self.replica
                .shared
                .objects
                .approve(&name, &approved(object))
                .await
        }
    }

    async fn write(&self, work: Work) -> Result<(), ApiError> {
        self.replica
            .write(work.found, work.contents.data(&work.trusted))
            .await
    }
}

impl Looks for Keeper {
    async fn look(&mut self, now: i64) -> Then {
        let Ok(found) = self.replica.secret().await else {
            return Then::Rest;
        };
        self.read_signers().await;
        let mut contents = match &found {
            Some(secret) => Signed::read(secret, &self.signers, now),
            None => Signed::default(),
        };
        if let Some(held) = &contents.held {
            self.replica.serve(&held.leaf, contents.authority_until());
            self.good.clone_from(&contents.held);
        }
        if !self.replica.leads() {
            return Then::Rest;
        }
        let done = "another certificate is asked for";
        self.replica.tell_faults(&contents.faults, done);
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
            self.replica.warn("valid", message, &path);
            self.replica.bundles.forget();
            return Then::Rest;
        }
        self.replica.forget("valid");
        let settled = self.replica.mend_bundles(&trusted, true).await;
        let (request, progress) = match self.request(&contents).await {
            Ok(asked) => asked,
            Err(error) => {
                let message = "what has come of the request for a certificate cannot be read";
                self.replica.warn("request", message, &error);
                return Then::Rest;
            }
        };
        let issued = contents.issued(progress.as_ref(), &self.replica.names, &self.signers, now);
        let state = State {
            leaf: contents.served(&self.replica.names, &self.signers),
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
