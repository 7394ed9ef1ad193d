//! `porthole webhook`: the GMSA webhook as a server.
//!
//! The environment variables and flags of the webhook of kubernetes-sigs/windows-gmsa mean the same here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use porthole_cluster::{Places, Target};
use porthole_webhook::{Drain, Files, Format, Freshness, Level, Log, Mode, ServeError, Settings, Source};

use crate::exit;
use crate::failure::Failure;

mod own;

pub(crate) use own::check_signer;

/// The port where none is said, or none that is a number.
const PORT: u16 = 443;
/// How many times as long as it is not asked again a yes counts.
const COUNTS: u32 = 6;
/// The longest that it may not be asked again: a day, in seconds.
const LONGEST_CACHE: u64 = 24 * 3600;

/// What the server is told.
#[derive(Debug, Args)]
pub(crate) struct Webhook {
    /// The certificate and those between it and its authority, as PEM. It is read again whenever it changes
    #[arg(
        long,
        env = "TLS_CRT",
        value_name = "FILE",
        required_unless_present = "own_certificates",
        conflicts_with = "own_certificates",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(
        long,
        env = "TLS_KEY",
        value_name = "FILE",
        required_unless_present = "own_certificates",
        conflicts_with = "own_certificates",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    own: own::Flags,
    /// The address to listen at [default: all]
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// The port to listen at [default: 443]
    #[arg(long, env = "HTTPS_PORT", value_name = "PORT")]
    port: Option<String>,
    /// The kubeconfig of the cluster [default: those that KUBECONFIG lists, else ~/.kube/config, else the pod's own cluster]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Give pods with a gMSA and without a hostname a random one
    #[arg(
        long,
        env = "RANDOM_HOSTNAME",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    random_hostname: Option<String>,
    /// A RuntimeClass whose runtime is porthole's: its pods get the annotation that the runtime obeys. May be repeated
    #[arg(long, value_name = "NAME")]
    runtime_class: Vec<String>,
    /// What becomes of pods whose service account may not use the accounts of their nodes that they ask for, in namespaces
    /// without the label porthole.dev/host-accounts
    #[arg(long, value_name = "MODE", default_value_t, value_enum)]
    host_accounts: HostAccounts,
    /// For how long credential specs and answers count while the API server is away, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    max_stale: u64,
    /// For how long a service account that may use a credential spec is not asked about again, in seconds. With its next use it is
    /// asked again beside the answer, which counts for six times as long at most. Changes of roles and bindings count at once
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=LONGEST_CACHE))]
    access_cache: u64,
    /// For how long connections are still taken after the request to end, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    drain_delay: u64,
    /// For how long open requests may then go on, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    drain_limit: u64,
    /// What is told: panic, fatal, error, warn, info, debug or trace
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// How it is told
    #[arg(long, value_name = "FORMAT", default_value_t, value_enum)]
    log_format: LogFormat,
    /// Accepted for the existing webhook's sake: certificates are always read again
    #[arg(
        long,
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true,
        value_name = "BOOL"
    )]
    cert_reload: Option<String>,
    /// Accepted for the existing webhook's sake: the API server is not asked often enough for a limit
    #[arg(long, env = "QPS", value_name = "NUMBER", hide = true)]
    qps: Option<String>,
    /// As `--qps`
    #[arg(long, env = "BURST", value_name = "NUMBER", hide = true)]
    burst: Option<String>,
}

/// What becomes of pods that ask for accounts of their nodes which their service account may not use.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum HostAccounts {
    /// Nobody asks.
    #[default]
    Off,
    /// The API server's audit log is told.
    Audit,
    /// Whoever creates them is told, too.
    Warn,
    /// They are refused.
    Enforce,
}

impl From<HostAccounts> for Mode {
    fn from(said: HostAccounts) -> Self {
        match said {
            HostAccounts::Off => Self::Off,
            HostAccounts::Audit => Self::Audit,
            HostAccounts::Warn => Self::Warn,
            HostAccounts::Enforce => Self::Enforce,
        }
    }
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LogFormat {
    /// Time, level, what has happened, and fields.
    #[default]
    Text,
    /// An object a line.
    Json,
}

impl Webhook {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let level: Level = self.log_level.parse().map_err(Failure::unasked)?;
        let format = match self.log_format {
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        };
        let log = Log::new(format, level);
        let random_hostname = flag("RANDOM_HOSTNAME", self.random_hostname.as_deref())?;
        flag("--cert-reload", self.cert_reload.as_deref())?;
        for (name, value) in [("QPS", &self.qps), ("BURST", &self.burst)] {
            if value.as_deref().is_some_and(|value| !value.is_empty()) {
                log.info(
                    "not needed: the API server is not asked for every pod",
                    &[("setting", &name)],
                );
            }
        }
        let port = self.port(&log);
        let target = Target::find(&Places::of_environment(self.kubeconfig), self.context.as_deref())
            .map_err(Failure::of_cluster)?;
        let certificates = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => Source::Files(Files { certificate, key }),
            // The command line has one or the other.
            _ => Source::Own(self.own.settings(target.namespace())?),
        };
        let settings = Settings {
            listen: SocketAddr::new(self.address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), port),
            certificates,
            random_hostname,
            runtime_classes: self.runtime_class,
            host_accounts: self.host_accounts.into(),
            freshness: Freshness {
                again: Duration::from_secs(self.access_cache),
                yes: Duration::from_secs(self.access_cache).saturating_mul(COUNTS),
                stale: Duration::from_secs(self.max_stale),
                ..Freshness::default()
            },
            drain: Drain {
                delay: Duration::from_secs(self.drain_delay),
                limit: Duration::from_secs(self.drain_limit),
            },
        };
        match porthole_webhook::run(settings, target, log) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error @ ServeError::Undrained(_)) => {
                Err(Failure::new(exit::NO, error).help("give open requests more time with --drain-limit"))
            }
            Err(error) => Err(Failure::unasked(error)),
        }
    }

    /// As the existing webhook does it: what is no port is told, and the default counts.
    fn port(&self, log: &Log) -> u16 {
        let Some(text) = self.port.as_deref().filter(|text| !text.is_empty()) else {
            return PORT;
        };
        text.parse().unwrap_or_else(|_| {
            let text = text.to_owned();
            log.warn(
                "the port is no number from 0 to 65535: the default is used",
                &[("port", &text)],
            );
            PORT
        })
    }
}

/// A truth as Go's parser takes one.
fn flag(name: &str, value: Option<&str>) -> Result<bool, Failure> {
    match value {
        None | Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
        Some(other) => {
            let text = format!("unable to parse environment variable {name} with value {other} to bool");
            Err(Failure::unasked(text).help("write true or false"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truths_are_those_of_go() {
        assert!(flag("X", Some("T")).unwrap());
        assert!(!flag("X", Some("False")).unwrap());
        assert!(!flag("X", None).unwrap());
        for wrong in ["", "yes", "TrUe"] {
            let failure = flag("RANDOM_HOSTNAME", Some(wrong)).unwrap_err().to_string();
            let text = "unable to parse environment variable RANDOM_HOSTNAME with value";
            assert!(failure.contains(text), "{failure}");
        }
    }
}
