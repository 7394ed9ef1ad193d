//! An existing installation of kubernetes-sigs/windows-gmsa, and its end.
//!
//! It goes on answering until the new one does; for a moment both are asked, and say the same. What is removed of it is what
//! only it uses. Its definition of credential specs is adopted, and no credential spec is touched.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use porthole_install::{Kind, Reference, Settings, configurations, existing, objects};
use serde_json::Value;

use super::apply::unfinished;
use super::cluster::Cluster;
use crate::failure::Failure;

/// Until every API server has heard that a server is not to be asked any more, and has had the answers that it waits for.
const HEARD: Duration = Duration::from_secs(5);

/// An installation that was found.
pub(super) struct Old {
    configurations: Vec<(Reference, Value)>,
    /// The rest, in the order of its removal.
    parts: Vec<(Reference, Value)>,
    /// Namespace and name of the Helm releases that it is of.
    releases: BTreeSet<(String, String)>,
}

/// The namespace of an object, if it has one, and its name.
fn reference(kind: Kind, object: &Value) -> Reference {
    let metadata = &object["metadata"];
    let text = |name: &str| metadata[name].as_str().unwrap_or_default();
    Reference::new(kind, text("namespace"), text("name"))
}

/// Looks for one.
pub(super) fn find(cluster: &Cluster) -> Result<Option<Old>, Failure> {
    let mut old = Old {
        configurations: Vec::new(),
        parts: Vec::new(),
        releases: BTreeSet::new(),
    };
    for kind in [Kind::MUTATING, Kind::VALIDATING] {
        for configuration in cluster.list(kind, None)? {
            if existing::registers(&configuration) {
                let named = reference(kind, &configuration);
                old.configurations.push((named, configuration));
            }
        }
    }
    if old.configurations.is_empty() {
        return Ok(None);
    }
    let services: BTreeSet<(String, String)> = old
        .configurations
        .iter()
        .filter_map(|(_, configuration)| existing::service(configuration))
        .map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
        .collect();
    for (namespace, name) in services {
        old.follow(cluster, &namespace, &name)?;
    }
    let objects = old.configurations.iter().chain(&old.parts);
    let releases = objects.filter_map(|(_, object)| existing::release(object));
    old.releases = releases
        .map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
        .collect();
    old.add_certificates(cluster)?;
    Ok(Some(old))
}

impl Old {
    /// From the Service to everything that only this server uses.
    fn follow(&mut self, cluster: &Cluster, namespace: &str, name: &str) -> Result<(), Failure> {
        let at = Reference::new(Kind::SERVICE, namespace, name);
        let Some(service) = cluster.get(&at)? else {
            return Ok(());
        };
        let deployments = cluster.list(Kind::DEPLOYMENT, Some(namespace))?;
        let led: Vec<Value> = deployments
            .into_iter()
            .filter(|deployment| existing::leads_to(&service, deployment))
            .collect();
        self.parts.push((at, service));
        for deployment in led {
            for budget in cluster.list(Kind::DISRUPTION_BUDGET, Some(namespace))? {
                if existing::is_budget_of(&budget, &deployment) {
                    self.parts
                        .push((reference(Kind::DISRUPTION_BUDGET, &budget), budget));
                }
            }
            // Of the deploy script; those of others are called otherwise, and are not the installation's own.
            if existing::secrets(&deployment).any(|secret| secret == name) {
                let at = Reference::new(Kind::SECRET, namespace, name);
                self.parts.extend(cluster.get(&at)?.map(|found| (at, found)));
            }
            if let Some(account) = existing::account(&deployment) {
                self.add_rights(cluster, namespace, account)?;
            }
            // Its pods go first, what they need after them.
            let at = reference(Kind::DEPLOYMENT, &deployment);
            self.parts.insert(0, (at, deployment));
        }
        Ok(())
    }

