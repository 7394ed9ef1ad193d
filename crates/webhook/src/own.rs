//! Certificates of the webhook's own: without cert-manager, and without anybody who renews them.
//!
//! ```text
//! election: who leads ─▶ keeper ─▶ plan: what is next ─▶ contents, authority: it is made ─▶ objects: it is written
//!                          └──────▶ the certificates of the server, in every replica
//! ```
//!
//! In place of an authority of one's own a signer of the cluster may sign: [`signed`].

mod authority;
mod bundles;
mod contents;
mod election;
mod keeper;
mod objects;
mod plan;
mod replica;
mod signed;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use authority::SignError;
pub use objects::NameError;
pub use signed::{KUBELET_SERVING, Signer};

use crate::api::Api;
use crate::certificate::{Certificates, seconds};
use crate::log::Log;
use crate::metrics::Metrics;
use objects::Objects;

/// As whom the API server notes who has written a caBundle.
const MANAGER: &str = "porthole-webhook-certificates";

/// Where certificates of the webhook's own are kept, and what they are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificates {
    /// The namespace of Secret, Lease and Service.
    pub namespace: String,
    /// The Secret.
    pub secret: String,
    /// The Service that the API server calls.
    pub service: String,
    /// The webhook configurations, of both kinds.
    pub configurations: String,
    /// The Lease of whoever writes.
    pub lease: String,
    /// For what else certificates are valid.
    pub names: Vec<String>,
    /// For how long a certificate is valid.
    pub certificate_lifetime: Duration,
    /// For how long an authority is.
    pub authority_lifetime: Duration,
    /// Who this replica is among the others.
    pub identity: String,
    /// Who signs instead of an authority of one's own.
    pub signer: Option<Box<Signer>>,
}

impl OwnCertificates {
    /// All names that a certificate is valid for.
    fn all_names(&self) -> Vec<String> {
        let Self {
            service, namespace, ..
        } = self;
        let mut names = vec![
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
            format!("{service}.{namespace}"),
        ];
        names.extend(self.names.iter().cloned());
        names
    }

    fn lifetimes(&self) -> plan::Lifetimes {
        let seconds = |time: Duration| {
            i64::try_from(time.as_secs())
                .unwrap_or(i64::MAX / 4)
                .min(i64::MAX / 4)
        };
        plan::Lifetimes {
            leaf: seconds(self.certificate_lifetime),
            authority: seconds(self.authority_lifetime),
        }
    }

    /// What is served before there is a certificate: nobody trusts it, but probes are answered.
    pub(crate) fn placeholder(&self) -> Result<Certificates, SignError> {
        let leaf = authority::placeholder(&self.all_names(), seconds(SystemTime::now()))?;
        Certificates::placeholder(leaf.certificate.as_bytes(), leaf.key.as_bytes())
            .ok_or_else(|| SignError::new("the one before the first cannot be used"))
    }
}

/// Everything that keeps certificates; it has not begun.
pub(crate) struct Own {
    own: OwnCertificates,
    shared: Arc<keeper::Shared>,
}

impl Own {
    pub(crate) fn new(
        own: OwnCertificates,
        api: Arc<Api>,
        metrics: Arc<Metrics>,
        log: Log,
    ) -> Result<Self, NameError> {
        let shared = keeper::Shared {
            objects: Objects::new(api, &own)?,
            leadership: keeper::Leadership::default(),
            metrics,
            log,
        };
        Ok(Self {
            own,
            shared: Arc::new(shared),
        })
    }

    /// Begins. It goes on until it is aborted; when it is told that the server ends, another replica may lead.
    pub(crate) fn begin(self, certificates: Arc<Certificates>) -> Running {
        let (end, ended) = watch::channel(false);
        let (shared, own) = (Arc::clone(&self.shared), self.own.clone());
        let keeping = if let Some(signer) = own.signer.clone() {
            let keeper = signed::Keeper::new(Arc::clone(&shared), own.clone(), *signer, certificates);
            tokio::spawn(keeper::keep(keeper, shared, own))
        } else {
            let keeper = keeper::Keeper::new(Arc::clone(&shared), own.clone(), certificates);
            tokio::spawn(keeper::keep(keeper, shared, own))
        };
        Running {
            end,
            election: tokio::spawn(keeper::elect(self.shared, self.own, ended)),
            keeping,
        }
    }
}

/// A name for this replica that no other one has, in the manner of client-go: that of the host, and something random.
#[must_use]
pub fn identity(host: &str) -> String {
    format!("{host}_{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// What goes on.
pub(crate) struct Running {
    end: watch::Sender<bool>,
    election: JoinHandle<()>,
    keeping: JoinHandle<()>,
}

impl Running {
    /// Leaves the lead to others.
    pub(crate) async fn leave(&mut self) {
        let _ = self.end.send(true);
        let _ = (&mut self.election).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.election.abort();
        self.keeping.abort();
    }
}

/// Those of every object that is made here.
fn labels() -> Value {
    json!({
        "app.kubernetes.io/name": "porthole",
        "app.kubernetes.io/component": "webhook",
        "app.kubernetes.io/managed-by": "porthole-webhook",
    })
}

#[cfg(test)]
mod tests;
