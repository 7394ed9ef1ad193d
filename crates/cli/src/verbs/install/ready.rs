//! What has to be there before the API server asks the server: servers that answer, and whom it is trusted by.

use std::thread;
use std::time::{Duration, Instant};

use porthole_install::{Certificates, Kind, Reference, Settings};
use serde_json::Value;

use super::apply::unfinished;
use super::cluster::Cluster;
use crate::failure::Failure;

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until every server of the Deployment answers; looks once where there is no time to wait until.
pub(super) fn wait(cluster: &Cluster, settings: &Settings, until: Option<Instant>) -> Result<(), Failure> {
    let reference = Reference::new(Kind::DEPLOYMENT, &settings.namespace, &settings.name);
    loop {
        let deployment = cluster.get(&reference)?.unwrap_or_default();
        let Err(lacking) = all_answer(&deployment) else {
            return Ok(());
        };
        if has_time(until) {
            thread::sleep(PAUSE);
            continue;
        }
        let how = if until.is_some() { "in time" } else { "yet" };
        let text = format!("{reference} is not ready {how}: {lacking}. The API server is not told to ask it");
        return Err(unfinished(text).help(format!(
            "see `kubectl -n {} get pods` and their logs; the same command goes on from here",
            settings.namespace
        )));
    }
}

/// Whether there is time left.
fn has_time(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}

/// Whether every pod of the newest revision is available; else what is lacking.
fn all_answer(deployment: &Value) -> Result<(), String> {
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let status = &deployment["status"];
    let wanted = number(&deployment["spec"]["replicas"]);
    if number(&status["observedGeneration"]) < number(&deployment["metadata"]["generation"]) {
        return Err("no controller has seen it".to_owned());
    }
    let (updated, available) = (
        number(&status["updatedReplicas"]),
        number(&status["availableReplicas"]),
    );
    if updated >= wanted && available >= wanted && wanted > 0 {
        return Ok(());
    }
    let mut lacking = format!("of {wanted} pods {updated} are of this revision and {available} available");
    let conditions = status["conditions"].as_array();
    for condition in conditions.into_iter().flatten() {
        let is_good = condition["status"]
            == if condition["type"] == "ReplicaFailure" {
                "False"
            } else {
                "True"
            };
        if let Some(message) = condition["message"].as_str().filter(|_| !is_good) {
            lacking.push_str("; ");
            lacking.extend(
                message
                    .chars()
                    .filter(|character| !character.is_control())
                    .take(300),
            );
        }
    }
    Err(lacking)
}

/// `ca.crt` of the Secret, in base64 as a configuration has it, where it has one.
pub(super) fn authorities(cluster: &Cluster, settings: &Settings) -> Result<Option<String>, Failure> {
    let reference = Reference::new(Kind::SECRET, &settings.namespace, settings.secret());
    let found = cluster.get(&reference)?.unwrap_or_default();
    let bundle = found["data"]["ca.crt"]
        .as_str()
        .filter(|bundle| !bundle.is_empty());
    Ok(bundle.map(str::to_owned))
}

/// The same, waited for.
pub(super) fn bundle(
    cluster: &Cluster,
    settings: &Settings,
    until: Option<Instant>,
) -> Result<String, Failure> {
    let secret = settings.secret();
    loop {
        if let Some(bundle) = authorities(cluster, settings)? {
            return Ok(bundle);
        }
        let is_made = settings.certificates != Certificates::Secret;
        if is_made && has_time(until) {
            thread::sleep(PAUSE);
            continue;
        }
        let text = format!(
            "the Secret {}/{secret} has no `ca.crt`, by which the API server would trust the webhook",
            settings.namespace
        );
        return Err(unfinished(text).help(match settings.certificates {
            Certificates::Own => "the server makes it: see its logs",
            Certificates::CertManager => "cert-manager makes it: see the Certificate's conditions",
            Certificates::Secret => "make it, with the keys `ca.crt`, `tls.crt` and `tls.key`",
        }));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_is_ready_once_every_pod_of_its_newest_revision_is() {
        let deployment = |seen: u32, updated: u32, available: u32| {
            json!({
                "metadata": {"generation": 2}, "spec": {"replicas": 2},
                "status": {"observedGeneration": seen, "updatedReplicas": updated, "availableReplicas": available,
                    "conditions": [{"type": "Available", "status": "False", "message": "too\nfew"},
                        {"type": "Progressing", "status": "True", "message": "on its way"}]},
            })
        };
        assert_eq!(all_answer(&deployment(2, 2, 2)), Ok(()));
        assert_eq!(
            all_answer(&deployment(1, 2, 2)),
            Err("no controller has seen it".to_owned())
        );
        assert_eq!(
            all_answer(&deployment(2, 2, 1)),
            Err("of 2 pods 2 are of this revision and 1 available; toofew".to_owned())
        );
        assert!(all_answer(&deployment(2, 1, 2)).is_err());
        assert!(all_answer(&Value::Null).is_err());
    }
}
