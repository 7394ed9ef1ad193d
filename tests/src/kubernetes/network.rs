//! What pods of a [`Node`](super::Node) reach, and what looks after them.

use super::Settings;

/// The network of a node's pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// The node's own.
    Host,
    /// A pair of interfaces for each pod.
    OfPods,
}

impl Network {
    /// What the API server is told of it.
    pub(super) fn settings(self, settings: Settings) -> Settings {
        match self {
            Self::Host => settings,
            // Pods have tokens, and are reached without Services, of which nobody makes ways.
            Self::OfPods => settings
                .service_accounts(true)
                .argument("--enable-aggregator-routing=true"),
        }
    }

    /// The configuration that the plug-ins of the container network interface take.
    pub(super) fn configuration(self) -> &'static str {
        match self {
            // The kubelet asks for one all the same.
            Self::Host => r#"{"cniVersion": "0.4.0", "name": "loopback", "plugins": [{"type": "loopback"}]}"#,
            Self::OfPods => {
                r#"{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": false,
                    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}]],
                    "routes": [{"dst": "0.0.0.0/0"}]}}]}"#
            }
        }
    }

    /// What `kube-controller-manager` does.
    pub(super) fn controllers(self) -> &'static [&'static str] {
        match self {
            Self::Host => &["job-controller"],
            Self::OfPods => &[
                "deployment-controller",
                "replicaset-controller",
                "endpointslice-controller",
                "disruption-controller",
                "node-lifecycle-controller",
                "serviceaccount-controller",
                "root-ca-certificate-publisher-controller",
                "garbage-collector-controller",
                "namespace-controller",
            ],
        }
    }
}
