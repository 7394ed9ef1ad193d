//! How a container is looked after: what is restarted, asked, told, and when. A [`Plan`] says how it is started.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Plan;

/// One container of a pod: its plan, and how it is looked after.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPlan {
    /// What is started. Its id is that of the first attempt; see [`attempt_id`].
    pub plan: Plan,
    /// The image as the manifest names it, for the status.
    pub image: String,
    /// When it runs.
    pub role: Role,
    /// `startupProbe`, `readinessProbe`, `livenessProbe`.
    #[serde(default)]
    pub probes: Probes,
    /// `lifecycle`.
    #[serde(default)]
    pub hooks: Hooks,
    /// Where the container writes why it ended, and what else is taken for it.
    pub termination_message: TerminationMessage,
}

/// The id of a container's attempt: the plan's own for the first, and one that counts for those after it.
#[must_use]
pub fn attempt_id(id: &str, attempt: u32) -> String {
    match attempt {
        0 => id.to_owned(),
        attempt => format!("{id}-{attempt}"),
    }
}

/// When a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// To its end, before what comes after it.
    Init,
    /// An init container with `restartPolicy: Always`: what comes after it waits for its startup, and it ends last.
    Sidecar,
    /// Side by side with the others.
    Main,
}

/// `restartPolicy` of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Whatever its exit code.
    #[default]
    Always,
    /// When its exit code is not 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// A container's probes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probes {
    /// Until it has succeeded, the others wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<Probe>,
    /// Whether the container is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,
    /// Whether the container must be started again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,
}

/// A question that is asked again and again. Defaults are the API server's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// How it is asked.
    pub handler: Handler,
    /// `initialDelaySeconds`, 0.
    pub initial_delay: Duration,
    /// `timeoutSeconds`, 1 s.
    pub timeout: Duration,
    /// `periodSeconds`, 10 s.
    pub period: Duration,
    /// `successThreshold`, 1.
    pub success_threshold: u32,
    /// `failureThreshold`, 3.
    pub failure_threshold: u32,
    /// `terminationGracePeriodSeconds`: instead of the pod's, when this probe is why the container is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Duration>,
}

/// How a probe asks, or a hook tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Handler {
    /// A program in the container; exit code 0 is success.
    Exec(Vec<String>),
    /// A request; a status from 200 to 399 is success.
    HttpGet(HttpGet),
    /// A connection.
    TcpSocket {
        /// Host name or address; the pod's own where it is not set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// The port.
        port: u16,
    },
    /// A pause (hooks only).
    Sleep(Duration),
}

/// `httpGet` of a probe or hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGet {
    /// `https` rather than `http`; the certificate is not verified.
    pub secure: bool,
    /// Host name or address; the pod's own where it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port.
    pub port: u16,
    /// With its query, as written.
    pub path: String,
    /// In their order.
    pub headers: Vec<(String, String)>,
}

/// `lifecycle` of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hooks {
    /// Right after the start; when it fails, the container is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_start: Option<Handler>,
    /// Before it is asked to stop, within the grace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_stop: Option<Handler>,
}

/// `terminationMessagePath` and `terminationMessagePolicy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminationMessage {
    /// The file on the host that was given to the container for it; none where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<std::path::PathBuf>,
    /// `FallbackToLogsOnError`: the end of the log, where the file is empty and the container failed.
    pub or_log: bool,
}
