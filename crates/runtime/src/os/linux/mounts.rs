//! Volumes: checked as a whole before anything is made, then opened as detached mounts.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{OpenTreeFlags, open_tree};

use super::places::{self, Place};
use super::raw;
use super::sub_path::{self, Part};
use crate::engine::CreateError;
use crate::path::{self, MountPoint};
use crate::plan::Mount;

/// A volume that can be mounted.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    /// The pod's name of it.
    pub(super) name: String,
    /// As the manifest spelt it.
    pub(super) destination: String,
    /// What is mounted, on the host.
    pub(super) source: PathBuf,
    /// The same where it is a part of the volume, by which it is opened.
    pub(super) part: Option<Part>,
    /// A file; else a directory.
    pub(super) file: bool,
    pub(super) read_only: bool,
    /// Where on the host, without symbolic links. `None` where the destination lies in the rootfs anyway.
    pub(super) host: Option<PathBuf>,
    /// Where in the rootfs, relative to it.
    pub(super) inside: PathBuf,
    /// The index of the volume in which this one is mounted, and where in it.
    pub(super) below: Option<(usize, PathBuf)>,
    /// What must be there to mount on, outside the rootfs.
    pub(super) places: Vec<Place>,
}

impl Volume {
    pub(super) fn error(&self, reason: impl Into<String>) -> CreateError {
        CreateError::Mount {
            volume: self.name.clone(),
            destination: self.destination.clone(),
            reason: reason.into(),
        }
    }
}

/// Checks all volumes, and plans what they are mounted on. Shallow destinations come first in the answer.
pub(super) fn check(mounts: &[Mount], mount_point: &MountPoint) -> Result<Vec<Volume>, CreateError> {
    let mut volumes: Vec<Volume> = Vec::with_capacity(mounts.len());
    let mut ordered: Vec<&Mount> = mounts.iter().collect();
    ordered.sort_by_key(|mount| {
        Path::new(&mount_point.join(&mount.destination))
            .components()
            .count()
    });
    for mount in ordered {
        let refused = |reason: String| CreateError::Mount {
            volume: mount.volume.clone(),
            destination: mount.destination.clone(),
            reason,
        };
        check_source(&mount.source).map_err(refused)?;
        let part = mount
            .sub_path
            .as_ref()
            .map(|wanted| sub_path::find(&mount.source, wanted))
            .transpose()
            .map_err(refused)?;
        let source = part.as_ref().map_or_else(|| mount.source.clone(), Part::path);
        let file = check_source(&source).map_err(refused)?;
        let destination =
            path::destination(mount_point, &mount.destination).map_err(|error| refused(error.to_string()))?;
        let root = Path::new(mount_point.path());
        let in_rootfs = mount_point.join(&destination);
        let inside = Path::new(&in_rootfs)
            .strip_prefix(root)
            .map_err(|error| refused(error.to_string()))?
            .to_owned();
        let host = if mount_point.contains(&destination) {
            None
        } else {
            let host = places::resolve(Path::new(&destination)).map_err(refused)?;
            check_destination(&host, root).map_err(refused)?;
            Some(host)
        };
        if let Some(other) = volumes
            .iter()
            .find(|other| other.inside == inside || (host.is_some() && other.host == host))
        {
            return Err(refused(format!(
                "volume `{}` is mounted there already; give each its own mountPath",
                other.name
            )));
        }
        let mut volume = Volume {
            name: mount.volume.clone(),
            destination: mount.destination.clone(),
            source,
            part,
            file,
            read_only: mount.read_only,
            below: below(&volumes, host.as_deref(), &inside),
            host,
            inside,
            places: Vec::new(),
        };
        volume.places = plan_places(&volume, &volumes).map_err(refused)?;
        volumes.push(volume);
    }
    Ok(volumes)
}

fn below(volumes: &[Volume], host: Option<&Path>, inside: &Path) -> Option<(usize, PathBuf)> {
    // Shallow volumes come first, so that the last that contains the place is the nearest.
    volumes.iter().enumerate().rev().find_map(|(index, outer)| {
        let rest = match (host, &outer.host) {
            (Some(host), Some(outer)) => host.strip_prefix(outer).ok(),
            _ => None,
        };
        let rest = rest.or_else(|| inside.strip_prefix(&outer.inside).ok());
        rest.map(|rest| (index, rest.to_owned()))
    })
}

fn plan_places(volume: &Volume, volumes: &[Volume]) -> Result<Vec<Place>, String> {
    let Some((outer, rest)) = &volume.below else {
        return match &volume.host {
            Some(host) => places::plan(host, volume.file),
            None => Ok(Vec::new()),
        };
    };
    // Mounted in another volume, it needs something to be mounted on in that volume's source.
    let outer = &volumes[*outer];
    if outer.file {
        return Err(format!(
            "volume `{}` is a file at `{}`",
            outer.name, outer.destination
        ));
    }
    let source = outer
        .source
        .canonicalize()
        .map_err(|error| format!("resolve `{}`: {error}", outer.source.display()))?;
    let mut on_the_way = source.clone();
    for component in rest {
        on_the_way.push(component);
        if on_the_way.is_symlink() {
            return Err(format!(
                "`{}` in volume `{}` is a symbolic link",
                on_the_way.display(),
                outer.name
            ));
        }
    }
    let planned = places::plan(&source.join(rest), volume.file)?;
    match planned.iter().find(|place| place.missing) {
        Some(place) if outer.read_only => Err(format!(
            "volume `{}` is read-only and has nothing to mount on at `{}`",
            outer.name,
            place.path.display()
        )),
        _ => Ok(planned),
    }
}

