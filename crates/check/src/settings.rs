//! What is asked: of which cluster, with which nodes.

use porthole_pod::{NodeSetup, Options};

/// The cluster and the nodes whose verdict is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API server.
    pub options: Options,
    /// The nodes that Windows pods come to.
    pub node: NodeSetup,
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
            namespace: "default".to_owned(),
            ignore: Vec::new(),
        }
    }
}
