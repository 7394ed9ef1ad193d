//! The flags that say how the webhook is installed.

use clap::{Args, ValueEnum};
use porthole_install::{Certificates, FailurePolicy, Resources, Settings, Signer, Toleration};
use porthole_pod::Version;
use porthole_webhook::KUBELET_SERVING;

use crate::failure::Failure;
use crate::verbs::webhook::{HostAccounts, check_signer};

/// What can be chosen.
#[derive(Debug, Args)]
pub(super) struct Choices {
    /// The namespace of the server
    #[arg(short, long, value_name = "NAME", default_value = "porthole-system")]
    namespace: String,
    /// The name of every object
    #[arg(long, value_name = "NAME", default_value = "porthole-webhook")]
    name: String,
    /// The server's image, whose entrypoint is porthole
    #[arg(long, value_name = "IMAGE", default_value_t = Settings::default().image)]
    image: String,
    /// A Secret that the image is pulled with. May be repeated
    #[arg(long, value_name = "NAME")]
    image_pull_secret: Vec<String>,
    /// How many servers there are
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    replicas: u32,
    /// The port that they listen at
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    port: u16,
    /// Where their certificates come from
    #[arg(long, value_name = "FROM", value_enum, default_value_t)]
    certificates: From,
    #[command(flatten)]
    signing: Signing,
    /// The Secret with the certificates: `ca.crt`, `tls.crt` and `tls.key` [default: NAME-certificates]
    #[arg(long, value_name = "NAME")]
    secret: Option<String>,
    /// What is done about pods that run as accounts of the host, where their namespace does not say
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    host_accounts: HostAccounts,
    /// Give pods with a gMSA and without a hostname a random one
    #[arg(long)]
    random_hostname: bool,
    /// A RuntimeClass whose runtime is porthole's. May be repeated
    #[arg(long, value_name = "NAME")]
    runtime_class: Vec<String>,
    /// What the API server does with pods that concern the webhook while no server answers
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    failure_policy: Policy,
    /// For how long the API server waits for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    webhook_timeout: u8,
    /// A namespace that is left alone, beside kube-system and the server's own. May be repeated
    #[arg(long, value_name = "NAME")]
    exclude_namespace: Vec<String>,
    /// A label that a namespace has to have for its pods to be looked at. May be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    namespace_label: Vec<(String, String)>,
    /// Processor time that a server is sure of
    #[arg(long, value_name = "QUANTITY", default_value_t = Resources::default().cpu)]
    cpu: String,
    /// Memory that a server is sure of
    #[arg(long, value_name = "QUANTITY", default_value_t = Resources::default().memory)]
    memory: String,
    /// Memory that a server never exceeds
    #[arg(long, value_name = "QUANTITY", default_value_t = Resources::default().memory_limit)]
    memory_limit: String,
    /// A taint of nodes that servers run on all the same. May be repeated
    #[arg(long, value_name = "KEY[=VALUE][:EFFECT]")]
    toleration: Vec<Toleration>,
    /// A label of the nodes that servers run on. May be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    node_label: Vec<(String, String)>,
    /// The servers' priority class
    #[arg(long, value_name = "NAME")]
    priority_class: Option<String>,
    /// How lines of the log look: text or json
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "json")]
    log_format: String,
    /// What is told: panic, fatal, error, warn, info, debug or trace
    #[arg(
        long,
        value_name = "LEVEL",
        value_parser = ["panic", "fatal", "error", "warn", "info", "debug", "trace"],
        default_value = "info"
    )]
    log_level: String,
    /// Without a `NetworkPolicy`
    #[arg(long)]
    no_network_policy: bool,
    /// Without the role by which whoever may view a namespace may read credential specs
    #[arg(long)]
    no_viewer_role: bool,
    /// The version of the cluster, such as 1.28 [default: the cluster's own; the newest known where none is asked]
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<Version>,
}

/// Who signs.
#[derive(Debug, Args)]
struct Signing {
    /// With --certificates=csr: who signs [default: kubernetes.io/kubelet-serving]
    #[arg(long, value_name = "NAME")]
    signer: Option<String>,
    /// With --certificates=csr: let the server approve its own requests. Without it somebody else has to
    #[arg(long)]
    approve: bool,
    /// With --certificates=csr: the ConfigMap of the namespace whose `ca.crt` has the signer's authorities [default: the
    /// cluster's own authority]
    #[arg(long, value_name = "NAME")]
    authority_config_map: Option<String>,
}

impl Signing {
    /// Who signs, where the server asks a signer.
    fn signer(&self, certificates: From) -> Result<Option<Signer>, Failure> {
        let Self {
            signer,
            approve,
            authority_config_map: authority,
        } = self;
        if certificates != From::Csr {
            let given = [
                ("--signer", signer.is_some()),
                ("--approve", *approve),
                ("--authority-config-map", authority.is_some()),
            ];
            return match given.iter().find(|(_, is_given)| *is_given) {
                Some((flag, _)) => {
                    let failure = Failure::unasked(format!("{flag} is for certificates that a signer signs"));
                    Err(failure.help("say so with --certificates=csr"))
                }
                None => Ok(None),
            };
        }
        // What the existing deploy script asks.
        let name = signer.as_deref().unwrap_or(KUBELET_SERVING);
        check_signer(name)?;
        Ok(Some(Signer {
            name: name.to_owned(),
            approves: *approve,
            authority: authority.clone(),
        }))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum From {
    /// The server makes its own
    #[default]
    Own,
    /// A signer of the cluster, by a `CertificateSigningRequest` that the server makes
    Csr,
    /// cert-manager makes them
    CertManager,
    /// Somebody else keeps them in the Secret
    Secret,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Policy {
    /// They are refused
    #[default]
    Fail,
    /// They are let in unseen
    Ignore,
}

/// `KEY=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Choices {
    /// The settings, for a cluster of this version where none is named.
    pub(super) fn settings(&self, version: Option<Version>) -> Result<Settings, Failure> {
        let settings = Settings {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            image: self.image.clone(),
            image_pull_secrets: self.image_pull_secret.clone(),
            replicas: self.replicas,
            port: self.port,
            certificates: match self.certificates {
                From::Own | From::Csr => Certificates::Own,
                From::CertManager => Certificates::CertManager,
                From::Secret => Certificates::Secret,
            },
            signer: self.signing.signer(self.certificates)?,
            secret: self.secret.clone(),
            host_accounts: self.host_accounts.into(),
            random_hostname: self.random_hostname,
            runtime_classes: self.runtime_class.clone(),
            failure_policy: match self.failure_policy {
                Policy::Fail => FailurePolicy::Fail,
                Policy::Ignore => FailurePolicy::Ignore,
            },
            timeout: self.webhook_timeout,
            excluded_namespaces: self.exclude_namespace.clone(),
            namespace_labels: self.namespace_label.clone(),
            resources: Resources {
                cpu: self.cpu.clone(),
                memory: self.memory.clone(),
                memory_limit: self.memory_limit.clone(),
            },
            tolerations: self.toleration.clone(),
            node_labels: self.node_label.clone(),
            priority_class: self.priority_class.clone(),
            log_format: self.log_format.clone(),
            log_level: self.log_level.clone(),
            kubernetes: self.kubernetes_version.or(version).unwrap_or_default(),
            network_policy: !self.no_network_policy,
            viewer_role: !self.no_viewer_role,
        };
        settings.check().map_err(Failure::unasked)?;
        Ok(settings)
    }

    /// Whether the version is named.
    pub(super) const fn names_version(&self) -> bool {
        self.kubernetes_version.is_some()
    }
}
