//! The cluster that something is installed in, and what is said of it.

use porthole_cluster::{Applied, Client, Editor, Error, Manner, Places, Problem, Resource, Target};
use porthole_install::{Kind, MANAGER, Object, Reference};
use porthole_pod::Version;
use serde_json::Value;

use super::{DryRun, Install};
use crate::arguments::Global;
use crate::exit;
use crate::failure::Failure;
use crate::{note, print};

/// A cluster, and how it is changed.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what was asked for, and what the cluster is like"
)]
pub(super) struct Cluster {
    editor: Editor,
    /// Whether nothing is kept.
    pub(super) dry_run: bool,
    force: bool,
    has_cert_manager: bool,
    is_quiet: bool,
}

/// Of kinds that not every cluster has.
const CERT_MANAGER: &str = "cert-manager.io";

/// What an object is in the client's words.
fn resource(kind: Kind) -> Resource<'static> {
    Resource::new(kind.api_version, kind.name, kind.plural)
}

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
        let cluster = Self {
            editor: Editor::new(client),
            has_cert_manager,
            dry_run: install.dry_run == DryRun::Server,
            force: install.force_conflicts,
            is_quiet: global.quiet,
        };
        Ok((cluster, version))
    }

    /// Prints a line of what was done.
    pub(super) fn say(&self, reference: &Reference, done: &str) -> Result<(), Failure> {
        if self.is_quiet {
            return Ok(());
        }
        let dry = if self.dry_run { " (server dry run)" } else { "" };
        print::text(&format!("{reference} {done}{dry}\n"))
    }

    /// Says something that is not asked for, but good to know.
    pub(super) fn note(&self, text: &str) {
        if !self.is_quiet {
            note(text);
        }
    }

    /// An object as it is.
    pub(super) fn get(&self, reference: &Reference) -> Result<Option<Value>, Failure> {
        let namespace = reference.namespace.as_deref();
        let found = self
            .editor
            .client()
            .get(&resource(reference.kind), namespace, &reference.name);
        found.map_err(Failure::of_cluster)
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
        let found = self.editor.client().list(&resource(kind), namespace);
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
            manager: MANAGER,
            force: force || self.force,
            dry_run: true,
        };
        let mut applied = self
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
        let before = self.get_if_served(reference)?.map(kept);
        let after = if self.dry_run {
            self.rehearse(object, force)?
        } else {
            let manner = Manner {
                manager: MANAGER,
                force: force || self.force,
                dry_run: false,
            };
            let namespace = reference.namespace.as_deref();
            self.send(reference, namespace, &object.value, manner)?.object
        };
        let done = match before {
            None => "created",
            Some(before) if before == kept(after.clone()) => "unchanged",
            Some(_) => "configured",
        };
        self.say(reference, done)?;
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
        self.send(reference, None, part, manner).map(drop)
    }

    /// Applies an object once more without what another manager keeps by now, and says nothing of it.
    pub(super) fn give_up(&self, object: &Object) -> Result<(), Failure> {
        let manner = Manner {
            manager: MANAGER,
            force: self.force,
            dry_run: false,
        };
        self.send(&object.reference, None, &object.value, manner)
            .map(drop)
    }

    fn send(
        &self,
        reference: &Reference,
        namespace: Option<&str>,
        value: &Value,
        manner: Manner<'_>,
    ) -> Result<Applied, Failure> {
        let applied = self.editor.apply(
            &resource(reference.kind),
            namespace,
            &reference.name,
            value,
            manner,
        );
        let applied = applied.map_err(|error| refused(reference, error))?;
        for warning in &applied.warnings {
            self.note(&format!("{reference}: {warning}"));
        }
        Ok(applied)
    }

    /// Removes an object that was seen.
    pub(super) fn delete(&self, reference: &Reference, object: &Value) -> Result<(), Failure> {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        if !self.dry_run {
            let namespace = reference.namespace.as_deref();
            let kind = resource(reference.kind);
            let removed = self.editor.delete(&kind, namespace, &reference.name, uid);
            if !removed.map_err(Failure::of_cluster)? {
                return Ok(());
            }
        }
        self.say(reference, "removed")
    }
}

/// Without what a cluster notes beside an object.
pub(super) fn kept(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in [
            "resourceVersion",
            "generation",
            "uid",
            "creationTimestamp",
            "managedFields",
        ] {
            metadata.remove(name);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            // Counted by the controller of Deployments.
            annotations.remove("deployment.kubernetes.io/revision");
        }
        if metadata
            .get("annotations")
            .and_then(Value::as_object)
            .is_some_and(serde_json::Map::is_empty)
        {
            metadata.remove("annotations");
        }
    }
    object
}

fn is_of_cert_manager(kind: Kind) -> bool {
    kind.api_version
        .split_once('/')
        .is_some_and(|(group, _)| group == CERT_MANAGER)
}

/// Why an object is not applied, and what to try. What was applied before it stays.
fn refused(reference: &Reference, error: Error) -> Failure {
    let of_cert_manager = is_of_cert_manager(reference.kind);
    let Error::Request { problem, .. } = &error else {
        return Failure::of_cluster(error);
    };
    let help = match problem {
        Problem::Conflict(_) => {
            "look at what others have set there; --force-conflicts takes these fields over"
        }
        Problem::NotServed | Problem::Status { status: 404, .. } if of_cert_manager => {
            "install cert-manager first, or let the webhook make its own certificates (--certificates own)"
        }
        Problem::Forbidden(_) => {
            "installing needs the rights of an administrator of the cluster; what was applied before this stays, and the \
             same command goes on from there"
        }
        _ => return Failure::of_cluster(error),
    };
    let code = match problem {
        Problem::Conflict(_) => exit::NO,
        _ => exit::UNASKED,
    };
    Failure::new(code, error).help(help)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_cluster_counts_is_no_change() {
        let object = |version: &str, image: &str| {
            json!({
                "metadata": {"name": "a", "resourceVersion": version, "generation": version,
                    "annotations": {"deployment.kubernetes.io/revision": version}},
                "spec": {"image": image}, "status": {"ready": version},
            })
        };
        assert_eq!(kept(object("1", "i")), kept(object("2", "i")));
        assert_ne!(kept(object("1", "i")), kept(object("1", "j")));
        assert_eq!(
            kept(object("1", "i")),
            json!({"metadata": {"name": "a"}, "spec": {"image": "i"}})
        );
    }
}
