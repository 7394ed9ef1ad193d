//! Volumes: bound where only the container sees them, or linked below its rootfs.

use std::io;
use std::path::Path;

use porthole_image::unpack::windows_component;

use crate::engine::{CreateError, Os};
use crate::path::{self, MountPoint};
use crate::plan::{Mount, Plan, View};

use super::api::{
    Api, BINDFLT_FLAG_READ_ONLY_MAPPING, BINDFLT_FLAG_USE_CURRENT_SILO_MAPPING, FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_OPEN_REPARSE_POINT, FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FileKind, Handle, READ_CONTROL, SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE,
    SYMBOLIC_LINK_FLAG_DIRECTORY, SYNCHRONIZE, WRITE_DAC,
};
use super::directories::{is_below, parent};
use super::job::Job;
use super::security;
use super::sub_path::{self, Part};

/// A volume of a plan that can be mounted.
#[derive(Debug)]
pub(super) struct Volume<'a> {
    mount: &'a Mount,
    source: String,
    /// As [`path::destination`] spells it.
    pub(super) destination: String,
    is_directory: bool,
    /// Where only a part is mounted.
    part: Option<Part>,
}

impl Volume<'_> {
    /// What has to stay open as long as the volume is mounted: a link and the bind filter know a part by its path alone, so
    /// the directories on that path must stay.
    pub(super) fn into_held(self) -> Vec<Handle> {
        self.part.map(|part| part.directories).unwrap_or_default()
    }
}

/// Checks every volume of a plan, and makes nothing but what is missing of a `subPath`.
pub(super) fn check<'a>(
    api: &dyn Api,
    plan: &'a Plan,
    mount_point: &MountPoint,
) -> Result<Vec<Volume<'a>>, CreateError> {
    let mut volumes: Vec<Volume<'a>> = Vec::new();
    for mount in &plan.mounts {
        let refuse = |reason: String| error(mount, reason);
        let source = mount
            .source
            .to_str()
            .map(path::with_backslashes)
            .unwrap_or_default();
        if source.to_ascii_lowercase().starts_with(r"\\.\pipe\") {
            return Err(refuse(
                "named pipe mounts not supported for job containers - interact with the pipe directly"
                    .to_owned(),
            ));
        }
        let destination =
            path::destination(mount_point, &mount.destination).map_err(|error| refuse(error.to_string()))?;
        for part in path::without_drive(&destination)
            .split('\\')
            .filter(|part| !part.is_empty())
        {
            windows_component(part)
                .map_err(|reason| refuse(format!("the destination `{destination}` {reason}")))?;
        }
        match plan.view {
            View::None => {
                return Err(refuse(
                    "a container without a view has no volumes; it can use the path on the host".to_owned(),
                ));
            }
            View::Links if mount.read_only => {
                return Err(refuse(
                    "a link cannot be read-only; mount the volume writable, or use a host with bindfltapi.dll"
                        .to_owned(),
                ));
            }
            View::Private | View::Links => {}
        }
        if !path::is_absolute(Os::Windows, &source) {
            return Err(refuse(format!("the source `{source}` is not an absolute path")));
        }
        let part = match &mount.sub_path {
            Some(wanted) => Some(sub_path::find(api, &source, wanted).map_err(refuse)?),
            None => None,
        };
        let source = part.as_ref().map_or(source, |part| part.path.clone());
        let is_directory = api.is_directory(&source);
        if !is_directory && !api.is_file(&source) {
            return Err(refuse(format!("there is no file or directory `{source}`")));
        }
        for other in &volumes {
            if other.destination.eq_ignore_ascii_case(&destination) {
                return Err(refuse(format!(
                    "volume `{}` is mounted there already",
                    other.mount.volume
                )));
            }
            if plan.view == View::Links
                && (is_below(&other.destination, &destination) || is_below(&destination, &other.destination))
            {
                return Err(refuse(format!(
                    "volume `{}` at `{}` would hold the link to it, and links are not made in volumes",
                    other.mount.volume, other.mount.destination
                )));
            }
        }
        volumes.push(Volume {
            mount,
            source,
            destination,
            is_directory,
            part,
        });
    }
    Ok(volumes)
}

