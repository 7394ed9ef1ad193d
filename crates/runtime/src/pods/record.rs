//! The record of a pod: what it is, written once when it is made.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use porthole_manifest::{Node, PodTemplate};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::PodsError;
use super::files;
use crate::life::PodPlan;
use crate::plan::PodIdentity;

const RECORD: &str = "pod.json";
const VERSION: u32 = 1;

/// What a pod is, and where it came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    version: u32,
    /// What was planned, without the contents of volumes.
    pub plan: PodPlan,
    /// The Pod as a cluster would have it: `apiVersion`, `kind`, `metadata`, and `spec` as it was given.
    pub manifest: Value,
    /// What made it.
    pub origin: Origin,
    /// The files it was read from, absolute, with those of its ConfigMaps and Secrets; `-` and URLs as they were given.
    pub files: Vec<String>,
    /// When it was made.
    pub created: SystemTime,
    /// Whether it has a supervisor, and outlives the command that made it.
    pub detached: bool,
    /// The uid of the job that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What it asked for and the host could not give to it: the engine's own words. Empty where it asked for nothing of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
}

/// What made a pod: itself, or a workload, by the name in its manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// `Pod`, `Deployment`, ….
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name; `generateName` where it has only that.
    pub name: String,
}

impl Record {
    /// The record of a pod that is made now.
    #[must_use]
    pub fn new(plan: &PodPlan, manifest: Value, origin: Origin, files: Vec<String>, detached: bool) -> Self {
        let mut plan = plan.clone();
        for volume in &mut plan.volumes {
            volume.forget_content();
        }
        Self {
            version: VERSION,
            plan,
            manifest,
            origin,
            files,
            created: SystemTime::now(),
            detached,
            job: None,
            lacks: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// The record in a pod's directory; nothing where there is none.
pub(super) fn read(directory: &Path) -> Result<Option<Record>, PodsError> {
    read_versioned(directory, &path(directory), VERSION)
}

/// A record with a version; nothing where there is none.
pub(super) fn read_versioned<T: DeserializeOwned>(
    directory: &Path,
    path: &Path,
    known: u32,
) -> Result<Option<T>, PodsError> {
    let Some(Versioned { version }) = files::read_json(path)? else {
        return Ok(None);
    };
    if version > u64::from(known) {
        return Err(PodsError::NewerRecord {
            path: directory.to_owned(),
            found: version,
        });
    }
    files::read_json(path)
}

/// Writes the record: from now on the pod is seen.
pub(super) fn write(directory: &Path, record: &Record) -> Result<(), PodsError> {
    write_to(path(directory), record)
}

pub(super) fn write_to(path: PathBuf, record: &impl Serialize) -> Result<(), PodsError> {
    let written = serde_json::to_vec(record).map_err(std::io::Error::from);
    written
        .and_then(|text| files::replace(&path, &text))
        .map_err(|source| PodsError::Io {
            doing: "write the record",
            path,
            source,
        })
}

/// Where a pod's record is.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(RECORD)
}

/// The Pod that a template makes, as the cluster would have it; its `spec` as it is written.
#[must_use]
pub fn manifest(template: &PodTemplate<'_>, identity: &PodIdentity) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(identity.name));
    metadata.insert("namespace".to_owned(), json!(identity.namespace));
    metadata.insert("uid".to_owned(), json!(identity.uid));
    if let Some(given) = template.metadata {
        for key in ["labels", "annotations"] {
            if let Some(value) = given.field(key).map(Node::to_json)
                && !value.is_null()
            {
                metadata.insert(key.to_owned(), value);
            }
        }
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": template.spec.map(Node::to_json).unwrap_or_default(),
    })
}
