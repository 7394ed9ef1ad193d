//! Removing: the configurations first, so that nothing is refused for want of a server.

use std::process::ExitCode;

use porthole_install::{
    Certificates, Kind, Reference, Settings, configurations, definition, everything, is_installed,
    is_of_server,
};

use super::cluster::Cluster;
use crate::failure::Failure;

/// What is removed, in its order.
pub(super) fn order(settings: &Settings) -> Vec<Reference> {
    let mut order: Vec<Reference> = configurations(settings, None)
        .map(|object| object.reference)
        .into();
    order.extend(everything(settings));
    order.extend(made_by_server(settings));
    order
}

/// What the server makes for itself.
fn made_by_server(settings: &Settings) -> Vec<Reference> {
    if settings.certificates == Certificates::Secret {
        return Vec::new();
    }
    vec![
        Reference::new(Kind::SECRET, &settings.namespace, settings.secret()),
        Reference::new(Kind::LEASE, &settings.namespace, &settings.name),
    ]
}

pub(super) fn run(cluster: &Cluster, settings: &Settings) -> Result<ExitCode, Failure> {
    let made = made_by_server(settings);
    for reference in order(settings) {
        let Some(found) = cluster.get_if_served(&reference)? else {
            continue;
        };
        let is_own = if made.contains(&reference) {
            is_of_server(&found)
        } else {
            is_installed(&found)
        };
        if is_own {
            cluster.delete(&reference, &found)?;
        } else {
            cluster.say(&reference, "kept: it was made by somebody else")?;
        }
    }
    let definition = definition(settings).reference;
    if cluster.get(&definition)?.is_some() {
        let count = cluster.list(Kind::CREDENTIAL_SPEC, None)?.len();
        cluster.say(&definition, &format!("kept, with {count} credential specs"))?;
    }
    let namespace = Reference::new(Kind::NAMESPACE, &settings.namespace, &settings.namespace);
    if cluster.get(&namespace)?.is_some() {
        cluster.say(&namespace, "kept, with whatever else is in it")?;
    }
    Ok(ExitCode::SUCCESS)
}
