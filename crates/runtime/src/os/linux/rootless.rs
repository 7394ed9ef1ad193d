//! Containers of an ordinary user.
//!
//! A process that will hold containers first makes, while it has one thread, a user namespace in which it may mount and in
//! which it is nobody but its user, and a mount namespace. From then on the engine works as for root. The container's program
//! loses all capabilities when it is executed, because its user is not root in the namespace either: it is exactly who ran
//! porthole, and set-user-id programs give it nothing.
//!
//! Mount points that this user may not make on the host are made in private: the root directory is one of the process's
//! own, in which everything of the host's is mounted, and so becomes any other directory in which something is missing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, mkdirat, openat, symlinkat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
    unmount,
};
use rustix::process::{getegid, geteuid, pivot_root};

use super::cgroup::Layout;
use super::places::Place;
use super::{delegation, privileges, raw};
use crate::engine::CreateError;
use crate::path::MountPoint;

/// What gives an ordinary user a cgroup.
pub(super) const REMEDY: &str = "start porthole in a cgroup of its own, `systemd-run --user --scope -p Delegate=yes porthole …`, \
                                 or run it as root";

/// Where the old root is while the new one is filled.
const OLD: &str = "porthole-old-root";
/// Any directory that every system has: the new root is mounted there for a moment.
const FOR_A_MOMENT: [&str; 4] = ["/tmp", "/run", "/mnt", "/var"];

/// The directories of this process's own, by device.
#[derive(Debug, Default)]
struct Private(Mutex<BTreeSet<u64>>);

static NEEDED: OnceLock<bool> = OnceLock::new();
static PRIVATE: OnceLock<Result<Private, String>> = OnceLock::new();

/// Whether this process has to do without root. Asked once, before it has capabilities in a namespace of its own.
pub(super) fn is_needed() -> bool {
    *NEEDED.get_or_init(|| !geteuid().is_root() && !privileges::suffice())
}

/// Makes this process one that can hold containers without being root. To be called before it has a second thread. As root
/// there is nothing to do; where namespaces are forbidden, that is said when a container is created.
pub fn enter() {
    if is_needed() {
        PRIVATE.get_or_init(|| make().map_err(|(doing, error)| explain(doing, &error, read_switch)));
    }
}

/// Whether this process may make containers.
pub(super) fn entered() -> Result<(), CreateError> {
    let reason = match PRIVATE.get() {
        Some(Ok(_)) => return Ok(()),
        Some(Err(reason)) => reason.clone(),
        None => "this program has not called os::prepare_process, which must come before its second thread"
            .to_owned(),
    };
    Err(CreateError::Host {
        doing: "make a user namespace, which containers without root need".to_owned(),
        reason,
    })
}

/// The cgroups that this user was given.
pub(super) fn layout() -> Layout {
    Layout::of_user(delegation::find())
}

/// What containers of this user lack on this host.
pub(super) fn lacks() -> Vec<String> {
    if !is_needed() {
        return Vec::new();
    }
    let layout = layout();
    let limits = layout.unenforced();
    let Some((last, others)) = limits.split_last() else {
        return Vec::new();
    };
    let limits = if others.is_empty() {
        (*last).to_owned()
    } else {
        format!("{} and {last}", others.join(", "))
    };
    let why = if layout.has_cgroups() {
        "the cgroup delegated to this user lacks controllers"
    } else {
        "no cgroup is delegated to this user"
    };
    vec![format!(
        "{why}, so that limits on {limits} are not enforced; {REMEDY}"
    )]
}

