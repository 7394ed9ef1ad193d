//! How a container is looked after: what of its spec depends on its variables and on where its pod lies.

use std::path::Path;

use super::environment::lookup;
use super::{Making, Os};
use crate::conduct::{Handler, Probe, Probes, TerminationMessage};
use crate::expansion::expand;
use crate::path::{self, MountPoint};
use crate::plan::Mount;
use crate::spec::{ContainerSpec, EnvValue};

/// The probes of a container, `$(VAR)` expanded in the programs that they run: as the kubelet does it, from the values
/// that stand in the manifest itself. Hooks are told as they are written.
pub(super) fn probes(container: &ContainerSpec) -> Probes {
    let literal: Vec<(String, String)> = container
        .env
        .iter()
        .map(|env| {
            let value = match &env.value {
                EnvValue::Literal(text) => text.clone(),
                _ => String::new(),
            };
            (env.name.clone(), value)
        })
        .collect();
    let expanded = |probe: &Option<Probe>| {
        let mut probe = probe.clone()?;
        if let Handler::Exec(command) = &mut probe.handler {
            for text in command {
                *text = expand(text, |name| lookup(&literal, name));
            }
        }
        Some(probe)
    };
    Probes {
        startup: expanded(&container.probes.startup),
        readiness: expanded(&container.probes.readiness),
        liveness: expanded(&container.probes.liveness),
    }
}

/// The name of the mount that messages go through, for messages about it.
const MOUNT: &str = "termination-message";

/// Where a container writes why it ended. A path that the manifest names is a file of the pod's own, mounted there; without
/// one nothing is mounted, because the API server's default lies in `/dev`, which is the host's own here.
pub(super) fn termination_message(
    making: &mut Making<'_>,
    container: &ContainerSpec,
    directory: &Path,
    mounts: &mut Vec<Mount>,
) -> TerminationMessage {
    let mut message = TerminationMessage {
        file: None,
        or_log: container.message_from_log,
    };
    let Some(written) = &container.termination_path else {
        return message;
    };
    let field = || format!("{}.terminationMessagePath", container.path);
    let os = making.request.facts.os;
    let mount_point = match os {
        Os::Linux => MountPoint::linux(),
        Os::Windows => MountPoint::silo(),
    };
    let destination = match path::destination(&mount_point, &written.value) {
        Ok(destination) => destination,
        Err(error) => {
            making.refuse(
                field(),
                written.span,
                format!("{:?}: {error}", written.value),
                None,
            );
            return message;
        }
    };
    let same = |mount: &Mount| match os {
        Os::Linux => mount.destination == destination,
        Os::Windows => mount.destination.eq_ignore_ascii_case(&destination),
    };
    if mounts.iter().any(same) {
        let reason = format!("Invalid value: {:?}: a volume is mounted there", written.value);
        making.refuse(field(), written.span, reason, None);
        return message;
    }
    let file = directory.join("termination").join(&container.name);
    mounts.push(Mount {
        volume: MOUNT.to_owned(),
        source: file.clone(),
        sub_path: None,
        destination,
        read_only: false,
    });
    // Shallow ones first, as those of the volumes.
    mounts.sort_by_key(|mount| {
        mount
            .destination
            .split(['/', '\\'])
            .filter(|part| !part.is_empty())
            .count()
    });
    message.file = Some(file);
    message
}
