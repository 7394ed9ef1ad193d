//! Volumes of the pod, and where its containers see them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::environment::{lookup, not_found};
use super::{Making, Os, downward};
use crate::expansion::expand;
use crate::path::{self, DestinationError, MountPoint};
use crate::plan::{Mount, View};
use crate::spec::sub_path_fault;
use crate::spec::{
    ContainerSpec, FilesSource, FilesSpec, PIPE_HELP, SubPath, VolumeMount, VolumeSource, VolumeSpec,
};
use crate::volumes::{
    Content, EmptyDir, HostPathType, ObjectPart, Part, PartSource, SizeLimit, Volume, merge, place,
};

/// The volumes of a pod; those of its own lie below its directory.
pub(super) fn volumes(making: &mut Making<'_>, directory: &Path) -> Vec<Volume> {
    let spec = making.request.spec;
    spec.volumes
        .iter()
        .filter_map(|volume| self::volume(making, volume, directory))
        .collect()
}

fn volume(making: &mut Making<'_>, spec: &VolumeSpec, directory: &Path) -> Option<Volume> {
    let own = || place(directory, &spec.name);
    let (path, content) = match &spec.source {
        VolumeSource::EmptyDir { memory, limit } => {
            (own(), Content::Empty(empty_dir(making, *memory, limit.as_ref())))
        }
        VolumeSource::HostPath { path, kind } => {
            (host_path(making, spec, path, *kind)?, Content::Host(*kind))
        }
        VolumeSource::Files(sources) => {
            let before = making.refusals.len();
            let parts: Vec<Part> = sources.iter().filter_map(|source| part(making, source)).collect();
            if making.refusals.len() > before {
                return None;
            }
            if let Err(reason) = merge(parts.iter().map(|part| part.files.as_slice())) {
                making.refuse(spec.path.clone(), spec.span, reason, None);
                return None;
            }
            (own(), Content::Files(parts))
        }
    };
    Some(Volume {
        name: spec.name.clone(),
        path,
        content,
    })
}

/// A file system in memory is no larger than what the containers may use together, as with the kubelet: what is in it is
/// charged to them.
fn empty_dir(making: &Making<'_>, memory: bool, limit: Option<&SizeLimit>) -> EmptyDir {
    let memory_of = |container: &ContainerSpec| container.limits.memory;
    let spec = making.request.spec;
    let together: Option<u64> = spec
        .containers
        .iter()
        .map(memory_of)
        .try_fold(0_u64, |sum, limit| sum.checked_add(limit?));
    let size = [limit.map(|limit| limit.bytes), together]
        .into_iter()
        .flatten()
        .min();
    EmptyDir {
        memory,
        limit: limit.cloned(),
        size: size.filter(|_| memory),
    }
}

fn host_path(making: &mut Making<'_>, spec: &VolumeSpec, text: &str, kind: HostPathType) -> Option<PathBuf> {
    let os = making.request.facts.os;
    if os == Os::Windows && kind == HostPathType::Socket {
        let reason = "Unix domain sockets cannot be mounted into a job container";
        making.refuse(
            format!("{}.hostPath.type", spec.path),
            spec.span,
            reason,
            Some(PIPE_HELP),
        );
        return None;
    }
    let path = match os {
        Os::Linux => text.to_owned(),
        Os::Windows => {
            let path = path::with_backslashes(text);
            if path.starts_with('\\') && !path.starts_with(r"\\") {
                format!("C:{path}")
            } else {
                path
            }
        }
    };
    if !path::is_absolute(os, &path) {
        let reason = format!("{text:?} is no absolute path of this host");
        making.refuse(format!("{}.hostPath.path", spec.path), spec.span, reason, None);
        return None;
    }
    Some(PathBuf::from(path))
}

fn part(making: &mut Making<'_>, spec: &FilesSpec) -> Option<Part> {
    let object = match &spec.source {
        FilesSource::Object(object) => object,
        FilesSource::Downward(files) => {
            return Some(Part {
                source: PartSource::Pod,
                files: downward::files(making, files)?,
            });
        }
    };
    match object_part(making, object) {
        Ok(part) => Some(part),
        Err(reason) => {
            let help = "give its manifest too, or set optional: true";
            making.refuse(spec.path.clone(), spec.span, reason, Some(help));
            None
        }
    }
}

