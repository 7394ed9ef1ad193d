//! The private writable rootfs: an overlay over layers that are never written to, as a mount without a place.
//!
//! Nothing is ever mounted in the host's own namespace: when the container's last process and porthole's descriptor are
//! gone, so is the mount.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, open_tree,
};

use super::{copy, rootless};
use crate::engine::CreateError;
use crate::plan;

/// The longest value that `fsconfig` takes.
const MAX_VALUE: usize = 255;

/// A rootfs that is not mounted anywhere yet.
#[derive(Debug)]
pub(super) struct Rootfs {
    mount: OwnedFd,
}

/// Makes a container's rootfs below its directory.
pub(super) fn make(wanted: &plan::Rootfs, directory: &Path) -> Result<Rootfs, CreateError> {
    let layers: &[PathBuf] = match wanted {
        plan::Rootfs::Layers(layers) => layers,
        plan::Rootfs::Directory(directory) => std::slice::from_ref(directory),
        plan::Rootfs::Empty => &[],
    };
    for layer in layers {
        if !layer.is_dir() {
            return Err(CreateError::Host {
                doing: format!("open image directory {}", layer.display()),
                reason: "it is not a directory; unpack the image again".to_owned(),
            });
        }
    }
    let upper = directory.join("upper");
    new_directory(&upper)?;
    if layers.is_empty() {
        return detached(&upper);
    }
    let work = directory.join("work");
    new_directory(&work)?;
    match overlay(layers, &upper, &work) {
        Ok(mount) => Ok(Rootfs { mount }),
        Err(errno) if is_refusal(errno) || (errno == Errno::PERM && rootless::is_needed()) => {
            // No overlayfs, or one that cannot write here (the state directory lies on an overlay itself).
            for layer in layers {
                copy::apply(layer, &upper).map_err(|source| CreateError::Io {
                    doing: format!("copy image directory {} to {}", layer.display(), upper.display()),
                    source,
                })?;
            }
            detached(&upper)
        }
        Err(errno) => Err(CreateError::Io {
            doing: format!("mount the rootfs over {}", upper.display()),
            source: errno.into(),
        }),
    }
}

/// Answers that mean "not here, not this way".
fn is_refusal(errno: Errno) -> bool {
    [
        Errno::INVAL,
        Errno::NODEV,
        Errno::OPNOTSUPP,
        Errno::NOSYS,
        Errno::TOOBIG,
    ]
    .contains(&errno)
}

fn new_directory(path: &Path) -> Result<(), CreateError> {
    DirBuilder::new()
        .mode(0o755)
        .create(path)
        .map_err(|source| CreateError::Io {
            doing: format!("make {}", path.display()),
            source,
        })
}

fn detached(directory: &Path) -> Result<Rootfs, CreateError> {
    open_tree(
        CWD,
        directory,
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
    )
    .map(|mount| Rootfs { mount })
    .map_err(|errno| CreateError::Io {
        doing: format!("open the rootfs {}", directory.display()),
        source: errno.into(),
    })
}

/// Kept open while the overlay is made: a descriptor gives a directory a short name.
struct Named {
    _open: Option<OwnedFd>,
    name: PathBuf,
}

fn named(directory: &Path, always_short: bool) -> rustix::io::Result<Named> {
    let bytes = directory.as_os_str().as_bytes();
    // Kernels differ in which of these they take for separators or escapes in which of overlayfs's options.
    let plain = !bytes.iter().any(|byte| b"\\,:".contains(byte));
    if !always_short && plain && bytes.len() <= MAX_VALUE {
        return Ok(Named {
            _open: None,
            name: directory.to_owned(),
        });
    }
    let open = openat(
        CWD,
        directory,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    Ok(Named {
        name: PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())),
        _open: Some(open),
    })
}

fn overlay(layers: &[PathBuf], upper: &Path, work: &Path) -> rustix::io::Result<OwnedFd> {
    let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&fs, "source", "porthole")?;
    // Layers come lowest first; overlayfs wants the highest first.
    let mut kept = Vec::with_capacity(layers.len() + 2);
    let mut one_by_one = true;
    for layer in layers.iter().rev() {
        let layer = named(layer, false)?;
        match fsconfig_set_string(&fs, "lowerdir+", &layer.name) {
            Ok(()) => kept.push(layer),
            Err(Errno::INVAL) if kept.is_empty() => {
                one_by_one = false;
                break;
            }
            Err(errno) => return Err(errno),
        }
    }
    if !one_by_one {
        // Before Linux 6.5 all layers are one value.
        for layer in layers.iter().rev() {
            kept.push(named(layer, true)?);
        }
        let all: Vec<_> = kept.iter().map(|layer| layer.name.to_string_lossy()).collect();
        let all = all.join(":");
        if all.len() > MAX_VALUE {
            return Err(Errno::TOOBIG);
        }
        fsconfig_set_string(&fs, "lowerdir", &*all)?;
    }
    for (key, directory) in [("upperdir", upper), ("workdir", work)] {
        let directory = named(directory, false)?;
        fsconfig_set_string(&fs, key, &directory.name)?;
        kept.push(directory);
    }
    if rootless::is_needed() {
        // What the layers say in attributes that any user may write (Linux 5.11).
        fsconfig_set_flag(&fs, "userxattr")?;
    }
    // The rootfs does not outlive its container: it need not be synchronised to the disk at its end (Linux 5.10).
    let _ = fsconfig_set_flag(&fs, "volatile");
    fsconfig_create(&fs)?;
    fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

impl Rootfs {
    /// The mount.
    pub(super) fn mount(&self) -> BorrowedFd<'_> {
        self.mount.as_fd()
    }

    fn open(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        // An image's symbolic links lead nowhere but into the image.
        openat2(
            &self.mount,
            if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            },
            flags | OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )
    }

    /// Whether the rootfs has a directory there. The path is relative to the rootfs.
    pub(super) fn has_directory(&self, path: &Path) -> bool {
        self.open(path, OFlags::DIRECTORY).is_ok()
    }

    /// Makes a directory or an empty file and the directories on its way, where they are missing. Returns where it really
    /// is, relative to the rootfs, the image's symbolic links followed.
    pub(super) fn make(&self, path: &Path, file: bool) -> io::Result<PathBuf> {
        let mut parent = self.open(Path::new(""), OFlags::DIRECTORY)?;
        let mut so_far = PathBuf::new();
        let mut components = path.iter().peekable();
        while let Some(name) = components.next() {
            so_far.push(name);
            let last = components.peek().is_none();
            let kind = if last && file {
                OFlags::empty()
            } else {
                OFlags::DIRECTORY
            };
            parent = match self.open(&so_far, kind) {
                Err(Errno::NOENT) => {
                    if last && file {
                        let mode = Mode::from_raw_mode(0o644);
                        openat(
                            &parent,
                            name,
                            OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC,
                            mode,
                        )?;
                    } else {
                        mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
                    }
                    self.open(&so_far, kind)?
                }
                opened => opened?,
            };
        }
        let resolved = fs::read_link(format!("/proc/self/fd/{}", parent.as_raw_fd()))?;
        resolved
            .strip_prefix("/")
            .map(Path::to_owned)
            .map_err(io::Error::other)
    }
}

impl From<Rootfs> for OwnedFd {
    fn from(rootfs: Rootfs) -> Self {
        rootfs.mount
    }
}
