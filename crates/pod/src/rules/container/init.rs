//! Init containers (`validateInitContainers`): sidecars may have what containers have, others may not.

use std::collections::HashSet;

use porthole_manifest::Node;

use super::{Scope, go_values, handlers, probes, restart};
use crate::container::ContainerKind;
use crate::finding::ErrorKind;
use crate::path::Path;
use crate::report::{items, text};
use crate::rule::rules;
use crate::rules::container;
use crate::rules::host_ports;
use crate::validate::Pass;

rules! { ApiServer:
    /// An init container ends before the next starts: it has no probes and no lifecycle hooks. One that is to run beside the
    /// containers is a sidecar: `restartPolicy: Always`, since Kubernetes 1.28.
    INIT_CONTAINER_FIELD = "init-container-field";
}

pub(super) fn check(pass: &mut Pass<'_>, scope: &Scope<'_>) {
    let mut containers = items(pass.spec, ContainerKind::Init.field())
        .enumerate()
        .peekable();
    if containers.peek().is_none() {
        return;
    }
    let spec = pass.spec_path();
    let list = spec.child(ContainerKind::Init.field());
    let main = items(pass.spec, ContainerKind::Main.field());
    let mut names: HashSet<_> = main.map(|container| text(container, "name")).collect();
    for (index, node) in containers {
        let at = list.index(index);
        container::check_common(pass, scope, &at, node, ContainerKind::Init);
        let is_sidecar = restart::check_init(pass, &at, node);
        let name = text(node, "name");
        if names.contains(name) {
            container::duplicate_name(pass, &at, node);
        } else if !name.is_empty() {
            names.insert(name);
        }
        // They run one by one: each has the ports for itself, and is numbered as the first.
        host_ports::check_duplicates(pass, &list, ContainerKind::Init, &[node]);
        if is_sidecar {
            probes::check_all(pass, scope, &at, node);
        } else {
            refuse(pass, &at, node);
        }
        restart::check_init_resize_policy(pass, &at.child("resizePolicy"), node, is_sidecar);
    }
}

fn refuse(pass: &mut Pass<'_>, at: &Path<'_>, node: Node<'_>) {
    let detail = if pass.at_least(28) {
        "may not be set for init containers without restartPolicy=Always"
    } else {
        "may not be set for init containers"
    };
    let lifecycle = handlers::lifecycle(pass.options, node);
    let probe = |key| (key, node.field(key));
    for (key, value) in [
        ("lifecycle", lifecycle),
        probe("livenessProbe"),
        probe("readinessProbe"),
        probe("startupProbe"),
    ] {
        if let Some(value) = value {
            pass.forbidden(&INIT_CONTAINER_FIELD, &at.child(key), detail, value.span());
        }
    }
}

/// As up to 1.24, which showed the values.
pub(super) fn refuse_with_values(pass: &mut Pass<'_>, at: &Path<'_>, node: Node<'_>) {
    let named = pass.at_least(23);
    for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(value) = node.field(key) else { continue };
        let shown = if key == "lifecycle" {
            go_values::lifecycle(value, named)
        } else {
            go_values::probe(value, named, probes::knows_grace_period(pass, key))
        };
        let detail = "must not be set for init containers";
        let field = at.child(key);
        pass.report(
            &INIT_CONTAINER_FIELD,
            ErrorKind::Invalid,
            &field,
            Some(shown),
            detail,
            value.span(),
        );
    }
}
