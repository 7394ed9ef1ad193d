//! What is asked, by flags and by the settings file: of which cluster, with which nodes.

use std::path::PathBuf;

use clap::Args;
use porthole_check::Settings;
use porthole_pod::pod_security::{Configuration, LevelVersion};
use porthole_pod::{Containerd, Gates, NodeSetup, Options, Version};

use super::config::{Asked, Config};
use super::pod_security;
use crate::failure::Failure;
use crate::verbs::webhook::HostAccounts;

/// The flags that say which cluster is asked.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Flags {
    /// The version of the cluster [default: the newest known]
    #[arg(long, value_name = "1.NN")]
    pub(super) kubernetes_version: Option<Version>,
    /// The version of the nodes' kubelets [default: the cluster's]
    #[arg(long, value_name = "1.NN")]
    pub(super) kubelet_version: Option<Version>,
    /// The release of the nodes' containerd, such as 1.6, 1.7 or 2.x [default: the newest]
    #[arg(long, value_name = "N.N")]
    pub(super) containerd: Option<Containerd>,
    /// The cluster's API server runs without --allow-privileged
    #[arg(long)]
    pub(super) disallow_privileged: bool,
    /// The namespace of objects that name none [default: default]
    #[arg(short, long)]
    pub(super) namespace: Option<String>,
    /// A rule that is not to be reported; may be given several times
    #[arg(long, value_name = "RULE")]
    pub(super) ignore: Vec<String>,
    /// Feature gates of the API server, as its own flag takes them
    #[arg(long, value_name = "NAME=BOOL,…")]
    pub(super) feature_gates: Option<String>,
    /// What becomes of pods whose service account may not use the accounts of their nodes that they ask for, in namespaces
    /// without the label porthole.dev/host-accounts [default: off]
    #[arg(long, value_name = "MODE", value_enum)]
    pub(super) host_accounts: Option<HostAccounts>,
    /// What Pod Security holds namespaces to whose labels do not say: privileged, baseline or restricted, with a version
    /// such as v1.28 or latest
    #[arg(long, value_name = "LEVEL[:VERSION]")]
    pub(super) pod_security: Option<LevelVersion>,
    /// The configuration of Pod Security, or the file of all admission plugins that has it
    #[arg(long, value_name = "FILE")]
    pub(super) pod_security_config: Option<PathBuf>,
}

/// What is read once for all files.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pod_security: Configuration,
    told: Told,
}

/// What a live cluster says of itself, where one is asked.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Its version.
    pub(super) version: Option<Version>,
    /// The namespace of whoever names none.
    pub(super) namespace: Option<String>,
}

impl Flags {
    /// Reads what flags and settings name, and checks that they mean something to each other.
    ///
    /// # Errors
    /// A rule or a feature gate is unknown, or the configuration of Pod Security cannot be read.
    pub(crate) fn cluster(&self, config: &Config, told: Told) -> Result<Cluster, Failure> {
        self.check_rules()?;
        for asked in config.every_asked() {
            self.gates(&asked, &told)
                .map_err(|error| Failure::unasked(format!("read the feature gates: {error}")))?;
        }
        let version = self.version(config.asked(), &told);
        let file = self
            .pod_security_config
            .clone()
            .or_else(|| config.pod_security_config());
        let pod_security = match file {
            Some(file) => pod_security::read(&file, &Options::of(version))?,
            None => Configuration::default(),
        };
        Ok(Cluster { pod_security, told })
    }

    /// What is asked: flags go before what a live cluster says of itself, and its version before what settings say.
    pub(crate) fn settings(&self, asked: &Asked, cluster: &Cluster) -> Settings {
        let version = self.version(asked, &cluster.told);
        let kubelet = asked
            .kubelet_version
            .as_deref()
            .and_then(|version| version.parse().ok());
        let containerd = asked
            .containerd
            .as_deref()
            .and_then(|release| release.parse().ok());
        let namespace = self.namespace.as_ref().or(asked.namespace.as_ref());
        let namespace = namespace.or(cluster.told.namespace.as_ref());
        let options = Options {
            allow_privileged: !(self.disallow_privileged || asked.disallow_privileged == Some(true)),
            // What is no set of gates was refused when it was read.
            gates: self.gates(asked, &cluster.told).unwrap_or_default(),
            ..Options::of(version)
        };
        let host_accounts = asked.host_accounts.as_deref().and_then(|mode| mode.parse().ok());
        let mut pod_security = cluster.pod_security.clone();
        let level = asked.pod_security.as_deref().and_then(|level| level.parse().ok());
        if let Some(level) = self.pod_security.or(level) {
            let defaults = &mut pod_security.defaults;
            (defaults.enforce, defaults.audit, defaults.warn) = (level, level, level);
        }
        Settings {
            node: NodeSetup::of(&options)
                .with_kubelet(self.kubelet_version.or(kubelet).unwrap_or(version))
                .with_containerd(self.containerd.or(containerd).unwrap_or_default()),
            options,
            pod_security,
            host_accounts: self
                .host_accounts
                .map(Into::into)
                .or(host_accounts)
                .unwrap_or_default(),
            namespace: namespace.map_or_else(|| "default".to_owned(), Clone::clone),
            ignore: self.ignore.iter().chain(&asked.ignore).cloned().collect(),
        }
    }

    fn version(&self, asked: &Asked, told: &Told) -> Version {
        let version = asked
            .kubernetes_version
            .as_deref()
            .and_then(|version| version.parse().ok());
        self.kubernetes_version
            .or(told.version)
            .or(version)
            .unwrap_or_default()
    }

    fn gates(&self, asked: &Asked, told: &Told) -> Result<Gates, porthole_pod::GatesError> {
        let text = match &self.feature_gates {
            Some(text) => text.clone(),
            None => asked.gates(),
        };
        Gates::parse(&text, self.version(asked, told))
    }

    /// A misspelt rule would be ignored in silence.
    fn check_rules(&self) -> Result<(), Failure> {
        let unknown = self
            .ignore
            .iter()
            .find(|name| !porthole_check::rules().any(|rule| rule.name == *name));
        match unknown {
            None => Ok(()),
            Some(name) => {
                let failure = Failure::unasked(format!("--ignore: there is no rule `{name}`"));
                Err(failure.help("`porthole rule` lists them"))
            }
        }
    }
}
