//! The pod of a review, its fields of the types that the API gives them.

use std::collections::HashMap;
use std::fmt;

use porthole_manifest::{Kind, Node, PodTemplate, WorkloadKind};
use porthole_pod::{ContainerKind, ContainerRef};

use super::denial::Problem;
use super::review::{TypeError, field, of_type};
use crate::host_accounts::ANNOTATIONS;
use crate::level::{CONTENTS, LISTS, Level, NAME};

const RUN_AS_USER_NAME: &str = "runAsUserName";
const HOST_PROCESS: &str = "hostProcess";

/// Most pods have no more levels.
const MOSTLY: usize = 4;

/// A pod as it came.
pub(super) struct Pod<'a> {
    pub(super) template: PodTemplate<'a>,
    pub(super) levels: Vec<Level<'a>>,
    /// Whether it may ask for host accounts: most pods say nothing of them.
    pub(super) may_ask: bool,
}

impl<'a> Pod<'a> {
    /// The object, where its fields that are looked at have their types.
    pub(super) fn read(object: Option<Node<'a>>) -> Result<Self, Problem> {
        let Some(object) = object else {
            return Err(unreadable("unexpected end of JSON input", String::new()));
        };
        Self::of(object).map_err(|error| unreadable(&error.to_string(), error.field))
    }

    fn of(object: Node<'a>) -> Result<Self, TypeError> {
        of_type(object, format_args!("the pod"), Kind::Mapping)?;
        let part = |key: &str| match object.field(key) {
            Some(node) => of_type(node, format_args!("{key}"), Kind::Mapping).map(Some),
            None => Ok(None),
        };
        let metadata = part("metadata")?;
        let annotations = metadata.map(check_metadata).transpose()?.flatten();
        let spec = part("spec")?;
        let text = |key| metadata?.field(key)?.as_str();
        let template = PodTemplate {
            kind: WorkloadKind::Pod,
            api_version: "v1",
            name: text("name"),
            namespace: text("namespace"),
            prefix: WorkloadKind::Pod.spec_path(),
            metadata,
            spec,
            object,
        };
        let levels = levels(&template)?;
        let asks = |level: &Level<'_>| {
            let set = |key| level.options.is_some_and(|options| options.field(key).is_some());
            set(RUN_AS_USER_NAME) || set(HOST_PROCESS)
        };
        let is_marked =
            |annotations: Node<'_>| ANNOTATIONS.iter().any(|key| annotations.field(key).is_some());
        let may_ask = annotations.is_some_and(is_marked) || levels.iter().any(asks);
        Ok(Self {
            template,
            levels,
            may_ask,
        })
    }

    pub(super) fn object(&self) -> Node<'a> {
        self.template.object
    }

    /// A text of the pod spec; empty where it is not set.
    pub(super) fn text(&self, key: &str) -> &'a str {
        let node = self.template.spec.and_then(|spec| spec.field(key));
        node.and_then(Node::as_str).unwrap_or_default()
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

/// Whether what is looked at of the metadata has its type; its annotations.
fn check_metadata(metadata: Node<'_>) -> Result<Option<Node<'_>>, TypeError> {
    for key in ["name", "generateName"] {
        field(metadata, format_args!("metadata"), key, Kind::String)?;
    }
    let annotations = field(metadata, format_args!("metadata"), "annotations", Kind::Mapping)?;
    for entry in annotations.into_iter().flat_map(Node::entries) {
        let path = format_args!("metadata.annotations[{}]", entry.key.key_text());
        of_type(entry.value, path, Kind::String)?;
    }
    Ok(annotations)
}

/// The levels of a pod whose spec is of the right types, as [`crate::level::levels`] has them.
fn levels<'a>(template: &PodTemplate<'a>) -> Result<Vec<Level<'a>>, TypeError> {
    let Some(spec) = template.spec else {
        return Ok(vec![Level::of_pod(template, None)]);
    };
    for key in ["serviceAccountName", "hostname", "runtimeClassName"] {
        field(spec, format_args!("spec"), key, Kind::String)?;
    }
    let mut levels = Vec::with_capacity(MOSTLY);
    levels.push(Level::of_pod(template, options(spec, format_args!("spec"))?));
    for kind in LISTS {
        let list = kind.field();
        let containers = field(spec, format_args!("spec"), list, Kind::Sequence)?;
        for (index, node) in containers.into_iter().flat_map(Node::items).enumerate() {
            let path = format_args!("spec.{list}[{index}]");
            of_type(node, path, Kind::Mapping)?;
            let name = field(node, path, "name", Kind::String)?;
            let container = ContainerRef {
                kind,
                index,
                name: name.and_then(Node::as_str),
                node,
                prefix: template.prefix,
            };
            levels.push(Level::of_container(container, options(node, path)?));
        }
    }
    Ok(levels)
}

/// The `windowsOptions` of a pod spec or a container, each of its type.
fn options<'a>(node: Node<'a>, path: fmt::Arguments<'_>) -> Result<Option<Node<'a>>, TypeError> {
    let Some(context) = field(node, path, "securityContext", Kind::Mapping)? else {
        return Ok(None);
    };
    let path = format_args!("{path}.securityContext");
    let Some(options) = field(context, path, "windowsOptions", Kind::Mapping)? else {
        return Ok(None);
    };
    let path = format_args!("{path}.windowsOptions");
    for key in [NAME, CONTENTS, RUN_AS_USER_NAME] {
        field(options, path, key, Kind::String)?;
    }
    field(options, path, HOST_PROCESS, Kind::Bool)?;
    Ok(Some(options))
}
