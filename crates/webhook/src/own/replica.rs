//! What a replica does about the Secret, whoever signs.

use std::fmt::Display;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::OwnCertificates;
use super::authority::Leaf;
use super::bundles::Bundles;
use super::contents::Object;
use super::keeper::{Shared, Then, Told};
use super::plan::Lifetimes;
use crate::api::ApiError;
use crate::certificate::Certificates;
use crate::routes::tell_certificate;

/// A replica, with what it needs to serve the Secret and to keep it.
pub(super) struct Replica {
    pub(super) shared: Arc<Shared>,
    pub(super) own: OwnCertificates,
    pub(super) names: Vec<String>,
    pub(super) lifetimes: Lifetimes,
    pub(super) bundles: Bundles,
    certificates: Arc<Certificates>,
    told: Told,
}

impl Replica {
    pub(super) fn new(shared: Arc<Shared>, own: OwnCertificates, certificates: Arc<Certificates>) -> Self {
        Self {
            shared,
            names: own.all_names(),
            lifetimes: own.lifetimes(),
            bundles: Bundles::new(&own),
            own,
            certificates,
            told: Told::default(),
        }
    }

    /// Says what does not work, once until it changes.
    pub(super) fn warn(&mut self, of: &'static str, message: &str, reason: &dyn Display) {
        self.told.warn(&self.shared.log, of, message, reason);
    }

    /// It works again.
    pub(super) fn forget(&mut self, of: &'static str) {
        self.told.forget(of);
    }

    /// The Secret, where there is one. An error is told already.
    pub(super) async fn secret(&mut self) -> Result<Option<Object>, ApiError> {
        let found = self.shared.objects.secret().await;
        match &found {
            Ok(_) => self.forget("secret"),
            Err(error) => {
                let message = "the Secret of the certificates cannot be read; what is in use stays";
                self.warn("secret", message, error);
                self.bundles.forget();
            }
        }
        found
    }

    /// Serves the pair of the Secret, whose authority is valid until then.
    pub(super) fn serve(&self, leaf: &Leaf, authority_until: i64) {
        let Shared { metrics, log, .. } = &*self.shared;
        if self
            .certificates
            .give(leaf.certificate.as_bytes(), leaf.key.as_bytes())
        {
            metrics.reloaded("new");
            tell_certificate(&self.certificates, log, "a new certificate is in use");
        }
        metrics.authority(authority_until);
    }

    /// Whether the Secret is this one's to keep.
    pub(super) fn leads(&mut self) -> bool {
        let leads = self.shared.leadership.leads();
        if !leads {
            // What others have written meanwhile is not known to this one.
            self.bundles.forget();
        }
        leads
    }

    /// Says what is wrong with the Secret, and what is done about it.
    pub(super) fn tell_faults(&mut self, faults: &[&'static str], done: &str) {
        if faults.is_empty() {
            self.forget("contents");
        } else {
            let message = format!("the Secret of the certificates cannot be used as it is; {done}");
            self.warn("contents", &message, &faults.join("; "));
        }
    }

    /// Makes the webhook configurations trust these authorities: [`Bundles::mend`].
    pub(super) async fn mend_bundles(
        &mut self,
        authorities: &[CertificateDer<'static>],
        writes: bool,
    ) -> bool {
        self.bundles.mend(&self.shared, authorities, writes).await
    }

    /// Writes these entries of the Secret, unless somebody else has written it since it was read.
    pub(super) async fn write(
        &self,
        found: Option<Object>,
        entries: impl IntoIterator<Item = (&'static str, Zeroizing<String>)> + Send,
    ) -> Result<(), ApiError> {
        let mut object = found.unwrap_or_else(|| Object::new(&self.own.namespace, &self.own.secret));
        object.put(entries);
        self.shared.objects.write_secret(&object).await
    }

    /// Says that a step is done: its kind for the metrics, and for the log a message with a field.
    pub(super) fn did(
        &mut self,
        kind: &'static str,
        message: &str,
        field: (&'static str, &dyn Display),
    ) -> Then {
        self.forget("step");
        self.shared.metrics.rotated(kind);
        self.shared.log.info(message, &[field]);
        Then::More
    }

    /// Says why a step is not done, and whether it is to be tried at once.
    pub(super) fn failed(&mut self, message: &str, error: &ApiError) -> Then {
        // Somebody else has written it.
        if matches!(error, ApiError::Status { code: 409, .. }) {
            return Then::More;
        }
        self.warn("step", message, error);
        Then::Rest
    }
}
