//! The GMSA webhook as a server.
//!
//! [`run`] serves until it is asked to end. The way of a review:
//!
//! ```text
//! API server ──HTTPS──▶ server ─▶ routes ─▶ answer ─▶ porthole_admission::decide
//!                         │                   │ what is known now
//!                    certificate              ▼
//!              (chosen per handshake)  cluster ─▶ store   ◀─ watch: credential specs, namespaces
//!                                         │  └──▶ permits ◀─ watch: roles and bindings
//!                                         ▼
//!                              api: what is not known is asked, once for all who ask
//! ```
//!
//! [`Settings`] say how it serves, a `porthole_cluster::Target` which cluster it asks, a [`Log`] what it tells. A review is
//! decided by what the watches have told; only what they have not told of is asked. While the API server is away, what is
//! known counts as long as [`Freshness`] says; then nobody can tell, and the answer is a 5xx. [`Source`] is where
//! certificates come from: [`Files`] that something else writes, at any time, or [`OwnCertificates`], which the replicas share in
//! a Secret.
//!
//! Everything asynchronous is in here; callers block.

mod answer;
mod api;
mod certificate;
mod cluster;
mod connector;
#[cfg(test)]
mod fake;
mod flight;
mod log;
mod metrics;
mod own;
mod permits;
mod proxied;
mod roles;
mod routes;
mod server;
mod signals;
mod store;
mod watch;

pub use certificate::{CertificateError, Certificates, Files, Reload, Validity};
pub use log::{Fields, Format, Level, Log, UnknownLevel};
pub use own::{KUBELET_SERVING, NameError, OwnCertificates, SignError, Signer, identity};
pub use permits::Freshness;
pub use server::{Drain, ServeError, Server, Settings, Source};

pub use porthole_admission::host_accounts::Mode;

use porthole_cluster::Target;

/// The version that `/info` tells.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Serves until the process is asked to end, and then until nothing is open any more.
///
/// # Errors
/// It cannot begin to serve, or connections were still open when the time to drain was over.
pub fn run(settings: Settings, target: Target, log: Log) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::System)?;
    let served = runtime.block_on(async {
        let end = signals::end().map_err(ServeError::System)?;
        Server::bind(settings, target, log).await?.serve(end).await
    });
    // What is still being asked is of no use to anybody.
    runtime.shutdown_background();
    served
}
