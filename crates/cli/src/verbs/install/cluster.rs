//! The cluster that something is installed in, and what is said of it.

use porthole_cluster::{Client, Error, Manner, Places, Problem, Target};
use porthole_install::{Kind, MANAGER, Object, Reference};
use porthole_pod::Version;
use serde_json::Value;

use super::{DryRun, Install};
use crate::applier::{Applier, Choices, resource};
use crate::arguments::Global;
use crate::failure::Failure;
use crate::note;

/// A cluster, and how it is changed.
pub(super) struct Cluster {
    applier: Applier,
    has_cert_manager: bool,
}

/// Of kinds that not every cluster has.
const CERT_MANAGER: &str = "cert-manager.io";

impl Cluster {
    /// Asks the cluster for its version, and says it where its rules are known.
    pub(super) fn connect(install: &Install, global: &Global) -> Result<(Self, Option<Version>), Failure> {
        let places = Places::of_environment(install.kubeconfig.clone());
        let target = Target::find(&places, install.context.as_deref()).map_err(|error| match error {
            error @ Error::NoKubeconfig { .. } => Failure::unasked(error)
                .help("name one with --kubeconfig or KUBECONFIG; --print asks no cluster"),
            other => Failure::of_cluster(other),
        })?;
        let client = Client::new(target).map_err(Failure::of_cluster)?;
        let said = client.version().map_err(Failure::of_cluster)?;
        let version = Version::of_server(&said);
        if version.is_none() && !install.choices.names_version() && !global.quiet {
            note(&format!(
                "{said} is not known; it is taken for Kubernetes {}, or for what --kubernetes-version says",
                Version::NEWEST
            ));
        }
        let has_cert_manager = client.has_group(CERT_MANAGER).map_err(Failure::of_cluster)?;
        let choices = Choices {
            force: install.force_conflicts,
            dry_run: install.dry_run == DryRun::Server,
            is_quiet: global.quiet,
        };
        let cluster = Self {
            applier: Applier::new(client, MANAGER, choices, help),
            has_cert_manager,
        };
        Ok((cluster, version))
    }

    /// Prints a line of what was done.
    pub(super) fn say(&self, reference: &Reference, done: &str) -> Result<(), Failure> {
        self.applier.say(reference, done)
    }

    /// Says something that is not asked for, but good to know.
    pub(super) fn note(&self, text: &str) {
        self.applier.note(text);
    }

    /// Whether nothing is kept.
    pub(super) const fn is_dry_run(&self) -> bool {
        self.applier.is_dry_run()
    }

    /// An object as it is.
    pub(super) fn get(&self, reference: &Reference) -> Result<Option<Value>, Failure> {
        self.applier.get(reference)
    }

    /// The same, where a kind that the cluster does not have has no objects.
    pub(super) fn get_if_served(&self, reference: &Reference) -> Result<Option<Value>, Failure> {
        if self.lacks(reference.kind) {
            return Ok(None);
        }
        self.get(reference)
    }

    /// Whether the cluster does not have a kind: of those here, cert-manager's alone.
    fn lacks(&self, kind: Kind) -> bool {
        is_of_cert_manager(kind) && !self.has_cert_manager
    }

    /// All objects of a kind; none where the cluster does not have the kind.
    pub(super) fn list(&self, kind: Kind, namespace: Option<&str>) -> Result<Vec<Value>, Failure> {
        if self.lacks(kind) {
            return Ok(Vec::new());
        }
        let found = self.applier.editor().client().list(&resource(kind), namespace);
        found.map_err(Failure::of_cluster)
    }

    /// What would come of an object, of which nothing is kept.
    pub(super) fn rehearse(&self, object: &Object, force: bool) -> Result<Value, Failure> {
        let mut value = object.value.clone();
        let namespace = self.rehearsal_namespace(&object.reference)?;
        if let Some(namespace) = &namespace {
            value["metadata"]["namespace"] = Value::from(namespace.as_str());
        }
        let manner = Manner {
            dry_run: true,
            ..self.applier.manner(force)
        };
        let mut applied = self
            .applier
            .send(&object.reference, namespace.as_deref(), &value, manner)?
            .object;
        if let Some(namespace) = &object.reference.namespace {
            applied["metadata"]["namespace"] = Value::from(namespace.as_str());
        }
        Ok(applied)
    }

    /// An object in a namespace that is not there yet is judged in one that always is.
    fn rehearsal_namespace(&self, reference: &Reference) -> Result<Option<String>, Failure> {
        let Some(namespace) = &reference.namespace else {
            return Ok(None);
        };
        let own = Reference::new(Kind::NAMESPACE, namespace, namespace);
        Ok(Some(match self.get(&own)? {
            Some(_) => namespace.clone(),
            None => "default".to_owned(),
        }))
    }

    /// Applies an object, and says what came of it. `force` takes fields over that others keep.
    pub(super) fn apply(&self, object: &Object, force: bool) -> Result<Value, Failure> {
        let reference = &object.reference;
        let before = self.get_if_served(reference)?;
        let after = if self.is_dry_run() {
            self.rehearse(object, force)?
        } else {
            let (namespace, manner) = (reference.namespace.as_deref(), self.applier.manner(force));
            let applied = self.applier.send(reference, namespace, &object.value, manner)?;
            applied.object
        };
        self.applier.tell(reference, before, after.clone())?;
        Ok(after)
    }

    /// Applies a part of an object for another manager of fields.
    pub(super) fn hand_over(&self, reference: &Reference, part: &Value, to: &str) -> Result<(), Failure> {
        let manner = Manner {
            manager: to,
            // Of a bundle that was empty until now.
            force: true,
            dry_run: false,
        };
        self.applier.send(reference, None, part, manner).map(drop)
    }

    /// Applies an object once more without what another manager keeps by now, and says nothing of it.
    pub(super) fn give_up(&self, object: &Object) -> Result<(), Failure> {
        let manner = self.applier.manner(false);
        self.applier
            .send(&object.reference, None, &object.value, manner)
            .map(drop)
    }

    /// Removes an object that was seen.
    pub(super) fn delete(&self, reference: &Reference, object: &Value) -> Result<(), Failure> {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        if !self.is_dry_run() {
            let namespace = reference.namespace.as_deref();
            let kind = resource(reference.kind);
            let removed = self
                .applier
                .editor()
                .delete(&kind, namespace, &reference.name, uid);
            if !removed.map_err(Failure::of_cluster)? {
                return Ok(());
            }
        }
        self.say(reference, "removed")
    }
}

fn is_of_cert_manager(kind: Kind) -> bool {
    kind.api_version
        .split_once('/')
        .is_some_and(|(group, _)| group == CERT_MANAGER)
}

/// What to try against what an installation meets.
fn help(reference: &Reference, problem: &Problem) -> Option<&'static str> {
    match problem {
        Problem::NotServed | Problem::Status { status: 404, .. } if is_of_cert_manager(reference.kind) => {
            Some(
                "install cert-manager first, or let the webhook make its own certificates (--certificates own)",
            )
        }
        Problem::Forbidden(_) => Some(
            "installing needs the rights of an administrator of the cluster; what was applied before this stays, and the \
             same command goes on from there",
        ),
        _ => None,
    }
}
