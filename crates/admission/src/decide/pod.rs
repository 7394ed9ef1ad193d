//! The pod of a review, its fields of the types that the API gives them.

use std::collections::HashMap;
use std::fmt;

use porthole_manifest::{Kind, Node, PodTemplate, WorkloadKind};
use porthole_pod::ContainerKind;

use super::denial::Problem;
use super::review::{TypeError, field, of_type};
use crate::level::{CONTENTS, Level, NAME, levels};

/// A pod as it came.
pub(super) struct Pod<'a> {
    pub(super) template: PodTemplate<'a>,
    pub(super) levels: Vec<Level<'a>>,
}

impl<'a> Pod<'a> {
    /// Reads a pod, where there is one.
    pub(super) fn read(object: Option<Node<'a>>) -> Result<Self, Problem> {
        let Some(object) = object else {
            return Err(unreadable("unexpected end of JSON input", String::new()));
        };
        check(object).map_err(|error| unreadable(&error.to_string(), error.field))?;
        let metadata = object.field("metadata");
        let text = |key| {
            metadata
                .and_then(|metadata| metadata.field(key))
                .and_then(Node::as_str)
        };
        let template = PodTemplate {
            kind: WorkloadKind::Pod,
            api_version: "v1",
            name: text("name"),
            namespace: text("namespace"),
            prefix: WorkloadKind::Pod.spec_path(),
            metadata,
            spec: object.field("spec"),
            object,
        };
        let levels = levels(&template);
        Ok(Self { template, levels })
    }

    pub(super) fn object(&self) -> Node<'a> {
        self.template.object
    }

    /// A text of the pod spec; empty where it is not set.
    pub(super) fn text(&self, key: &str) -> &'a str {
        let node = self.object().child("spec").child(key);
        node.as_str().unwrap_or_default()
    }

    pub(super) fn annotations(&self) -> Node<'a> {
        self.object().child("metadata").child("annotations")
    }

    /// The name, or what one is generated of.
    pub(super) fn name(&self) -> &'a str {
        let metadata = self.object().child("metadata");
        let text = |key| metadata.child(key).as_str().filter(|name| !name.is_empty());
        text("name").or_else(|| text("generateName")).unwrap_or_default()
    }

    /// The levels by their keys; of equal ones the first.
    pub(super) fn by_key(&self) -> HashMap<(Option<ContainerKind>, &'a str), &Level<'a>> {
        let levels = self.levels.iter().rev();
        levels.map(|level| (level.key(), level)).collect()
    }
}

fn unreadable(reason: &str, field: String) -> Problem {
    let message = format!("unable to unmarshall pod JSON object: {reason}");
    Problem::new("unreadable-pod", 400, field, message)
}

/// Whether the fields that are decided by have their types. What else has not, the API server finds.
fn check(object: Node<'_>) -> Result<(), TypeError> {
    of_type(object, format_args!("the pod"), Kind::Mapping)?;
    let part = |key: &str| match object.field(key) {
        Some(node) => of_type(node, format_args!("{key}"), Kind::Mapping).map(Some),
        None => Ok(None),
    };
    if let Some(metadata) = part("metadata")? {
        for key in ["name", "generateName"] {
            field(metadata, format_args!("metadata"), key, Kind::String)?;
        }
        if let Some(annotations) = field(metadata, format_args!("metadata"), "annotations", Kind::Mapping)? {
            for entry in annotations.entries() {
                let path = format_args!("metadata.annotations[{}]", entry.key.key_text());
                of_type(entry.value, path, Kind::String)?;
            }
        }
    }
    let Some(spec) = part("spec")? else {
        return Ok(());
    };
    for key in ["serviceAccountName", "hostname", "runtimeClassName"] {
        field(spec, format_args!("spec"), key, Kind::String)?;
    }
    check_options(spec, format_args!("spec"))?;
    for kind in [ContainerKind::Main, ContainerKind::Init, ContainerKind::Ephemeral] {
        let list = kind.field();
        let Some(containers) = field(spec, format_args!("spec"), list, Kind::Sequence)? else {
            continue;
        };
        for (index, container) in containers.items().enumerate() {
            check_container(container, format_args!("spec.{list}[{index}]"))?;
        }
    }
    Ok(())
}

fn check_container(container: Node<'_>, path: fmt::Arguments<'_>) -> Result<(), TypeError> {
    of_type(container, path, Kind::Mapping)?;
    field(container, path, "name", Kind::String)?;
    check_options(container, path)
}

/// The `windowsOptions` of the pod spec or of a container.
fn check_options(node: Node<'_>, path: fmt::Arguments<'_>) -> Result<(), TypeError> {
    let Some(context) = field(node, path, "securityContext", Kind::Mapping)? else {
        return Ok(());
    };
    let path = format_args!("{path}.securityContext");
    let Some(options) = field(context, path, "windowsOptions", Kind::Mapping)? else {
        return Ok(());
    };
    let path = format_args!("{path}.windowsOptions");
    for key in [NAME, CONTENTS, "runAsUserName"] {
        field(options, path, key, Kind::String)?;
    }
    field(options, path, "hostProcess", Kind::Bool)?;
    Ok(())
}
