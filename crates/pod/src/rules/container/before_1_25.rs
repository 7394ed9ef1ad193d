//! Containers as the API server looked at them up to 1.24: handlers and probes before everything else, init and ephemeral
//! containers as containers first.

use std::collections::HashSet;

use porthole_manifest::Node;

use super::{Scope, handlers, init, probes};
use crate::container::ContainerKind;
use crate::path::Path;
use crate::report::{Shown, items, place, text};
use crate::rules::container::{self, ephemeral};
use crate::rules::host_ports;
use crate::validate::Pass;

pub(super) fn check(pass: &mut Pass<'_>, scope: &Scope<'_>) {
    let spec = pass.spec_path();
    let list = |kind: ContainerKind| items(pass.spec, kind.field()).collect::<Vec<_>>();
    let main = list(ContainerKind::Main);
    let first = list(ContainerKind::Init);
    let later = list(ContainerKind::Ephemeral);
    check_list(
        pass,
        scope,
        &spec.child(ContainerKind::Main.field()),
        ContainerKind::Main,
        &main,
    );
    check_init(
        pass,
        scope,
        &spec.child(ContainerKind::Init.field()),
        &first,
        &main,
    );
    if ephemeral::are_known(pass) {
        check_ephemeral(pass, scope, &spec.child(ContainerKind::Ephemeral.field()), &later);
    }
}

/// `validateContainers`.
fn check_list(
    pass: &mut Pass<'_>,
    scope: &Scope<'_>,
    list: &Path<'_>,
    kind: ContainerKind,
    containers: &[Node<'_>],
) {
    if containers.is_empty() {
        return container::containers_required(pass, list, pass.spec);
    }
    let mut names = HashSet::new();
    for (index, node) in containers.iter().copied().enumerate() {
        let at = list.index(index);
        container::check_name(pass, &at, node);
        if !names.insert(text(node, "name")) {
            container::duplicate_name(pass, &at, node);
        }
        container::check_image(pass, &at, node);
        if let Some(lifecycle) = handlers::lifecycle(pass.options, node) {
            handlers::check_lifecycle(pass, scope, &at.child("lifecycle"), lifecycle);
        }
        probes::check_before_1_25(pass, scope, &at, node, |pass| {
            let policy = text(node, "terminationMessagePolicy");
            if !matches!(policy, "" | "File" | "FallbackToLogsOnError") {
                pass.invalid(
                    &container::TERMINATION_MESSAGE_POLICY_UNKNOWN,
                    &at.child("terminationMessagePolicy"),
                    Shown::Named(policy),
                    "must be 'File' or 'FallbackToLogsOnError'",
                    place(node, "terminationMessagePolicy"),
                );
            }
        });
        container::check_uses(pass, scope, &at, node, kind);
    }
    if kind == ContainerKind::Init {
        for node in containers {
            host_ports::check_duplicates(pass, list, kind, &[*node]);
        }
    } else {
        host_ports::check_duplicates(pass, list, kind, containers);
    }
}

/// `validateInitContainers`.
fn check_init(
    pass: &mut Pass<'_>,
    scope: &Scope<'_>,
    list: &Path<'_>,
    containers: &[Node<'_>],
    main: &[Node<'_>],
) {
    if containers.is_empty() {
        return;
    }
    check_list(pass, scope, list, ContainerKind::Init, containers);
    let mut names: HashSet<_> = main.iter().map(|node| text(*node, "name")).collect();
    for (index, node) in containers.iter().copied().enumerate() {
        let at = list.index(index);
        let name = text(node, "name");
        if names.contains(name) {
            container::duplicate_name(pass, &at, node);
        }
        if !name.is_empty() {
            names.insert(name);
        }
        init::refuse_with_values(pass, &at, node);
    }
}

/// `validateEphemeralContainers`: each is a list of its own, of one.
fn check_ephemeral(pass: &mut Pass<'_>, scope: &Scope<'_>, list: &Path<'_>, containers: &[Node<'_>]) {
    let mut names = ephemeral::other_names(pass);
    for (index, node) in containers.iter().copied().enumerate() {
        let at = list.index(index);
        ephemeral::check_target(pass, &names, &at, node);
        let name = text(node, "name");
        if name.is_empty() {
            let detail = "ephemeralContainer requires a name";
            pass.required(
                &container::CONTAINER_NAME_REQUIRED,
                &at,
                detail,
                place(node, "name"),
            );
            continue;
        }
        check_list(pass, scope, &at, ContainerKind::Ephemeral, &[node]);
        container::check_image_blanks(pass, &at.index(0), node);
        if !names.insert(name) {
            container::duplicate_name(pass, &at, node);
        }
        ephemeral::check_fields(pass, &at, node);
        if pass.at_least(23) {
            ephemeral::check_sub_paths(pass, scope, &at.child("volumeMounts"), node);
        }
    }
}
