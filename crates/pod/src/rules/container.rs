//! The containers of a pod (`validateContainers`, `validateInitContainers`, `validateEphemeralContainers`).

use crate::container::ContainerKind;
use crate::rules::{host_ports, privileged, windows_options};
use crate::validate::Pass;

/// `spec.containers`.
pub(crate) fn check_main(pass: &mut Pass<'_>) {
    let all = pass.containers(ContainerKind::Main);
    for container in &all {
        privileged::check(pass, container);
        windows_options::check_container(pass, container);
    }
    host_ports::check_duplicates(pass, ContainerKind::Main, &all);
}

/// `spec.initContainers`.
pub(crate) fn check_init(pass: &mut Pass<'_>) {
    for container in pass.containers(ContainerKind::Init) {
        privileged::check(pass, &container);
        windows_options::check_container(pass, &container);
        host_ports::check_duplicates(pass, ContainerKind::Init, &[container]);
    }
}

/// `spec.ephemeralContainers`.
pub(crate) fn check_ephemeral(pass: &mut Pass<'_>) {
    for container in pass.containers(ContainerKind::Ephemeral) {
        privileged::check(pass, &container);
        windows_options::check_container(pass, &container);
    }
}
