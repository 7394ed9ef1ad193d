//! The caBundles of the webhook configurations.

use std::time::Instant;

use rustls::pki_types::CertificateDer;

use super::OwnCertificates;
use super::keeper::{Shared, Told};
use super::objects::Configuration;
use super::plan::Trust;

/// Keeps them as they should be.
pub(super) struct Bundles {
    /// What the configurations are called.
    name: String,
    /// For how long everybody has to have known of the same authorities, in seconds.
    settle: i64,
    trust: Trust,
    /// From when on the time of `trust` is counted: no clock that is set has a say in it.
    begun: Instant,
    told: Told,
}

impl Bundles {
    pub(super) fn new(own: &OwnCertificates) -> Self {
        Self {
            name: own.configurations.clone(),
            // Both times are whole seconds.
            settle: own.lifetimes().settle() + 1,
            trust: Trust::default(),
            begun: Instant::now(),
            told: Told::default(),
        }
    }

    /// What is known of whom everybody trusts counts no longer.
    pub(super) fn forget(&mut self) {
        self.trust = Trust::default();
    }

    /// Makes the configurations trust these authorities, if they are to be written. Whether all of them have done so for long
    /// enough.
    pub(super) async fn mend(
        &mut self,
        shared: &Shared,
        authorities: &[CertificateDer<'static>],
        writes: bool,
    ) -> bool {
        let found = match shared.objects.configurations().await {
            Ok(found) => {
                self.told.forget("configurations");
                found
            }
            Err(error) => {
                let message = "the webhook configurations cannot be read";
                self.told.warn(&shared.log, "configurations", message, &error);
                self.forget();
                return false;
            }
        };
        let trusted: Vec<_> = found.iter().flat_map(Configuration::trusted).collect();
        let at = i64::try_from(self.begun.elapsed().as_secs()).unwrap_or(i64::MAX);
        let settled = self.trust.settled(authorities, &trusted, at, self.settle);
        if !writes {
            return settled;
        }
        for configuration in &found {
            // It may have taken a while to read them.
            if !shared.leadership.leads() {
                return false;
            }
            let kind = configuration.kind;
            match shared.objects.mend(configuration, authorities).await {
                Ok(true) => {
                    shared.metrics.rotated("bundle");
                    let count = authorities.len();
                    shared.log.info(
                        "the caBundle is written",
                        &[("kind", &kind), ("authorities", &count)],
                    );
                    self.told.forget(kind);
                }
                Ok(false) => self.told.forget(kind),
                Err(error) => {
                    let message = format!("the caBundle of the {kind} cannot be written");
                    self.told.warn(&shared.log, kind, &message, &error);
                }
            }
        }
        if found.is_empty() {
            let message = "there is no webhook configuration yet";
            self.told.warn(&shared.log, "none", message, &self.name);
        } else {
            self.told.forget("none");
        }
        settled
    }
}