fn object_part(making: &Making<'_>, object: &ObjectPart) -> Result<Part, String> {
    let found = making
        .request
        .objects
        .object(object.kind, &making.identity.namespace, &object.name);
    let (files, immutable) = match found.transpose().map_err(|error| error.to_string())? {
        Some(data) => (object.files(&data)?, data.immutable),
        None if object.optional => (Vec::new(), false),
        None => return Err(not_found(making, object.kind, &object.name)),
    };
    let mut object = object.clone();
    object.immutable = immutable;
    Ok(Part {
        source: PartSource::Object(object),
        files,
    })
}

/// `subPath`, or `subPathExpr` with the container's variables in it, in the kubelet's words where it cannot be.
fn sub_path(
    making: &mut Making<'_>,
    mount: &VolumeMount,
    variables: &[(String, String)],
) -> Result<Option<PathBuf>, ()> {
    let text = match &mount.sub_path {
        None => return Ok(None),
        Some(SubPath::Literal(text)) => text.clone(),
        Some(SubPath::Expression(text)) => {
            let missing = std::cell::RefCell::new(BTreeSet::new());
            let expanded = expand(text, |name| {
                let value = lookup(variables, name).filter(|value| !value.is_empty());
                if value.is_none() {
                    missing.borrow_mut().insert(name.to_owned());
                }
                value
            });
            let missing: Vec<String> = missing.into_inner().into_iter().collect();
            let field = format!("{}.subPathExpr", mount.path);
            if !missing.is_empty() {
                let reason = format!("missing value for {}", missing.join(", "));
                let help = "give the variable in env; one of the image does not count here";
                making.refuse(field, mount.span, reason, Some(help));
                return Err(());
            }
            if let Some(fault) = sub_path_fault(&expanded) {
                let reason = format!("unable to provision SubPath `{expanded}`: {fault}");
                making.refuse(field, mount.span, reason, None);
                return Err(());
            }
            expanded
        }
    };
    let parts = text
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != ".");
    let path: PathBuf = match making.request.facts.os {
        Os::Windows => parts.collect::<Vec<_>>().join(r"\").into(),
        // There a backslash is a letter like any other.
        Os::Linux => Path::new(&text)
            .components()
            .filter(|part| matches!(part, std::path::Component::Normal(_)))
            .collect(),
    };
    // `.` is the volume itself.
    Ok(Some(path).filter(|path| !path.as_os_str().is_empty()))
}

/// The mounts of a container, shallow destinations first.
pub(super) fn mounts(
    making: &mut Making<'_>,
    container: &ContainerSpec,
    volumes: &[Volume],
    variables: &[(String, String)],
) -> Vec<Mount> {
    let os = making.request.facts.os;
    let view = making.view();
    let mount_point = match os {
        Os::Linux => MountPoint::linux(),
        Os::Windows => MountPoint::silo(),
    };
    let mut mounts: Vec<Mount> = Vec::new();
    for spec in &container.mounts {
        let field = || format!("{}.mountPath", spec.path);
        // A volume that is not there was refused itself.
        let Some(volume) = volumes.iter().find(|volume| volume.name == spec.volume) else {
            continue;
        };
        let destination = match path::destination(&mount_point, &spec.destination) {
            Ok(destination) => destination,
            Err(DestinationError::Device) => {
                let reason =
                    "named pipe mounts not supported for job containers - interact with the pipe directly";
                making.refuse(field(), spec.span, reason, Some(PIPE_HELP));
                continue;
            }
            Err(error) => {
                making.refuse(
                    field(),
                    spec.span,
                    format!("{:?}: {error}", spec.destination),
                    None,
                );
                continue;
            }
        };
        let same = |mount: &Mount| match os {
            Os::Linux => mount.destination == destination,
            Os::Windows => mount.destination.eq_ignore_ascii_case(&destination),
        };
        if mounts.iter().any(same) {
            making.refuse(
                field(),
                spec.span,
                format!("Invalid value: {:?}: must be unique", spec.destination),
                None,
            );
            continue;
        }
        let Ok(sub_path) = sub_path(making, spec, variables) else {
            continue;
        };
        // The kubelet mounts ConfigMaps and Secrets read-only, whatever the mount says. A link cannot be: there only who
        // asks for it is refused.
        let read_only =
            spec.read_only || (matches!(volume.content, Content::Files(_)) && view != View::Links);
        mounts.push(Mount {
            volume: spec.volume.clone(),
            source: volume.path.clone(),
            sub_path,
            destination,
            read_only,
        });
    }
    mounts.sort_by_key(|mount| {
        mount
            .destination
            .split(['/', '\\'])
            .filter(|part| !part.is_empty())
            .count()
    });
    mounts
}