    /// The account and what it is allowed to.
    fn add_rights(&mut self, cluster: &Cluster, namespace: &str, account: &str) -> Result<(), Failure> {
        let all = cluster.list(Kind::CLUSTER_ROLE_BINDING, None)?;
        let (own, others): (Vec<Value>, Vec<Value>) = all
            .into_iter()
            .partition(|binding| existing::binds_only(binding, namespace, account));
        let local = cluster.list(Kind::ROLE_BINDING, None)?;
        let local = local
            .iter()
            .filter(|binding| binding["roleRef"]["kind"] == "ClusterRole");
        let bindings: Vec<&Value> = others.iter().chain(local).collect();
        for binding in own {
            let role = &binding["roleRef"]["name"];
            let is_shared = bindings.iter().any(|other| other["roleRef"]["name"] == *role);
            let at = Reference::new(Kind::CLUSTER_ROLE, namespace, role.as_str().unwrap_or_default());
            let role = cluster
                .get(&at)?
                .filter(|role| !is_shared && existing::is_role(role));
            self.parts
                .push((reference(Kind::CLUSTER_ROLE_BINDING, &binding), binding));
            self.parts.extend(role.map(|role| (at, role)));
        }
        let at = Reference::new(Kind::SERVICE_ACCOUNT, namespace, account);
        if let Some(found) = cluster.get(&at)? {
            self.parts.push((at, found));
        }
        Ok(())
    }

    /// cert-manager's objects of the same Helm releases, which would go on making certificates for nobody.
    fn add_certificates(&mut self, cluster: &Cluster) -> Result<(), Failure> {
        for kind in [Kind::CERTIFICATE, Kind::ISSUER, Kind::CLUSTER_ISSUER] {
            if self.releases.is_empty() {
                return Ok(());
            }
            for object in cluster.list(kind, None)? {
                let release = existing::release(&object);
                let release = release.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
                if release.is_some_and(|release| self.releases.contains(&release)) {
                    self.parts.push((reference(kind, &object), object));
                }
            }
        }
        Ok(())
    }

    /// Refuses to go on beside it where that is not asked for, or where it would get in the way.
    pub(super) fn check(&self, settings: &Settings, take_over: bool) -> Result<(), Failure> {
        let names: Vec<String> = self.configurations.iter().map(|(at, _)| at.to_string()).collect();
        if !take_over {
            let text = format!(
                "the cluster has an installation of kubernetes-sigs/windows-gmsa already ({}). Nothing is changed",
                names.join(", ")
            );
            return Err(unfinished(text).help(
                "--take-over replaces it, without a moment in which pods are refused or not looked at; with \
                 --dry-run=server it shows what it would do",
            ));
        }
        let shared = self.configurations.iter();
        if let Some((at, _)) = shared
            .clone()
            .find(|(_, object)| !existing::registers_only(object))
        {
            let text = format!(
                "{at} registers further webhooks beside that of kubernetes-sigs/windows-gmsa. Nothing is changed"
            );
            return Err(unfinished(text).help(format!("take `{}` out of it by hand", existing::WEBHOOK)));
        }
        let ours: Vec<Reference> = objects(settings)
            .into_iter()
            .chain(configurations(settings, None))
            .map(|object| object.reference)
            .collect();
        if let Some((at, _)) = shared.chain(&self.parts).find(|(at, _)| ours.contains(at)) {
            let text =
                format!("{at} is of the existing installation, and would be one of this. Nothing is changed");
            return Err(unfinished(text).help("call this one otherwise, by another --name"));
        }
        Ok(())
    }

    /// Removes it: what asks it first, then, once every API server has heard of that, what answers.
    pub(super) fn remove(&self, cluster: &Cluster) -> Result<(), Failure> {
        for (at, object) in &self.configurations {
            cluster.delete(at, object)?;
        }
        if !cluster.dry_run {
            thread::sleep(HEARD);
        }
        for (at, object) in &self.parts {
            cluster.delete(at, object)?;
        }
        for (namespace, name) in &self.releases {
            cluster.note(&format!(
                "Helm still knows the release {name}. `helm uninstall` would remove credential specs that it made: have it \
                 forgotten instead, by `kubectl -n {namespace} delete secret -l owner=helm,name={name}`"
            ));
        }
        Ok(())
    }
}