/// Lets a container's account into the volumes that porthole made itself: they lie in the state directory, which nobody
/// else may read. What belongs to the host is left as it is.
pub(super) fn open_own(
    api: &dyn Api,
    state: &Path,
    volumes: &[Volume<'_>],
    sid: &[u8],
) -> Result<(), CreateError> {
    let Some(state) = state.to_str().map(path::with_backslashes) else {
        return Ok(());
    };
    for volume in volumes.iter().filter(|volume| is_below(&state, &volume.source)) {
        let access = if volume.mount.read_only {
            security::READ
        } else {
            security::MODIFY
        };
        open_to(api, &volume.source, sid, access).map_err(|source| CreateError::Io {
            doing: format!(
                "let the container's account into volume `{}`",
                volume.mount.volume
            ),
            source,
        })?;
    }
    Ok(())
}

/// Gives an account rights on what is at a path itself: who may write into an empty volume may make it a link, and rights on
/// what that leads to would be nobody's to give.
fn open_to(api: &dyn Api, path: &str, sid: &[u8], access: u32) -> io::Result<()> {
    let opened = api.open_file(
        path,
        FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | READ_CONTROL | WRITE_DAC | SYNCHRONIZE,
        FILE_SHARE_READ | FILE_SHARE_WRITE,
        FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
    )?;
    if opened.kind == FileKind::Link {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{path}` has been made a link, which leads elsewhere; remove the pod, and run it again"),
        ));
    }
    api.grant(&opened.handle, sid, access)
}

/// Binds the rootfs at the mount point of a silo, and each volume at its destination and, for programs that were made
/// for links, below the rootfs. `backing` is where the rootfs really lies.
pub(super) fn bind(
    api: &dyn Api,
    job: &Job,
    backing: &str,
    mount_point: &MountPoint,
    volumes: &[Volume<'_>],
) -> Result<(), CreateError> {
    api.bf_setup_filter(
        job.handle(),
        BINDFLT_FLAG_USE_CURRENT_SILO_MAPPING,
        mount_point.path(),
        backing,
    )
    .map_err(|source| CreateError::Io {
        doing: format!("bind the rootfs `{backing}` at `{}`", mount_point.path()),
        source,
    })?;
    for volume in volumes {
        let mut flags = BINDFLT_FLAG_USE_CURRENT_SILO_MAPPING;
        if volume.mount.read_only {
            flags |= BINDFLT_FLAG_READ_ONLY_MAPPING;
        }
        let mut places = vec![volume.destination.clone()];
        let below = mount_point.join(&volume.destination);
        if !mount_point.contains(&volume.destination) {
            places.push(below.clone());
        }
        // The bind filter asks for the parent of a place to be there; in the rootfs that is its backing directory.
        if let Some(directory) = parent(&below[mount_point.path().len()..]) {
            make_below(api, backing, directory).map_err(|reason| error(volume.mount, reason))?;
        }
        for place in places {
            api.bf_setup_filter(job.handle(), flags, &place, &volume.source)
                .map_err(|answer| {
                    error(
                        volume.mount,
                        format!(
                            "failed to bind target {:?} to root {place:?} for job object: {answer}",
                            volume.source
                        ),
                    )
                })?;
        }
    }
    Ok(())
}

/// Links each volume below the rootfs, which is a directory that every process of the host sees.
pub(super) fn link(
    api: &dyn Api,
    mount_point: &MountPoint,
    volumes: &[Volume<'_>],
) -> Result<(), CreateError> {
    for volume in volumes {
        let link = mount_point.join(&volume.destination);
        if let Some(directory) = parent(&link[mount_point.path().len()..]) {
            make_below(api, mount_point.path(), directory).map_err(|reason| error(volume.mount, reason))?;
        }
        // What the image has there is hidden by the volume; the rootfs is a copy, so it can go.
        if api.is_directory(&link) {
            api.remove_tree(&link)
                .map_err(|answer| error(volume.mount, format!("make way for the link `{link}`: {answer}")))?;
        }
        let mut flags = SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE;
        if volume.is_directory {
            flags |= SYMBOLIC_LINK_FLAG_DIRECTORY;
        }
        api.create_symbolic_link(&link, &volume.source, flags)
            .map_err(|answer| {
                error(
                    volume.mount,
                    format!(
                        "failed to setup mount for job container: link `{link}` to `{}`: {answer}",
                        volume.source
                    ),
                )
            })?;
    }
    Ok(())
}

/// Makes the directories of a path below one that is there. They are removed with the tree.
fn make_below(api: &dyn Api, root: &str, relative: &str) -> Result<(), String> {
    let mut directory = root.to_owned();
    for part in relative.split('\\').filter(|part| !part.is_empty()) {
        directory = format!(r"{directory}\{part}");
        if api.is_link(&directory) {
            return Err(format!(
                "the image has a link at `{directory}`, which would lead the mount elsewhere"
            ));
        }
        if !api.is_directory(&directory) {
            api.create_directory(&directory).map_err(|answer| {
                format!("failed to make directory for job container mount `{directory}`: {answer}")
            })?;
        }
    }
    Ok(())
}

fn error(mount: &Mount, reason: String) -> CreateError {
    CreateError::Mount {
        volume: mount.volume.clone(),
        destination: mount.destination.clone(),
        reason,
    }
}
