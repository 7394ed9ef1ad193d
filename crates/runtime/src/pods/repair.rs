//! What is done about pods whose holder died.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::directory::{self, Found};
use super::roll::Roll;
use super::shelf::{self, Shelf};
use super::{PodsError, STATUS, files, jobs, naming, record};
use crate::build::container_ids_of;
use crate::clock::Timestamp;
use crate::fault;

/// What a repair found.
#[derive(Debug, Default)]
pub struct Repaired {
    /// The pods whose holder died while they ran, `NAMESPACE/NAME`. Their record, status and logs are still there.
    pub lost: Vec<String>,
    /// The jobs whose holder died, `NAMESPACE/NAME`.
    pub lost_jobs: Vec<String>,
    /// The pods and jobs that a newer porthole made: left alone.
    pub newer: Vec<PodsError>,
    /// What could not be repaired.
    pub failed: Vec<PodsError>,
}

/// Why a pod failed whose holder died.
pub(super) const LOST: &str = "PodLost";

/// The pods and jobs of a state directory at one moment: which of them somebody holds.
#[derive(Debug)]
pub struct Seen {
    /// What the ids of the containers of living pods begin with.
    living: HashSet<String>,
    /// The directories of the others.
    others: Vec<(Shelf, PathBuf)>,
}

impl Seen {
    /// One look at each.
    pub(super) fn look(state: &Path) -> Result<Self, PodsError> {
        let mut seen = Self {
            living: HashSet::new(),
            others: Vec::new(),
        };
        for shelf in [Shelf::Pods, Shelf::Jobs] {
            let names = shelf::names(state, shelf)?;
            if names.is_empty() {
                continue;
            }
            let above = shelf.of(state);
            let roll = Roll::of(state, shelf);
            for name in names {
                let path = || above.join(&name);
                if !roll.has(&name) && !directory::is_held(&path()) {
                    seen.others.push((shelf, path()));
                } else if shelf == Shelf::Pods {
                    seen.living.extend(naming::uid(&name).map(container_ids_of));
                }
            }
        }
        Ok(seen)
    }

    /// Whether a container is one of a pod that somebody held: that process is its holder too.
    #[must_use]
    pub fn is_held(&self, container: &str) -> bool {
        container
            .split_once('-')
            .is_some_and(|(pod, _)| self.living.contains(pod))
    }
}

/// Sees to those that nobody held.
pub(super) fn repair(state: &Path, seen: &Seen) -> Repaired {
    let mut repaired = Repaired::default();
    for (shelf, path) in &seen.others {
        let done = match shelf {
            Shelf::Pods => one(state, path, &mut repaired),
            Shelf::Jobs => jobs::repair(state, path, &mut repaired),
        };
        match done {
            Ok(()) => {}
            Err(error @ PodsError::NewerRecord { .. }) => repaired.newer.push(error),
            Err(error) => repaired.failed.push(error),
        }
    }
    repaired
}

fn one(state: &Path, pod: &Path, repaired: &mut Repaired) -> Result<(), PodsError> {
    if directory::has_ended(pod) {
        return after_power_failure(pod, repaired);
    }
    if !matches!(directory::take_over(pod)?, Found::Dead(_)) {
        return Ok(());
    }
    // It may be in the making: asked again when nobody makes one.
    let names = directory::lock_names(state)?;
    let Found::Dead(held) = directory::take_over(pod)? else {
        return Ok(());
    };
    let record = match record::read(pod) {
        Err(PodsError::Unreadable { .. }) => None,
        record => record?,
    };
    let status: Option<Value> = files::read_json(&pod.join(STATUS)).unwrap_or_default();
    let status = status.filter(has_run);
    let (Some(record), Some(status), true) = (record, status, directory::has_lock(pod)) else {
        // It never came to run, or is half removed.
        return held.remove();
    };
    drop(names);
    if !record.detached {
        // Nobody asks for it any more: whoever ran it saw its end.
        return held.remove();
    }
    // Secrets are among them.
    directory::remove_volumes(pod)?;
    fault::step("repair-volumes");
    if !has_ended(&status) {
        held.status(&lost(status))?;
        repaired.lost.push(directory::title(&record.plan.identity));
    }
    held.end()
}

/// Whether nothing is at a path, for certain.
pub(super) fn is_missing(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Nothing is synchronised to the disk: of what was written shortly before a power failure there may be a name without
/// contents. An ended pod without its record is nothing any more, and one without its status is lost.
fn after_power_failure(pod: &Path, repaired: &mut Repaired) -> Result<(), PodsError> {
    // Without one it is half removed: whoever removed it died.
    let no_record = files::is_torn(&record::path(pod)) || is_missing(&record::path(pod));
    if !no_record && !files::is_torn(&pod.join(STATUS)) {
        return Ok(());
    }
    let Found::Ended(held) = directory::take_over(pod)? else {
        return Ok(());
    };
    if no_record {
        return held.remove();
    }
    if let Some(record) = record::read(pod)? {
        held.status(&lost(Value::Null))?;
        repaired.lost.push(directory::title(&record.plan.identity));
    }
    Ok(())
}

/// Whether one of its containers was started.
fn has_run(status: &Value) -> bool {
    let lists = ["initContainerStatuses", "containerStatuses"].into_iter();
    let containers = lists.filter_map(|list| status.get(list)?.as_array()).flatten();
    let mut both = containers.flat_map(|one| [one.pointer("/state"), one.pointer("/lastState")]);
    both.any(|state| {
        state.is_some_and(|state| state.get("running").is_some() || state.get("terminated").is_some())
    })
}

fn has_ended(status: &Value) -> bool {
    let phase = status.get("phase").and_then(Value::as_str);
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// The status of a pod that was lost: its containers that ran are gone without an exit code of their own.
fn lost(status: Value) -> Value {
    let mut status = match status {
        Value::Object(status) => status,
        _ => Map::new(),
    };
    status.insert("phase".to_owned(), json!("Failed"));
    status.insert("reason".to_owned(), json!(LOST));
    status.insert(
        "message".to_owned(),
        json!("the porthole process that ran the pod was killed, and its containers with it"),
    );
    for list in ["initContainerStatuses", "containerStatuses"] {
        let containers = status.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            if container
                .get("state")
                .and_then(|state| state.get("terminated"))
                .is_some()
            {
                continue;
            }
            let started = container
                .get("state")
                .and_then(|state| state.pointer("/running/startedAt"))
                .cloned();
            // As the kubelet says of a container that it finds no more.
            let mut terminated = json!({
                "exitCode": 137,
                "reason": "ContainerStatusUnknown",
                "message": "The container could not be located when the pod was terminated",
                "finishedAt": Timestamp::from(SystemTime::now()),
                "containerID": container.get("containerID").and_then(Value::as_str).unwrap_or_default(),
            });
            if let (Some(started), Some(terminated)) = (started, terminated.as_object_mut()) {
                terminated.insert("startedAt".to_owned(), started);
            }
            container.insert("state".to_owned(), json!({ "terminated": terminated }));
            container.insert("ready".to_owned(), json!(false));
            container.insert("started".to_owned(), json!(false));
        }
    }
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten().filter_map(Value::as_object_mut) {
        let ready = condition.get("type").and_then(Value::as_str);
        if matches!(ready, Some("Ready" | "ContainersReady")) {
            condition.insert("status".to_owned(), json!("False"));
            condition.insert("reason".to_owned(), json!("PodFailed"));
        }
    }
    Value::Object(status)
}
