//! The cluster's verdict on manifests: what `porthole check` and the editor ask.
//!
//! [`File`]s are read into a [`World`], in which the objects of all of them find each other: namespaces and their Pod
//! Security levels, credential specs, service accounts, roles. [`judge`] asks of every object what the API server, Pod
//! Security, the GMSA webhook and the node would say, adds porthole's advice, and leaves out what comments suppress
//! ([`suppress`]). [`fix`] applies the changes that findings propose.
//!
//! ```
//! use porthole_check::{File, Settings, World, judge};
//!
//! let files = [File::parse("pod.yaml", "
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: hpc}
//! spec:
//!   securityContext: {windowsOptions: {hostProcess: true}}
//!   containers: [{name: c, image: i}]
//! ")];
//! let settings = Settings::default();
//! let world = World::of(&files, &settings);
//! let verdicts = judge(&files[0], &world, &settings);
//! assert_eq!(verdicts[0].answer.code, Some(422));
//! assert_eq!(
//!     verdicts[0].findings[0].to_string(),
//!     "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
//! );
//! ```
//!
//! Where a cluster is at hand, [`Needs`] says what of it decides about the files, and [`World::in_cluster`] takes what was
//! read of it as a [`Live`].
//!
//! There is no input or output here.

mod answer;
mod api_server;
mod existence;
mod file;
pub mod fix;
mod foreign;
mod host_accounts;
mod judge;
mod limit_ranges;
mod live;
mod made_claims;
mod node_ports;
mod pod_security;
mod quotas;
mod settings;
pub mod suppress;
mod world;

pub use answer::Answer;
pub use file::File;
pub use judge::{Checked, Verdict, judge, judge_documents};
pub use live::{Live, Needed, Needs, Part};
pub use settings::Settings;
pub use world::World;

/// What becomes of pods that ask for accounts of their nodes that they may not use, where their namespace does not say.
pub use porthole_admission::host_accounts::Mode as HostAccounts;
/// The API group of credential specs.
pub use porthole_credspec::GROUP as CREDSPEC_GROUP;
/// The kind of a credential spec.
pub use porthole_credspec::KIND as CREDSPEC_KIND;

use porthole_pod::Rule;

/// Every rule that there is, grouped by who enforces it.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let mut all: Vec<&'static Rule> = porthole_pod::rules::all()
        .chain(pod_security::rules().iter().copied())
        .chain(existence::rules().iter().copied())
        .chain(node_ports::rules().iter().copied())
        .chain(porthole_admission::service_account::rules().iter().copied())
        .chain(porthole_admission::classes::rules().iter().copied())
        .chain(porthole_admission::limit_range::rules().iter().copied())
        .chain(porthole_admission::quota::rules().iter().copied())
        .chain(porthole_admission::gmsa::rules().iter().copied())
        .chain(porthole_admission::host_accounts::rules().iter().copied())
        .chain(porthole_credspec::rules().iter().copied())
        .chain(foreign::RULES.iter().copied())
        .collect();
    all.sort_by_key(|rule| rule.enforcer as u8);
    all.into_iter()
}
