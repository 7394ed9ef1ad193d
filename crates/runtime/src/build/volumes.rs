//! Volumes of the pod, and where its containers see them.

use std::path::{Path, PathBuf};

use super::environment::not_found;
use super::{Making, Os};
use crate::path::{self, DestinationError, MountPoint};
use crate::plan::Mount;
use crate::spec::{ContainerSpec, Item, ObjectKind, PIPE_HELP, VolumeSource, VolumeSpec};
use crate::volumes::{Content, ContentFile, Volume};

/// The volumes of a pod; those of its own lie below its directory.
pub(super) fn volumes(making: &mut Making<'_>, directory: &Path) -> Vec<Volume> {
    let spec = making.request.spec;
    spec.volumes
        .iter()
        .filter_map(|volume| self::volume(making, volume, directory))
        .collect()
}

fn volume(making: &mut Making<'_>, spec: &VolumeSpec, directory: &Path) -> Option<Volume> {
    let own = || directory.join("volumes").join(&spec.name);
    let (path, content) = match &spec.source {
        VolumeSource::EmptyDir => (own(), Content::Empty),
        VolumeSource::HostPath { path, kind } => (host_path(making, spec, path)?, Content::Host(*kind)),
        VolumeSource::Object {
            kind,
            name,
            items,
            mode,
            optional,
        } => {
            let files = match files(making, *kind, name, items, *mode, *optional) {
                Ok(files) => files,
                Err(reason) => {
                    let help = "give its manifest too, or set optional: true";
                    making.refuse(spec.path.clone(), spec.span, reason, Some(help));
                    return None;
                }
            };
            (own(), Content::Files(files))
        }
    };
    Some(Volume {
        name: spec.name.clone(),
        path,
        content,
    })
}

fn host_path(making: &mut Making<'_>, spec: &VolumeSpec, text: &str) -> Option<PathBuf> {
    let os = making.request.facts.os;
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

fn files(
    making: &Making<'_>,
    kind: ObjectKind,
    name: &str,
    items: &[Item],
    mode: u32,
    optional: bool,
) -> Result<Vec<ContentFile>, String> {
    let found = making
        .request
        .objects
        .data(kind, &making.identity.namespace, name);
    let Some(data) = found.transpose().map_err(|error| error.to_string())? else {
        return if optional {
            Ok(Vec::new())
        } else {
            Err(not_found(making, kind, name))
        };
    };
    if items.is_empty() {
        return data
            .into_iter()
            .map(|datum| {
                if datum.key.is_empty() || datum.key.contains(['/', '\\', ':']) || datum.key.starts_with("..")
                {
                    return Err(format!(
                        "key {:?} of {} {name:?} is no file name",
                        datum.key,
                        kind.name()
                    ));
                }
                Ok(ContentFile {
                    path: datum.key,
                    content: datum.content,
                    mode,
                })
            })
            .collect();
    }
    let mut files = Vec::new();
    for item in items {
        match data.iter().find(|datum| datum.key == item.key) {
            Some(datum) => files.push(ContentFile {
                path: item.path.clone(),
                content: datum.content.clone(),
                mode: item.mode.unwrap_or(mode),
            }),
            None if optional => {}
            None => {
                let what = if kind == ObjectKind::Secret {
                    "secret"
                } else {
                    "config"
                };
                return Err(format!("references non-existent {what} key: {}", item.key));
            }
        }
    }
    Ok(files)
}

/// The mounts of a container, shallow destinations first.
pub(super) fn mounts(making: &mut Making<'_>, container: &ContainerSpec, volumes: &[Volume]) -> Vec<Mount> {
    let os = making.request.facts.os;
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
        // The kubelet mounts ConfigMaps and Secrets read-only, whatever the mount says.
        let read_only = spec.read_only || matches!(volume.content, Content::Files(_));
        mounts.push(Mount {
            volume: spec.volume.clone(),
            source: volume.path.clone(),
            sub_path: None,
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
