//! What is compared of a status, as lines of text.

use serde_json::Value;

/// A program that no image has.
const NOT_THERE: &str = "no-such-program";

/// All that a user or a controller goes by. Times, ids, addresses and what the two systems are made of are left out.
pub(crate) fn shown(pod: &Value) -> String {
    let status = &pod["status"];
    let uid = pod["metadata"]["uid"].as_str().unwrap_or("no uid");
    let mut lines = vec![format!("phase {}{}", word(&status["phase"]), why(status, uid))];
    for condition in items(&status["conditions"]) {
        lines.push(format!(
            "condition {} {}{}",
            word(&condition["type"]),
            word(&condition["status"]),
            why(condition, uid)
        ));
    }
    // Their order says nothing.
    lines[1..].sort();
    for list in ["initContainerStatuses", "containerStatuses"] {
        // The kubelet has them by name, porthole as in the spec.
        let mut containers: Vec<&Value> = items(&status[list]).iter().collect();
        containers.sort_by_key(|container| word(&container["name"]));
        for container in containers {
            let (restarts, back_off) = restarts(container);
            let name = word(&container["name"]);
            lines.push(format!(
                "{list} {name} ready {} started {} restarts {restarts}",
                container["ready"], container["started"],
            ));
            for state in ["state", "lastState"] {
                let text = state_text(&container[state], uid);
                lines.push(format!(
                    "{name} {state} {}",
                    text.replace(&back_off, "back-off DELAY")
                ));
            }
        }
    }
    lines.join("\n")
}

/// How often a container was started again, and the words for its pause. One in a loop is looked at whenever it is seen to wait,
/// so its number is left out if it is that of the pause.
fn restarts(container: &Value) -> (String, String) {
    let restarts = container["restartCount"].as_u64().unwrap_or_default();
    let delay = match restarts {
        0 => "0s",
        1 => "10s",
        2 => "20s",
        3 => "40s",
        4 => "1m20s",
        5 => "2m40s",
        _ => "5m0s",
    };
    let back_off = format!("back-off {delay}");
    let message = word(&container["state"]["waiting"]["message"]);
    let loops = message.starts_with(&format!("{back_off} "));
    let shown = if loops {
        "BEFORE".to_owned()
    } else {
        restarts.to_string()
    };
    (shown, back_off)
}

fn state_text(state: &Value, uid: &str) -> String {
    let Some(object) = state.as_object() else {
        return "none".to_owned();
    };
    let Some((kind, own)) = object.iter().next() else {
        return "none".to_owned();
    };
    let code = match &own["exitCode"] {
        Value::Null => String::new(),
        code => format!(" {code}"),
    };
    format!("{kind}{code}{}", why(own, uid))
}

/// Reason and message of an object that has them. What is not found is told in the words of whoever looked for it.
fn why(of: &Value, uid: &str) -> String {
    let mut text = String::new();
    for key in ["reason", "message"] {
        if let Some(value) = of[key].as_str() {
            text = if of["reason"] == "StartError" && value.contains(NOT_THERE) {
                format!("{text} {key}=not found")
            } else {
                format!("{text} {key}={:?}", value.replace(uid, "UID"))
            };
        }
    }
    text
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("none")
}

/// A pod's status as a condition of tests.
pub(crate) fn phase_is(pod: &Value, phase: &str) -> bool {
    pod["status"]["phase"] == phase
}

/// Whether the pod is ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    condition_is(pod, "Ready", "True")
}

/// Whether what held the containers is gone, which is told some time after the phase.
pub(crate) fn is_put_away(pod: &Value) -> bool {
    condition_is(pod, "PodReadyToStartContainers", "False")
}

fn condition_is(pod: &Value, kind: &str, status: &str) -> bool {
    items(&pod["status"]["conditions"])
        .iter()
        .any(|condition| condition["type"] == kind && condition["status"] == status)
}

/// The statuses of all containers, init containers first.
pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let status = &pod["status"];
    items(&status["initContainerStatuses"])
        .iter()
        .chain(items(&status["containerStatuses"]))
}

/// Whether a container waits for this reason.
pub(crate) fn waits(pod: &Value, reason: &str) -> bool {
    containers(pod).any(|container| container["state"]["waiting"]["reason"] == reason)
}