/// Whether the source is a file; else it is a directory.
fn check_source(source: &Path) -> Result<bool, String> {
    let shown = source.display();
    let kind = match fs::metadata(source) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!(
                "`{shown}` does not exist on this host; make it, or let the volume's type be DirectoryOrCreate"
            ));
        }
        Err(error) => return Err(format!("look at `{shown}`: {error}")),
    };
    if kind.is_fifo() {
        return Err(format!(
            "`{shown}` is a named pipe, which HostProcess containers cannot mount; use its path on the host"
        ));
    }
    Ok(!kind.is_dir())
}

fn check_destination(host: &Path, root: &Path) -> Result<(), String> {
    if host == Path::new("/") {
        return Err("the host's root cannot be covered; mount below it".to_owned());
    }
    if host.starts_with("/proc") {
        return Err("nothing can be mounted in /proc, which every program relies on".to_owned());
    }
    if host.starts_with(root) {
        return Err(format!(
            "it leads to the rootfs `{}` over a symbolic link",
            root.display()
        ));
    }
    Ok(())
}

/// A volume's mount without a place yet, seen by nobody. `true` when it is still to be made read-only.
pub(super) fn detach(volume: &Volume) -> Result<(OwnedFd, bool), CreateError> {
    let failed = |source| CreateError::Io {
        doing: format!("open volume `{}` from {}", volume.name, volume.source.display()),
        source,
    };
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let all = OpenTreeFlags::AT_RECURSIVE;
    let mount = open(volume, clone | all).map_err(failed)?;
    let as_wished = raw::set_up(std::os::fd::AsFd::as_fd(&mount), volume.read_only).map_err(failed)?;
    if as_wished || !volume.read_only {
        return Ok((mount, false));
    }
    // Mounts below the source would stay writable: they are left out.
    let mount = open(volume, clone).map_err(failed)?;
    Ok((mount, true))
}

fn open(volume: &Volume, flags: OpenTreeFlags) -> std::io::Result<OwnedFd> {
    Ok(match &volume.part {
        Some(part) => open_tree(part.open()?, "", flags | OpenTreeFlags::AT_EMPTY_PATH)?,
        None => open_tree(CWD, &volume.source, flags)?,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn mount(source: &Path, destination: &str) -> Mount {
        Mount {
            sub_path: None,
            volume: "data".to_owned(),
            source: source.to_owned(),
            destination: destination.to_owned(),
            read_only: false,
        }
    }

    fn rejects(mounts: &[Mount], reason: &str) {
        let error = check(mounts, &MountPoint::linux()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn rejects_sources_that_cannot_be_mounted() {
        let root = tempfile::tempdir().unwrap();
        rejects(
            &[mount(&root.path().join("gone"), "/data")],
            "does not exist on this host",
        );
        let socket = root.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let volumes = check(&[mount(&socket, "/data")], &MountPoint::linux()).unwrap();
        assert!(volumes[0].file, "a socket is mounted on a file");
        let fifo = root.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        rejects(&[mount(&fifo, "/data")], "is a named pipe");
    }

    #[test]
    fn rejects_destinations_that_everything_relies_on() {
        let root = tempfile::tempdir().unwrap();
        for destination in ["/", "/proc", "/proc/self", "/hpc", "/hpc/", "data", "/a/../b"] {
            assert!(
                check(&[mount(root.path(), destination)], &MountPoint::linux()).is_err(),
                "{destination}"
            );
        }
    }

    #[test]
    fn rejects_two_volumes_at_one_place() {
        let root = tempfile::tempdir().unwrap();
        rejects(
            &[mount(root.path(), "/data"), mount(root.path(), "/hpc/data")],
            "volume `data` is mounted there already",
        );
    }

    #[test]
    fn plans_a_volume_in_a_volume_below_the_outer_source() {
        let root = tempfile::tempdir().unwrap();
        let outer = root.path().canonicalize().unwrap();
        let mut mounts = vec![
            mount(&outer, "/no-such-place/sub"),
            mount(&outer, "/no-such-place"),
        ];
        let volumes = check(&mounts, &MountPoint::linux()).unwrap();
        assert_eq!(volumes[1].below, Some((0, PathBuf::from("sub"))));
        assert_eq!(volumes[1].places[0].path, outer.join("sub"));
        assert_eq!(volumes[0].places[0].path, Path::new("/no-such-place"));
        mounts[1].read_only = true;
        rejects(&mounts, "is read-only and has nothing to mount on");
    }

    #[test]
    fn leaves_the_host_alone_for_a_destination_in_the_rootfs() {
        let root = tempfile::tempdir().unwrap();
        let volumes = check(&[mount(root.path(), "/hpc/etc/app")], &MountPoint::linux()).unwrap();
        assert_eq!(volumes[0].host, None);
        assert_eq!(volumes[0].inside, Path::new("etc/app"));
        assert!(volumes[0].places.is_empty());
    }
}
