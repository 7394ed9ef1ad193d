//! Registries on the command line: how they are reached, who one is to them, and how a failure is told.

mod progress;

use std::path::PathBuf;

use clap::{ArgAction, Args};
use porthole_image::registry::{Client, Connection, Credentials, Error, Problem};

pub(crate) use self::progress::Telling;
use crate::exit;
use crate::failure::Failure;

/// How registries are reached.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Options {
    /// Credentials as docker keeps them [default: `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG/config.json` or
    /// ~/.docker/config.json]
    #[arg(long, value_name = "FILE", help_heading = "Registry options")]
    authfile: Option<PathBuf>,
    /// Speak to the registry without TLS [default: only to a registry on this machine]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = ArgAction::Set,
        help_heading = "Registry options"
    )]
    plain_http: Option<bool>,
    /// Certificates, in PEM, to trust besides the system's
    #[arg(long, value_name = "FILE", help_heading = "Registry options")]
    tls_ca: Option<PathBuf>,
}

impl Options {
    /// The user's credentials.
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        Credentials::of_user(self.authfile.as_deref()).map_err(Failure::unasked)
    }

    /// A client of registries for somebody.
    pub(crate) fn client(&self, credentials: Credentials) -> Client {
        let connection = Connection {
            plain_http: self.plain_http,
            tls_ca: self.tls_ca.clone(),
        };
        Client::new(connection, credentials)
    }
}

/// What a registry, or the way to it, refused. The answer is no where the registry has answered.
pub(crate) fn failure(error: Error) -> Failure {
    let code = match &error {
        Error::NoPlatform { .. } | Error::Store(porthole_image::Error::UnknownImage { .. }) => exit::NO,
        Error::Registry { problem, .. } => match problem {
            Problem::Broken(_)
            | Problem::Slow(_)
            | Problem::NoHost
            | Problem::Certificate(_)
            | Problem::Busy(_)
            | Problem::Short { .. }
            | Problem::Status { .. } => exit::UNASKED,
            _ => exit::NO,
        },
        _ => exit::UNASKED,
    };
    let help = error.help();
    Failure::new(code, error).help_if(help)
}
