//! User namespaces of a pod's own (`validateHostUsers`).

use porthole_manifest::Node;

use crate::path::Path;
use crate::report::is_true;
use crate::rule::rules;
use crate::validate::Pass;

rules! { ApiServer:
    /// A pod with users of its own (`hostUsers: false`) shares no other namespace of the host: neither network nor
    /// processes nor inter-process communication.
    HOST_USERS_WITH_HOST_NAMESPACE = "host-users-with-host-namespace";
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    let own_users = pass.spec.field("hostUsers").and_then(Node::as_bool) == Some(false);
    if !own_users {
        return;
    }
    let spec = Path::root(pass.template.prefix);
    // The names are the API server's: two of them are those of Go.
    for (key, name) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        if is_true(pass.spec, key) {
            let place = pass.spec.field(key).unwrap_or(pass.spec).span();
            pass.forbidden(
                &HOST_USERS_WITH_HOST_NAMESPACE,
                &spec.child(name),
                "when `hostUsers` is false",
                place,
            );
        }
    }
}
