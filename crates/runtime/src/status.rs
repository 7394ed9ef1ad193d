//! What a pod and its containers are at, in the shape that Kubernetes gives it (`status` of a Pod, API version v1).
//!
//! The rules that make a status of a life are in [`life`](crate::life); this is only what is written and read.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// `status` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// In one word.
    pub phase: Phase,
    /// In five.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Why the pod as a whole failed, for people: only where it is not because of its containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The same in one word: `DeadlineExceeded`, `Evicted`, `PodLost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The host's address.
    #[serde(rename = "hostIP", skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<String>,
    /// The same as a list.
    #[serde(rename = "hostIPs", skip_serializing_if = "Vec::is_empty")]
    pub host_ips: Vec<HostIp>,
    /// The pod's address, which is the host's.
    #[serde(rename = "podIP", skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
    /// The same as a list.
    #[serde(rename = "podIPs", skip_serializing_if = "Vec::is_empty")]
    pub pod_ips: Vec<HostIp>,
    /// When its life began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// Its init containers, sidecars among them, in the order of the spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Its containers, in the order of the spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<ContainerStatus>,
    /// `Guaranteed`, `Burstable` or `BestEffort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos_class: Option<String>,
}

impl PodStatus {
    /// How often its containers were started again, all together.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        let all = self
            .init_container_statuses
            .iter()
            .chain(&self.container_statuses);
        all.fold(0, |sum, own| sum.saturating_add(own.restart_count))
    }

    /// Whether a condition is met.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.conditions
            .iter()
            .any(|condition| condition.kind == kind && condition.status == "True")
    }

    /// Whether all its containers are ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is(READY)
    }
}

/// The condition that the pod has a node.
pub const POD_SCHEDULED: &str = "PodScheduled";
/// The condition that its volumes are there.
pub const POD_READY_TO_START_CONTAINERS: &str = "PodReadyToStartContainers";
/// The condition that its init containers are done.
pub const INITIALIZED: &str = "Initialized";
/// The condition that all its containers are ready.
pub const CONTAINERS_READY: &str = "ContainersReady";
/// The condition that it is ready itself.
pub const READY: &str = "Ready";

/// The condition that it was ended for a reason that is not its own.
pub const DISRUPTION_TARGET: &str = "DisruptionTarget";
/// The reason of a pod that has used more than its volumes may have.
pub const EVICTED: &str = "Evicted";

/// A pod's life in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Not all of its containers have been started once.
    #[default]
    Pending,
    /// One of its containers runs, or is to be started again.
    Running,
    /// It is over, and all of its containers ended well.
    Succeeded,
    /// It is over, and something failed.
    Failed,
}

impl Phase {
    /// Whether the pod is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// One of the pod's conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which: [`READY`] and the others.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`.
    pub status: String,
    /// Why not, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Since when it is as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
}

/// An address in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostIp {
    /// The address.
    pub ip: String,
}

/// What one container is at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Its name in the pod.
    pub name: String,
    /// Now.
    pub state: ContainerState,
    /// How its last attempt before this one ended.
    pub last_state: ContainerState,
    /// Its readiness probe says so, or it has none and has started. An init container: it has ended well.
    pub ready: bool,
    /// It runs, its postStart hook is done and its startup probe has succeeded, as far as it has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<bool>,
    /// How often it was started again.
    pub restart_count: u32,
    /// As the manifest names it.
    pub image: String,
    /// Empty where it is not known.
    #[serde(rename = "imageID")]
    pub image_id: String,
    /// `porthole://ID` of the last attempt.
    #[serde(rename = "containerID", skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
}

/// One of three things, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerState {
    /// It is to be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// It runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningState>,
    /// It has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminated: Option<Terminated>,
}

/// What a container waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Waiting {
    /// In one word: `PodInitializing`, `ContainerCreating`, `CrashLoopBackOff`, `CreateContainerError`.
    pub reason: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A container that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningState {
    /// Since when.
    pub started_at: Timestamp,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terminated {
    /// The program's own, or 128 and the signal.
    pub exit_code: i32,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// In one word: `Completed`, `Error`, `OOMKilled`, `StartError`.
    pub reason: String,
    /// What it wrote about that itself, or porthole knows of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was started; missing where it never ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it had ended.
    pub finished_at: Timestamp,
    /// `porthole://ID` of the attempt.
    #[serde(rename = "containerID")]
    pub container_id: String,
}

/// How a container's id is written in a status.
#[must_use]
pub fn container_id(id: &str) -> String {
    format!("porthole://{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_in_kubernetes_own_shape_and_read_back() {
        let status = PodStatus {
            phase: Phase::Running,
            host_ip: Some("10.0.0.1".to_owned()),
            pod_ips: vec![HostIp {
                ip: "10.0.0.1".to_owned(),
            }],
            start_time: Some(Timestamp::from_unix(0)),
            container_statuses: vec![ContainerStatus {
                name: "app".to_owned(),
                state: ContainerState {
                    running: Some(RunningState {
                        started_at: Timestamp::from_unix(1),
                    }),
                    ..ContainerState::default()
                },
                last_state: ContainerState {
                    terminated: Some(Terminated {
                        exit_code: 137,
                        signal: Some(9),
                        reason: "OOMKilled".to_owned(),
                        message: None,
                        started_at: None,
                        finished_at: Timestamp::from_unix(0),
                        container_id: container_id("a"),
                    }),
                    ..ContainerState::default()
                },
                ready: true,
                started: Some(true),
                restart_count: 1,
                image: "app:v1".to_owned(),
                image_id: String::new(),
                container_id: Some(container_id("a-1")),
            }],
            ..PodStatus::default()
        };
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "phase": "Running",
                "hostIP": "10.0.0.1",
                "podIPs": [{"ip": "10.0.0.1"}],
                "startTime": "1970-01-01T00:00:00Z",
                "containerStatuses": [{
                    "name": "app",
                    "state": {"running": {"startedAt": "1970-01-01T00:00:01Z"}},
                    "lastState": {"terminated": {
                        "exitCode": 137, "signal": 9, "reason": "OOMKilled",
                        "finishedAt": "1970-01-01T00:00:00Z", "containerID": "porthole://a"
                    }},
                    "ready": true, "started": true, "restartCount": 1,
                    "image": "app:v1", "imageID": "", "containerID": "porthole://a-1"
                }]
            })
        );
        assert_eq!(serde_json::from_value::<PodStatus>(json).unwrap(), status);
    }
}
