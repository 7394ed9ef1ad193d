//! Registries: images fetched from them and sent to them, by the OCI distribution specification and by what Docker's
//! registries do beyond it.
//!
//! ```text
//!  Reference ─▶ Client ─▶ session (who one is, patience) ─▶ transport (limits, TLS, redirects) ─▶ registry
//!                 │            └─ auth ◀─ Credentials ◀─ docker's file, helpers, a pod's secrets
//!                 ├─ pull ─▶ documents, wanted ─▶ blob ─▶ Store
//!                 └─ push ◀──────────────────────────────  Store
//! ```
//!
//! Nothing that a registry says is believed: digests and sizes are verified while the bytes come, everything has a limit
//! of size and time, and no password or token goes to another server than the one it is for, or into any message.

mod address;
mod auth;
mod blob;
mod credentials;
mod crew;
mod documents;
mod error;
mod helper;
mod progress;
mod pull;
mod push;
mod reference;
mod session;
#[cfg(test)]
mod tests;
mod transport;
mod wanted;

pub use self::credentials::{Credentials, CredentialsError};
pub use self::error::{Error, Problem, Result};
pub use self::progress::{Event, Progress, Silent};
pub use self::pull::{Platforms, Pulled};
pub use self::push::Pushed;
pub use self::reference::{Reference, ReferenceError};
pub use self::transport::Connection;
pub use self::wanted::Wanted;

use self::session::{Patience, RealTime, Session};
use self::transport::Bounds;
use crate::Store;

/// Speaks to registries.
pub struct Client {
    connection: Connection,
    credentials: Credentials,
    bounds: Bounds,
    patience: Box<dyn Patience>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("connection", &self.connection)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// One that connects in that way, as whoever the credentials say.
    #[must_use]
    pub fn new(connection: Connection, credentials: Credentials) -> Self {
        Self {
            connection,
            credentials,
            bounds: Bounds::default(),
            patience: Box::new(RealTime),
        }
    }

    /// Fetches an image and gives it a name in the store. Blobs that the store has are not fetched; what an
    /// earlier pull left unfinished is gone on with. Nothing is removed from the store meanwhile.
    ///
    /// # Errors
    /// If the registry does not have the image, not for the platform, not for these credentials, or gives out what
    /// is not what it should be; or if the store cannot be written. The name then stands for what it stood for before.
    pub fn pull(
        &self,
        store: &Store,
        reference: &Reference,
        name: &str,
        platforms: &Platforms,
        progress: &dyn Progress,
    ) -> Result<Pulled> {
        let session = self.session(reference, "pull", progress)?;
        pull::pull(&session, store, reference, name, platforms)
    }

    /// Sends an image of the store to a registry, under a tag. What the registry has is not sent.
    ///
    /// # Errors
    /// If the store has no such image, a part of it is missing, or the registry does not take it.
    pub fn push(
        &self,
        store: &Store,
        name: &str,
        reference: &Reference,
        progress: &dyn Progress,
    ) -> Result<Pushed> {
        let session = self.session(reference, "pull,push", progress)?;
        push::push(&session, store, name, reference)
    }

    fn session<'a>(
        &'a self,
        reference: &Reference,
        actions: &str,
        progress: &'a dyn Progress,
    ) -> Result<Session<'a>> {
        Session::begin(
            reference,
            actions,
            &self.connection,
            &self.credentials,
            self.bounds,
            &*self.patience,
            progress,
        )
    }
}
