//! The flags of certificates that the webhook makes itself.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use porthole_webhook::{OwnCertificates, Signer};

use crate::failure::Failure;

/// What everything is called where nothing else is said.
const NAME: &str = "porthole-webhook";
/// The shortest life of a certificate, in seconds: a replica that leads no longer is replaced within it.
const SHORTEST: u64 = 30;
/// An authority lives at least so many lives of what it signs.
const AUTHORITY: u64 = 3;
/// The shortest life that a signer can be asked for, in seconds.
const SHORTEST_SIGNED: u64 = 600;
/// The authority of the cluster's own signers, where a pod finds it.
const CLUSTER_AUTHORITY: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
/// The longest name of a signer: what the API server takes.
const LONGEST_SIGNER: usize = 571;
/// The longest life of both, in seconds: a hundred years.
const LONGEST: u64 = 100 * 365 * 24 * 3600;

/// Where certificates of the webhook's own are kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Certificates of its own")]
pub(super) struct Flags {
    /// Make the certificates, keep them in a Secret that all replicas share, and write their authority into the webhook
    /// configurations
    #[arg(long)]
    own_certificates: bool,
    /// The namespace of the Secret, the Lease and the Service [default: the kubeconfig's or the pod's own]
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The Secret
    #[arg(long, value_name = "NAME", default_value = "porthole-webhook-certificates")]
    secret: String,
    /// The Service by which the API server calls the webhook
    #[arg(long, value_name = "NAME", default_value = NAME)]
    service: String,
    /// The `MutatingWebhookConfiguration` and the `ValidatingWebhookConfiguration`
    #[arg(long, value_name = "NAME", default_value = NAME)]
    configurations: String,
    /// The Lease of the replica that writes
    #[arg(long, value_name = "NAME", default_value = NAME)]
    lease: String,
    /// For what else than the Service the certificate is: a host name or an address. May be repeated
    #[arg(long, value_name = "NAME")]
    certificate_name: Vec<String>,
    /// For how long a certificate is valid, in seconds. It is replaced when two thirds are over
    #[arg(long, value_name = "SECONDS", default_value_t = 90 * 24 * 3600)]
    certificate_lifetime: u64,
    /// For how long an authority is valid, in seconds. It is replaced well before its end
    #[arg(long, value_name = "SECONDS", default_value_t = 10 * 365 * 24 * 3600)]
    ca_lifetime: u64,
    /// Have the certificates signed by this signer of the cluster, by a `CertificateSigningRequest`, such as
    /// example.com/serving; a signer may give them another life. Without it the webhook is its own authority
    #[arg(
        long,
        value_name = "NAME",
        requires = "own_certificates",
        conflicts_with = "ca_lifetime"
    )]
    signer: Option<String>,
    /// Approve these requests. Without it somebody else has to
    #[arg(long, requires = "signer")]
    approve: bool,
    /// The signer's authorities, as PEM: the caBundle. It is read again and again
    #[arg(long, value_name = "FILE", default_value = CLUSTER_AUTHORITY, requires = "signer")]
    authority_file: PathBuf,
}

impl Flags {
    /// What they come to. `namespace` is that of whoever names none.
    pub(super) fn settings(self, namespace: Option<&str>) -> Result<OwnCertificates, Failure> {
        let (leaf, authority) = (self.certificate_lifetime, self.ca_lifetime);
        let shortest = if self.signer.is_some() {
            SHORTEST_SIGNED
        } else {
            SHORTEST
        };
        if !(shortest..=LONGEST).contains(&leaf) {
            return Err(
                Failure::unasked(format!("--certificate-lifetime {leaf} cannot be used"))
                    .help(format!("name {shortest} to {LONGEST} seconds")),
            );
        }
        if self.signer.is_none() && (authority < leaf.saturating_mul(AUTHORITY) || authority > LONGEST) {
            return Err(
                Failure::unasked(format!("--ca-lifetime {authority} cannot be used")).help(format!(
                    "name at least {AUTHORITY} times --certificate-lifetime, and at most {LONGEST} seconds"
                )),
            );
        }
        if let Some(signer) = &self.signer {
            check_signer(signer)?;
        }
        let named = self.namespace.filter(|name| !name.is_empty());
        let Some(namespace) = named.or_else(|| namespace.map(str::to_owned)) else {
            let text = "the namespace of the webhook's Secret is not known";
            return Err(Failure::unasked(text).help("name it with --namespace or POD_NAMESPACE"));
        };
        Ok(OwnCertificates {
            namespace,
            secret: self.secret,
            service: self.service,
            configurations: self.configurations,
            lease: self.lease,
            names: self.certificate_name,
            certificate_lifetime: Duration::from_secs(leaf),
            authority_lifetime: Duration::from_secs(authority),
            identity: identity(),
            signer: self.signer.map(|name| {
                Box::new(Signer {
                    name,
                    approves: self.approve,
                    authorities: self.authority_file,
                })
            }),
        })
    }
}

/// A signer is called like a domain and a path below it: `example.com/serving`.
pub(crate) fn check_signer(name: &str) -> Result<(), Failure> {
    let parts = name.split_once('/');
    let good = parts.is_some_and(|(domain, path)| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        domain.contains('.')
            && domain.chars().all(plain)
            && !path.is_empty()
            && path.chars().all(|c| plain(c) || c == ':')
    });
    if good && name.len() <= LONGEST_SIGNER {
        return Ok(());
    }
    let text = format!("--signer {name} is the name of no signer");
    Err(Failure::unasked(text).help("write it as DOMAIN/NAME, such as example.com/serving"))
}

/// Who this replica is: its host, which in a pod is the pod's name, and something that no other process has.
fn identity() -> String {
    let host = ["HOSTNAME", "COMPUTERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|host| !host.is_empty()));
    porthole_webhook::identity(host.as_deref().unwrap_or(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn settings(arguments: &[&str]) -> Result<OwnCertificates, Failure> {
        let arguments = [&["porthole", "--namespace=ns"], arguments].concat();
        let line = Line::try_parse_from(arguments).unwrap();
        line.flags.settings(Some("other"))
    }

    #[test]
    fn lifetimes_leave_time_to_replace_what_ends() {
        for (arguments, good) in [
            (&[][..], true),
            (&["--certificate-lifetime=30", "--ca-lifetime=90"], true),
            (&["--certificate-lifetime=29"], false),
            (&["--certificate-lifetime=30", "--ca-lifetime=89"], false),
            (&["--certificate-lifetime=18446744073709551615"], false),
            (&["--ca-lifetime=18446744073709551615"], false),
            (&["--own-certificates", "--signer=example.com/serving"], true),
            (
                &[
                    "--own-certificates",
                    "--signer=example.com/serving",
                    "--certificate-lifetime=599",
                ],
                false,
            ),
            (&["--own-certificates", "--signer=serving"], false),
            (&["--own-certificates", "--signer=Example.com/"], false),
        ] {
            assert_eq!(settings(arguments).is_ok(), good, "{arguments:?}");
        }
    }

    #[test]
    fn no_two_replicas_are_called_the_same() {
        let (one, two) = (settings(&[]).unwrap(), settings(&[]).unwrap());
        assert_eq!(one.namespace, "ns");
        assert_ne!(one.identity, two.identity);
    }
}
