//! Ephemeral containers (`validateEphemeralContainers`): what they name, and what they may not have.

use std::collections::HashSet;

use porthole_manifest::Node;

use super::{Scope, handlers};
use crate::container::ContainerKind;
use crate::path::Path;
use crate::report::{Shown, items, place, text};
use crate::rule::rules;
use crate::rules::container;
use crate::validate::Pass;

rules! { ApiServer:
    /// `targetContainerName` names a container or init container of the pod, whose processes are to be seen.
    TARGET_CONTAINER_UNKNOWN = "target-container-unknown";
    /// An ephemeral container is for looking at a pod, and nothing may depend on it: it has no ports, resources, probes,
    /// lifecycle hooks or restart policy, and mounts no part of a volume. Leave the field out, be it empty or not.
    EPHEMERAL_CONTAINER_FIELD = "ephemeral-container-field";
}

const DETAIL: &str = "cannot be set for an Ephemeral Container";

/// Whether the API server knows ephemeral containers; an alpha gate drops them in 1.22.
pub(crate) fn are_known(pass: &Pass<'_>) -> bool {
    pass.at_least(25) || pass.enabled("EphemeralContainers")
}

pub(super) fn check(pass: &mut Pass<'_>, scope: &Scope<'_>) {
    let mut containers = items(pass.spec, ContainerKind::Ephemeral.field())
        .enumerate()
        .peekable();
    if containers.peek().is_none() {
        return;
    }
    let spec = pass.spec_path();
    let list = spec.child(ContainerKind::Ephemeral.field());
    let others = other_names(pass);
    let mut names = others.clone();
    for (index, node) in containers {
        let at = list.index(index);
        container::check_common(pass, scope, &at, node, ContainerKind::Ephemeral);
        container::check_image_blanks(pass, &at, node);
        if !names.insert(text(node, "name")) {
            container::duplicate_name(pass, &at, node);
        }
        check_target(pass, &others, &at, node);
        check_fields(pass, &at, node);
        check_sub_paths(pass, scope, &at.child("volumeMounts"), node);
    }
}

/// The names of the containers and init containers.
pub(super) fn other_names<'a>(pass: &Pass<'a>) -> HashSet<&'a str> {
    [ContainerKind::Main, ContainerKind::Init]
        .into_iter()
        .flat_map(|kind| items(pass.spec, kind.field()))
        .map(|container| text(container, "name"))
        .collect()
}

pub(super) fn check_target(pass: &mut Pass<'_>, names: &HashSet<&str>, at: &Path<'_>, node: Node<'_>) {
    let key = "targetContainerName";
    let target = text(node, key);
    if !target.is_empty() && !names.contains(target) {
        let field = at.child(key);
        pass.not_found(
            &TARGET_CONTAINER_UNKNOWN,
            &field,
            Shown::Str(target),
            place(node, key),
        );
    }
}

/// `validateFieldAllowList`, in the order of the fields in Go. An empty list is set; an empty struct is not.
pub(super) fn check_fields(pass: &mut Pass<'_>, at: &Path<'_>, node: Node<'_>) {
    let resources = node.child("resources");
    let has_resources = ["limits", "requests"]
        .iter()
        .any(|key| resources.field(key).is_some())
        || (super::resources::knows_claims(pass) && resources.field("claims").is_some());
    let knows_rules = pass.enabled("ContainerRestartRules");
    let fields = [
        ("ports", true),
        ("resources", has_resources),
        ("resizePolicy", super::restart::knows_resize_policy(pass)),
        (
            "restartPolicy",
            if pass.at_least(34) {
                knows_rules
            } else {
                pass.at_least(28)
            },
        ),
        ("restartPolicyRules", knows_rules),
        ("volumeDevices", !pass.at_least(23)),
        ("livenessProbe", true),
        ("readinessProbe", true),
        ("startupProbe", true),
        ("lifecycle", handlers::lifecycle(pass.options, node).is_some()),
    ];
    for (key, counts) in fields {
        if let Some(value) = node.field(key).filter(|_| counts) {
            pass.forbidden(&EPHEMERAL_CONTAINER_FIELD, &at.child(key), DETAIL, value.span());
        }
    }
}

/// Parts of volumes are mounted by links that nobody cleans up before the pod ends. (Since 1.23.)
pub(super) fn check_sub_paths(pass: &mut Pass<'_>, scope: &Scope<'_>, list: &Path<'_>, node: Node<'_>) {
    for (index, mount) in scope.mounts(node).enumerate() {
        let at = list.index(index);
        for key in ["subPath", "subPathExpr"] {
            if !text(mount, key).is_empty() {
                let span = place(mount, key);
                pass.forbidden(&EPHEMERAL_CONTAINER_FIELD, &at.child(key), DETAIL, span);
            }
        }
    }
}
