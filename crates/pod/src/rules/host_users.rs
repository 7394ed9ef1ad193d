//! User namespaces of a pod's own (`validateHostUsers`).

use porthole_manifest::Node;

use crate::container::containers;
use crate::report::{has_items, is_true, items, place};
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// A pod with users of its own (`hostUsers: false`) shares no other namespace of the host: neither network nor
    /// processes nor inter-process communication.
    HOST_USERS_WITH_HOST_NAMESPACE = "host-users-with-host-namespace";
    /// A pod with users of its own (`hostUsers: false`) has no volume whose files it cannot be given: no block devices, and
    /// before 1.28 files of the API and empty directories only.
    HOST_USERS_VOLUME = "host-users-volume";
}

/// Whether the API server keeps `hostUsers`.
pub(crate) fn is_known(pass: &Pass<'_>) -> bool {
    pass.at_least(25)
        && (pass.at_least(36)
            || if pass.at_least(28) {
                pass.enabled("UserNamespacesSupport")
            } else {
                pass.enabled("UserNamespacesStatelessPodsSupport")
            })
}

/// Whether the pod has users of its own.
pub(crate) fn are_own(pass: &Pass<'_>) -> bool {
    is_known(pass) && pass.spec.field("hostUsers").and_then(Node::as_bool) == Some(false)
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    if !are_own(pass) {
        return;
    }
    let spec = pass.spec_path();
    let detail = if pass.at_least(34) {
        "when `hostUsers` is false"
    } else {
        "when `pod.Spec.HostUsers` is false"
    };
    // The names are the API server's: two of them are those of Go.
    for (key, name) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        let allowed =
            key == "hostNetwork" && pass.at_least(35) && pass.enabled("UserNamespacesHostNetworkSupport");
        if is_true(pass.spec, key) && !allowed {
            let span = place(pass.spec, key);
            pass.forbidden(&HOST_USERS_WITH_HOST_NAMESPACE, &spec.child(name), detail, span);
        }
    }
    if !pass.at_least(28) {
        check_volumes(pass);
    }
    if pass.at_least(34) {
        check_devices(pass);
    }
}

/// At first only volumes of files that nobody else owns were taken.
fn check_volumes(pass: &mut Pass<'_>) {
    let spec = pass.spec_path();
    let list = spec.child("volumes");
    let own = ["emptyDir", "secret", "downwardAPI", "configMap", "projected"];
    for (index, volume) in items(pass.spec, "volumes").enumerate() {
        let mut kinds = volume
            .entries()
            .filter(|entry| !entry.value.is_null() && !entry.key.key_text().eq("name"));
        let any = kinds.clone().next().is_some();
        if any && !kinds.any(|entry| own.contains(&&*entry.key.key_text())) {
            let detail = "volume type not supported when `pod.Spec.HostUsers` is false";
            pass.forbidden(&HOST_USERS_VOLUME, &list.index(index), detail, volume.span());
        }
    }
}

fn check_devices(pass: &mut Pass<'_>) {
    let template = pass.template;
    let spec = pass.spec_path();
    for container in containers(&template) {
        if has_items(container.node, "volumeDevices") {
            let list = spec.child(container.kind.field());
            let at = list.index(container.index);
            let span = place(container.node, "volumeDevices");
            let detail = "when `hostUsers` is false";
            pass.forbidden(&HOST_USERS_VOLUME, &at.child("volumeDevices"), detail, span);
        }
    }
}