type Failed = (&'static str, io::Error);

fn during<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Failed {
    move |error| (doing, error.into())
}

fn make() -> Result<Private, Failed> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let directory = std::env::current_dir();
    raw::own_namespaces().map_err(during("make it"))?;
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{uid} {uid} 1")),
        ("gid_map", format!("{gid} {gid} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), text).map_err(during("become the same user in it"))?;
    }
    mount_change(
        "/",
        MountPropagationFlags::REC | MountPropagationFlags::DOWNSTREAM,
    )
    .map_err(during("cut its mounts off from the host's"))?;
    let private = Private::default();
    private.remember(make_root().map_err(during("make its root directory"))?);
    if let Ok(directory) = directory {
        // One that was removed has no path to go back to.
        let _ = std::env::set_current_dir(directory);
    }
    Ok(private)
}

/// An empty file system in which only this process makes anything: programs of its user are not in its namespace's favour.
fn empty_file_system() -> io::Result<OwnedFd> {
    let fs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [("source", "porthole"), ("mode", "0555"), ("size", "16m")] {
        fsconfig_set_string(&fs, key, value)?;
    }
    fsconfig_create(&fs)?;
    Ok(fsmount(
        &fs,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )?)
}

fn attach(mount: impl AsFd, directory: impl AsFd, name: &Path) -> io::Result<()> {
    Ok(move_mount(
        mount,
        "",
        directory,
        name,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )?)
}

/// Shows every entry of a directory in a new one that is mounted.
fn show(old: impl AsFd, names: &[PathBuf], new: impl AsFd) -> io::Result<()> {
    for name in names {
        let stat = match rustix::fs::statat(&old, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Removed since.
            Err(rustix::io::Errno::NOENT) => continue,
            stat => stat?,
        };
        match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
            rustix::fs::FileType::Symlink => {
                symlinkat(rustix::fs::readlinkat(&old, name, Vec::new())?, &new, name)?;
                continue;
            }
            rustix::fs::FileType::Directory => mkdirat(&new, name, Mode::from_raw_mode(0o555))?,
            _ => make_file(&new, name)?,
        }
        // With everything that is mounted below: what is mounted over something may not be looked behind.
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        let there = match open_tree(&old, name, flags) {
            Err(rustix::io::Errno::NOENT) => continue,
            there => there?,
        };
        attach(there, &new, name)?;
    }
    Ok(())
}

fn make_file(directory: impl AsFd, name: &Path) -> io::Result<()> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::from_raw_mode(0o444))?;
    Ok(())
}

fn names(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.file_name().into()))
        .collect()
}

