//! Pods and jobs as a cluster would show them.

use porthole_runtime::clock::Timestamp;
use porthole_runtime::pods::{HostJob, Pod};
use porthole_runtime::status::{Condition, PodStatus};
use serde_json::{Value, json};

use crate::arguments::Format;
use crate::exit;
use crate::failure::{Attempt as _, Failure};

/// A pod as a cluster would show it: what was given, and its status.
pub(crate) fn object(pod: &Pod, status: &PodStatus) -> Value {
    let mut object = pod.record.manifest.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert(
            "creationTimestamp".to_owned(),
            json!(Timestamp::from(pod.record.created)),
        );
    }
    let mut status = status.clone();
    if !pod.record.lacks.is_empty() {
        status.conditions.push(Condition {
            kind: LIMITS_ENFORCED.to_owned(),
            status: "False".to_owned(),
            reason: Some("HostLacks".to_owned()),
            message: Some(pod.record.lacks.join("; ")),
            last_transition_time: Some(Timestamp::from(pod.record.created)),
        });
    }
    if let Some(object) = object.as_object_mut() {
        object.insert("status".to_owned(), json!(status));
    }
    object
}

/// Porthole's own condition of a pod with limits, where the host does not enforce all of them.
const LIMITS_ENFORCED: &str = "LimitsEnforced";

/// A job as a cluster would show it.
pub(crate) fn job_object(job: &HostJob) -> Result<Value, Failure> {
    let mut object = job.record.manifest.clone();
    let identity = &job.record.identity;
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("name".to_owned(), json!(identity.name));
        metadata.insert("namespace".to_owned(), json!(identity.namespace));
        metadata.insert("uid".to_owned(), json!(identity.uid));
        let created = json!(Timestamp::from(job.record.created));
        metadata.insert("creationTimestamp".to_owned(), created);
    }
    let status = job.status().map_err(Failure::unasked)?;
    if let Some(object) = object.as_object_mut() {
        object.insert("status".to_owned(), json!(status));
    }
    Ok(object)
}

/// Pods as a cluster would list them.
pub(crate) fn list_of(found: &[(Pod, PodStatus)]) -> Value {
    let items: Vec<Value> = found.iter().map(|(pod, status)| object(pod, status)).collect();
    list(&items)
}

/// Objects as a cluster would list them.
pub(crate) fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items})
}

/// Data in the format that was asked for.
pub(crate) fn data(format: Format, data: &Value) -> Result<String, Failure> {
    let doing = || "print pods".to_owned();
    match format {
        Format::Yaml => serde_saphyr::to_string(data).attempt(exit::UNASKED, doing),
        _ => Ok(serde_json::to_string_pretty(data).attempt(exit::UNASKED, doing)? + "\n"),
    }
}
