//! What is compared of a status, as lines of text.

use serde_json::Value;

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
            lines.push(format!(
                "{list} {} ready {} started {} restarts {}",
                word(&container["name"]),
                container["ready"],
                container["started"],
                container["restartCount"],
            ));
            for state in ["state", "lastState"] {
                lines.push(format!("  {state} {}", state_text(&container[state], uid)));
            }
        }
    }
    lines.join("\n")
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

/// Reason and message of an object that has them. What does not start is told in the words of whoever did not start it.
fn why(of: &Value, uid: &str) -> String {
    let mut text = String::new();
    let not_started = of["reason"] == "StartError";
    for key in ["reason", "message"] {
        if not_started && key == "message" {
            assert!(of[key].is_string(), "{of}");
        } else if let Some(value) = of[key].as_str() {
            text = format!("{text} {key}={:?}", value.replace(uid, "UID"));
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
