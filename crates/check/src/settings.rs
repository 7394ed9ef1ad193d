//! What is asked: of which cluster, with which nodes.

use porthole_admission::host_accounts::Mode;
use porthole_pod::pod_security::Configuration;
use porthole_pod::{NodeSetup, Options};

/// The cluster and the nodes whose verdict is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API server.
    pub options: Options,
    /// The nodes that Windows pods come to.
    pub node: NodeSetup,
    /// What the cluster's administrator set for Pod Security.
    pub pod_security: Configuration,
    /// What becomes of pods that ask for accounts of their nodes that they may not use, in namespaces whose labels do not say.
    pub host_accounts: Mode,
    /// The namespace of objects that name none.
    pub namespace: String,
    /// Rules that are not reported.
    pub ignore: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            options: Options::default(),
            node: NodeSetup::default(),
            pod_security: Configuration::default(),
            host_accounts: Mode::default(),
            namespace: "default".to_owned(),
            ignore: Vec::new(),
        }
    }
}
