//! What the GMSA webhook is in a cluster: from [`Settings`] to objects in the order in which they are applied.
//!
//! Nothing is sent and nothing read here. [`objects`] are applied first; [`configurations`], by which the API server begins to
//! ask, once the server answers, with the certificates that it is trusted by. [`leftovers`] are those that other settings
//! would have made. What an installation of kubernetes-sigs/windows-gmsa is recognised by is in [`existing`].
//!
//! ```
//! use porthole_install::{Settings, objects};
//!
//! let names: Vec<String> = objects(&Settings::default()).iter().map(|object| object.reference.to_string()).collect();
//! assert_eq!(names[0], "customresourcedefinition.apiextensions.k8s.io/gmsacredentialspecs.windows.k8s.io");
//! assert!(names.contains(&"deployment.apps/porthole-webhook".to_owned()));
//! ```

mod certificates;
pub mod chart;
mod conditions;
mod configurations;
mod definition;
mod deployment;
pub mod existing;
mod object;
mod rbac;
mod service;
mod settings;

pub use configurations::{bundle_only, configurations, webhook_names};
pub use definition::definition;
pub use object::{Kind, MANAGER, Object, Reference, is_installed, is_of_server};
pub use settings::{Certificates, FailurePolicy, Resources, Settings, SettingsError, Signer, Toleration};

/// Everything but the configurations, in the order in which it is applied.
#[must_use]
pub fn objects(settings: &Settings) -> Vec<Object> {
    let mut objects = vec![
        definition(settings),
        service::namespace(settings),
        service::account(settings),
    ];
    objects.extend(rbac::objects(settings));
    objects.extend(certificates::objects(settings));
    objects.push(service::service(settings));
    objects.push(deployment::deployment(settings));
    objects.push(deployment::disruption_budget(settings));
    objects.extend(settings.network_policy.then(|| service::network_policy(settings)));
    objects
}

/// Everything that any settings of this name and namespace could have made, and these do not: what an installation with
/// other settings left behind.
#[must_use]
pub fn leftovers(settings: &Settings) -> Vec<Reference> {
    let made = objects(settings);
    everything(settings)
        .into_iter()
        .filter(|reference| made.iter().all(|object| object.reference != *reference))
        .collect()
}

/// Everything that any settings of this name and namespace could have made, the last first: in this order it is removed. The
/// definition of credential specs is not among it, which would take them with it, nor is the namespace, nor are configurations.
#[must_use]
pub fn everything(settings: &Settings) -> Vec<Reference> {
    let every = [Certificates::Own, Certificates::CertManager].map(|certificates| Settings {
        certificates,
        network_policy: true,
        viewer_role: true,
        ..settings.clone()
    });
    let mut references: Vec<Reference> = Vec::new();
    for settings in &every {
        for object in objects(settings).into_iter().rev() {
            let stays = matches!(object.reference.kind, Kind::DEFINITION | Kind::NAMESPACE);
            if !stays && !references.contains(&object.reference) {
                references.push(object.reference);
            }
        }
    }
    references
}
