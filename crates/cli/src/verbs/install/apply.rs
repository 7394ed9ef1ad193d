//! Applying: the server first, then, once it answers, that the API server asks it.
//!
//! At no moment does the API server ask a server that it does not trust: an empty caBundle stands for the authorities of its own system. So the
//! first configuration has the caBundle in it already, and it is given to another manager of fields then, from whom the server
//! (or cert-manager) takes it when certificates change; who installs again leaves it alone.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use porthole_install::{
    Certificates, Kind, Object, Settings, bundle_only, configurations, is_installed, leftovers, objects,
};
use serde_json::Value;

use super::cluster::Cluster;
use super::{ready, take_over};
use crate::exit;
use crate::failure::Failure;

/// Who keeps the caBundle of a configuration that was made with one.
const KEEPER: &str = "porthole-webhook";

/// What is done beside applying.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// Whether an existing installation is replaced.
    pub(super) take_over: bool,
    /// For how long the servers are waited for, if at all.
    pub(super) wait: Option<Duration>,
}

pub(super) fn run(cluster: &Cluster, settings: &Settings, plan: Plan) -> Result<ExitCode, Failure> {
    let old = take_over::find(cluster)?;
    if let Some(old) = &old {
        old.check(settings, plan.take_over)?;
    }
    for object in objects(settings) {
        // The definition of an existing installation is adopted, with all that is defined by it.
        let adopted = old.is_some() && object.reference.kind == Kind::DEFINITION;
        cluster.apply(&object, adopted)?;
    }
    for reference in leftovers(settings) {
        if let Some(found) = cluster.get_if_served(&reference)?.filter(is_installed) {
            cluster.delete(&reference, &found)?;
        }
    }
    let until = plan.wait.map(|time| Instant::now() + time);
    if !cluster.is_dry_run() {
        ready::wait(cluster, settings, until)?;
    }
    for object in wanted(cluster, settings)? {
        configure(cluster, settings, &object, until)?;
    }
    if let Some(old) = old {
        old.remove(cluster)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The configurations, with the caBundle where no other manager keeps it.
pub(super) fn wanted(cluster: &Cluster, settings: &Settings) -> Result<[Object; 2], Failure> {
    let bundle = match settings.certificates {
        Certificates::Secret => ready::authorities(cluster, settings)?,
        Certificates::Own | Certificates::CertManager => None,
    };
    Ok(configurations(settings, bundle.as_deref()))
}

/// Applies a configuration, with its caBundle where it has none yet.
fn configure(
    cluster: &Cluster,
    settings: &Settings,
    object: &Object,
    until: Option<Instant>,
) -> Result<(), Failure> {
    let kind = object.reference.kind;
    let is_kept = settings.certificates != Certificates::Secret;
    // A bundle that is this manager's own would go with the field.
    let stays = || Ok::<_, Failure>(has_bundles(&cluster.rehearse(object, false)?, settings, kind));
    if cluster.is_dry_run() || (is_kept && stays()?) {
        return cluster.apply(object, false).map(drop);
    }
    let bundle = ready::bundle(cluster, settings, until)?;
    let [validating, mutating] = configurations(settings, Some(&bundle));
    let with_bundle = if kind == Kind::VALIDATING {
        validating
    } else {
        mutating
    };
    cluster.apply(&with_bundle, false)?;
    if is_kept {
        let part = bundle_only(settings, kind, &bundle);
        cluster.hand_over(&object.reference, &part, KEEPER)?;
        cluster.give_up(object)?;
    }
    Ok(())
}

/// Whether every webhook that there is to be has a caBundle.
fn has_bundles(object: &Value, settings: &Settings, kind: Kind) -> bool {
    let webhooks = object["webhooks"].as_array().map_or(&[][..], Vec::as_slice);
    porthole_install::webhook_names(settings, kind)
        .iter()
        .all(|name| {
            webhooks.iter().any(|webhook| {
                let bundle = webhook["clientConfig"]["caBundle"].as_str();
                webhook["name"] == *name && bundle.is_some_and(|bundle| !bundle.is_empty())
            })
        })
}

/// The answer is that it is not installed, or not all of it.
pub(super) fn unfinished(text: impl Into<String>) -> Failure {
    Failure::new(exit::NO, text.into())
}