/// A root directory of this process's own, with everything of the host's and the mount point of the rootfs.
fn make_root() -> io::Result<u64> {
    let root = empty_file_system()?;
    let beside = FOR_A_MOMENT
        .into_iter()
        .find(|path| Path::new(path).is_dir())
        .ok_or(io::ErrorKind::NotFound)?;
    attach(&root, CWD, Path::new(beside))?;
    mkdirat(&root, OLD, Mode::from_raw_mode(0o700))?;
    rustix::process::fchdir(&root)?;
    pivot_root(".", OLD)?;
    let old = Path::new("/").join(OLD);
    let names = names(&old)?;
    let opened = openat(
        CWD,
        &old,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    show(&opened, &names, &root)?;
    drop(opened);
    std::env::set_current_dir("/")?;
    unmount(&old, UnmountFlags::DETACH)?;
    fs::remove_dir(&old)?;
    let mount_point = MountPoint::linux();
    if !Path::new(mount_point.path()).exists() {
        fs::create_dir(mount_point.path())?;
    }
    Ok(fs::metadata("/")?.dev())
}

/// Puts a directory of this process's own in the place of one of the host's. What is in it later on the host is not seen.
fn mirror(directory: &Path) -> io::Result<u64> {
    let names = names(directory)?;
    let old = openat(
        CWD,
        directory,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let new = empty_file_system()?;
    attach(&new, CWD, directory)?;
    let shown = show(&old, &names, &new).and_then(|()| Ok(rustix::fs::fstat(&new)?.st_dev));
    if shown.is_err() {
        // Half a directory would be worse than none.
        let _ = unmount(directory, UnmountFlags::DETACH);
    }
    shown
}

impl Private {
    fn remember(&self, device: u64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(device);
    }

    /// Makes a place that is missing, where that is not to be done on the host. `false` where it is.
    fn make(&self, place: &Place) -> Result<bool, String> {
        // One after the other: the second finds what the first has made.
        let mut devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(parent), Some(name)) = (place.path.parent(), place.path.file_name()) else {
            return Ok(false);
        };
        let failed = |error: io::Error| format!("make the mount point `{}`: {error}", place.path.display());
        let device = fs::metadata(parent).map_err(failed)?.dev();
        if !devices.contains(&device) {
            if accessat(CWD, parent, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok() {
                return Ok(false);
            }
            let device = mirror(parent).map_err(|error| {
                format!(
                    "`{}` does not exist, and porthole can neither make it without root nor show the container another \
                     `{}`: {error}; let root make it, or mount below $CONTAINER_SANDBOX_MOUNT_POINT alone",
                    place.path.display(),
                    parent.display()
                )
            })?;
            devices.insert(device);
        }
        let parent = openat(
            CWD,
            parent,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(|errno| failed(errno.into()))?;
        let made = if place.file {
            make_file(&parent, Path::new(name))
        } else {
            mkdirat(&parent, name, Mode::from_raw_mode(0o555)).map_err(io::Error::from)
        };
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
            _ => Ok(true),
        }
    }
}

/// Makes the places that are to be made in private, and returns those that are to be held on the host.
pub(super) fn settle(places: Vec<Place>) -> Result<Vec<Place>, (Place, String)> {
    let Some(Ok(private)) = PRIVATE.get() else {
        return Ok(places);
    };
    let mut left: Vec<Place> = Vec::new();
    for place in places {
        let on_host = if !place.missing {
            // What this user cannot read nobody of this user's removes.
            accessat(CWD, &place.path, Access::READ_OK, AtFlags::EACCESS).is_ok()
        } else if left
            .iter()
            .any(|outer| outer.missing && place.path.starts_with(&outer.path))
        {
            true
        } else {
            !private.make(&place).map_err(|reason| (place.clone(), reason))?
        };
        if on_host {
            left.push(place);
        }
    }
    Ok(left)
}

fn read_switch(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// Why namespaces cannot be had, with the switch that forbids them and the remedy.
fn explain(doing: &str, error: &io::Error, read: impl Fn(&str) -> Option<String>) -> String {
    const OTHERWISE: &str = "or run porthole as root";
    let off = |path: &str, value: &str| read(path).is_some_and(|found| found == value);
    if error.raw_os_error() == Some(libc::EINVAL) && doing == "make it" {
        return "this process has several threads already; os::prepare_process must come before the second"
            .to_owned();
    }
    if off("/proc/sys/user/max_user_namespaces", "0") {
        return format!(
            "user.max_user_namespaces=0 forbids them; allow some, `sysctl -w user.max_user_namespaces=15000`, {OTHERWISE}"
        );
    }
    if off("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return format!(
            "kernel.unprivileged_userns_clone=0 forbids them; allow them, `sysctl -w kernel.unprivileged_userns_clone=1`, \
             {OTHERWISE}"
        );
    }
    if off("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return format!(
            "kernel.apparmor_restrict_unprivileged_userns=1 takes their rights away ({doing}: {error}); give porthole an \
             AppArmor profile with `userns,`, or `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, {OTHERWISE}"
        );
    }
    match error.raw_os_error() {
        Some(libc::ENOSPC) => format!(
            "there are as many as user.max_user_namespaces allows, or they are nested too deep; raise it, {OTHERWISE}"
        ),
        Some(libc::EPERM | libc::EACCES) => format!(
            "{doing}: {error}: a seccomp filter, a security module or a chroot forbids it; in another container start that one \
             with `--security-opt seccomp=unconfined` or `--privileged`, {OTHERWISE}"
        ),
        Some(libc::ENOSYS) => {
            format!("this kernel is built without user namespaces; run porthole as root ({doing}: {error})")
        }
        _ => format!("{doing}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_switch_that_forbids_namespaces() {
        let told = |switch: &str, value: &str, errno: i32| {
            explain("make it", &io::Error::from_raw_os_error(errno), |path| {
                path.ends_with(switch).then(|| value.to_owned())
            })
        };
        for (switch, value) in [
            ("max_user_namespaces", "0"),
            ("unprivileged_userns_clone", "0"),
            ("apparmor_restrict_unprivileged_userns", "1"),
        ] {
            let text = told(switch, value, libc::EPERM);
            assert!(text.contains(&format!("{switch}={value}")), "{text}");
            assert!(
                text.contains("sysctl -w") && text.ends_with("or run porthole as root"),
                "{text}"
            );
        }
        assert!(told("max_user_namespaces", "5", libc::EPERM).contains("seccomp"));
        assert!(told("max_user_namespaces", "5", libc::ENOSPC).contains("user.max_user_namespaces"));
        assert!(told("max_user_namespaces", "5", libc::EINVAL).contains("threads"));
    }
}
