//! Server-side apply: objects as they are to be, applied under a name of one's own, and what is said of each.

use porthole_cluster::{Applied, Client, Editor, Error, Manner, Problem, Resource};
use porthole_install::{Kind, Object, Reference};
use serde_json::Value;

use crate::exit;
use crate::failure::Failure;
use crate::{note, print};

/// A cluster, and how objects are applied to it.
pub(crate) struct Applier {
    editor: Editor,
    manager: &'static str,
    choices: Choices,
    /// What to try against some problems, beside those that all have.
    help: fn(&Reference, &Problem) -> Option<&'static str>,
}

/// What may be chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    /// Whether fields are taken over that others keep.
    pub(crate) force: bool,
    /// Whether nothing is kept.
    pub(crate) dry_run: bool,
    /// Whether nothing is said but what fails.
    pub(crate) is_quiet: bool,
}

/// What an object is in the client's words.
pub(crate) fn resource(kind: Kind) -> Resource<'static> {
    Resource::new(kind.api_version, kind.name, kind.plural)
}

impl Applier {
    /// Applies to the cluster of that client, as that manager of fields.
    pub(crate) const fn new(
        client: Client,
        manager: &'static str,
        choices: Choices,
        help: fn(&Reference, &Problem) -> Option<&'static str>,
    ) -> Self {
        Self {
            editor: Editor::new(client),
            manager,
            choices,
            help,
        }
    }

    pub(crate) const fn editor(&self) -> &Editor {
        &self.editor
    }

    /// Whether nothing is kept.
    pub(crate) const fn is_dry_run(&self) -> bool {
        self.choices.dry_run
    }

    /// How an object is applied; with `force` fields are taken over, asked for or not.
    pub(crate) const fn manner(&self, force: bool) -> Manner<'static> {
        Manner {
            manager: self.manager,
            force: force || self.choices.force,
            dry_run: self.choices.dry_run,
        }
    }

    /// Prints a line of what was done.
    pub(crate) fn say(&self, reference: &Reference, done: &str) -> Result<(), Failure> {
        if self.choices.is_quiet {
            return Ok(());
        }
        let dry = if self.choices.dry_run {
            " (server dry run)"
        } else {
            ""
        };
        print::text(&format!("{reference} {done}{dry}\n"))
    }

    /// Says something that is not asked for, but good to know.
    pub(crate) fn note(&self, text: &str) {
        if !self.choices.is_quiet {
            note(text);
        }
    }

    /// An object as it is.
    pub(crate) fn get(&self, reference: &Reference) -> Result<Option<Value>, Failure> {
        let namespace = reference.namespace.as_deref();
        let found = self
            .editor
            .client()
            .get(&resource(reference.kind), namespace, &reference.name);
        found.map_err(Failure::of_cluster)
    }

    /// Applies an object, and says what came of it.
    pub(crate) fn apply(&self, object: &Object) -> Result<(), Failure> {
        let reference = &object.reference;
        let before = self.get(reference)?;
        let namespace = reference.namespace.as_deref();
        let after = self.send(reference, namespace, &object.value, self.manner(false))?;
        self.tell(reference, before, after.object)
    }

    /// Says what has come of an object.
    pub(crate) fn tell(
        &self,
        reference: &Reference,
        before: Option<Value>,
        after: Value,
    ) -> Result<(), Failure> {
        self.say(
            reference,
            match before.map(kept) {
                None => "created",
                Some(before) if before == kept(after) => "unchanged",
                Some(_) => "configured",
            },
        )
    }

    /// Applies what may be a part of an object.
    pub(crate) fn send(
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
        let applied = applied.map_err(|error| self.refused(reference, error))?;
        for warning in &applied.warnings {
            self.note(&format!("{reference}: {warning}"));
        }
        Ok(applied)
    }

    /// Why an object is not applied, and what to try. What was applied before it stays.
    fn refused(&self, reference: &Reference, error: Error) -> Failure {
        let Error::Request { problem, .. } = &error else {
            return Failure::of_cluster(error);
        };
        if let Problem::Conflict(_) = problem {
            let help = "look at what others have set there; --force-conflicts takes these fields over";
            return Failure::new(exit::NO, error).help(help);
        }
        match (self.help)(reference, problem) {
            Some(help) => Failure::unasked(error).help(help),
            None => Failure::of_cluster(error),
        }
    }
}

/// Without what a cluster notes beside an object.
pub(crate) fn kept(mut object: Value) -> Value {
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
