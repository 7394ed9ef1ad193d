//! Ephemeral containers are added to running pods.

use porthole_manifest::WorkloadKind;

use crate::path::Path;
use crate::rule::rules;
use crate::rules::container;
use crate::validate::Pass;

rules! { ApiServer:
    /// Ephemeral containers are added to a pod that runs (`kubectl debug`); neither a new pod nor a template has any.
    EPHEMERAL_CONTAINERS_TOO_EARLY = "ephemeral-containers-too-early";
}

pub(crate) fn check(pass: &mut Pass<'_>) {
    let Some(list) = pass.spec.field("ephemeralContainers") else {
        return;
    };
    if list.items().next().is_none() || !container::ephemeral::are_known(pass) {
        return;
    }
    let spec = Path::root(pass.template.prefix);
    let detail = if pass.template.kind == WorkloadKind::Pod {
        "cannot be set on create"
    } else {
        "ephemeral containers not allowed in pod template"
    };
    let field = spec.child("ephemeralContainers");
    pass.forbidden(&EPHEMERAL_CONTAINERS_TOO_EARLY, &field, detail, list.span());
}
