//! What `inspect` shows of a pod.

use porthole_tests::failure::Failure;
use porthole_tests::wait;
use serde_json::Value;

use crate::room::{LIMIT, Room};

pub(crate) fn status(room: &Room) -> Value {
    let pod: Value = serde_json::from_str(&room.good("inspect", &["-o", "json", "p"])).unwrap();
    pod["status"].clone()
}

/// A container in a status.
pub(crate) fn container<'a>(status: &'a Value, name: &str) -> &'a Value {
    ["containerStatuses", "initContainerStatuses"]
        .iter()
        .filter_map(|list| status[list].as_array())
        .flatten()
        .find(|one| one["name"] == name)
        .unwrap_or(&Value::Null)
}

/// Waits until a container is as wanted.
pub(crate) fn wanted(room: &Room, name: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = wait::until(what, LIMIT, || {
        last = container(&status(room), name).clone();
        Ok::<_, Failure>(is(&last).then(|| last.clone()))
    });
    found.unwrap_or_else(|failure| panic!("{failure}: {last:#}"))
}

/// A pod with another restart policy.
pub(crate) fn restarted(manifest: &str, policy: &str) -> String {
    manifest.replace("restartPolicy: Never", &format!("restartPolicy: {policy}"))
}
