//! What admission decides of a Windows pod.
//!
//! [`decide`] answers the API server's admission reviews as the GMSA webhook does, for every kind of container, and guards
//! porthole's annotation. [`gmsa`] is the same webhook's view of a manifest: may this pod's service account use the
//! credential specs that the pod names, and does the pod hold what those specs hold? Both say what they refuse in the same
//! words.
//!
//! [`host_accounts`] is which accounts of its node a pod asks for, and how strict its namespace is about that.
//!
//! [`classes`] is what the built-in plug-ins `Priority` and `RuntimeClass` say, [`service_account`] what `ServiceAccount` does,
//! [`limit_range`] what `LimitRanger` does and [`quota`] what `ResourceQuota` does.
//!
//! There is no input or output here.

/// What an installation's configurations call the webhook that is asked about pods. The API server's refusals name it.
pub const WEBHOOK: &str = "webhook.porthole.dev";
/// The namespace about whose pods no installation asks, so that the cluster can start while no webhook answers.
pub const LEFT_ALONE: &str = "kube-system";

pub mod classes;
pub mod decide;
pub mod gmsa;
pub mod host_accounts;
mod level;
pub mod limit_range;
pub mod quota;
mod resources;
pub mod service_account;
mod words;
