//! File systems in memory, for `emptyDir` with `medium: Memory`.
//!
//! Each is mounted in the pod's own directory, like the kubelet's: there `exec`, statistics and whoever cleans up after a
//! crash find it. It is emptied before it is unmounted, because a mount namespace made meanwhile may have a copy of the
//! mount, which would keep what is in it for as long as that container lives.

use std::io;
use std::path::Path;

/// Mounts a file system in memory on a directory that is there, for every account. `None` is the system's own size.
///
/// # Errors
/// Why not, and what to try.
#[cfg(target_os = "linux")]
pub(crate) fn mount(path: &Path, size: Option<u64>) -> Result<(), String> {
    let options = match size {
        // Of less than a page nothing would be left, and 0 would be no limit.
        Some(size) => format!("mode=0777,size={}", size.max(1)),
        None => "mode=0777".to_owned(),
    };
    let options = std::ffi::CString::new(options).map_err(|error| error.to_string())?;
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("tmpfs", path, "tmpfs", flags, options.as_c_str()).map_err(|errno| match errno {
        rustix::io::Errno::PERM => {
            "a file system in memory takes root (CAP_SYS_ADMIN) to mount; leave out medium: Memory, \
                                    or run porthole as root"
                .to_owned()
        }
        errno => format!(
            "mount a file system in memory at `{}`: {}",
            path.display(),
            io::Error::from(errno)
        ),
    })
}

/// A directory like any other, as the kubelet has it on Windows.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "mounting can fail elsewhere")]
pub(crate) fn mount(_path: &Path, _size: Option<u64>) -> Result<(), String> {
    Ok(())
}

/// Empties and unmounts every file system that is mounted on a directory of `parent`, which need not be there.
///
/// # Errors
/// The first that could not be unmounted.
#[cfg(target_os = "linux")]
pub(crate) fn remove_below(parent: &Path) -> io::Result<()> {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use rustix::mount::{UnmountFlags, unmount};

    /// More than anybody mounts on one place.
    const MOST: usize = 16;

    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let own = fs::symlink_metadata(parent)?.dev();
    for entry in entries {
        let path = entry?.path();
        for _ in 0..MOST {
            let metadata = fs::symlink_metadata(&path)?;
            if !metadata.is_dir() || metadata.dev() == own {
                break;
            }
            for inside in fs::read_dir(&path)? {
                let inside = inside?;
                // What is busy, such as a mount of somebody else's, goes with the mount below it.
                let _ = if inside.file_type().is_ok_and(|kind| kind.is_dir()) {
                    fs::remove_dir_all(inside.path())
                } else {
                    fs::remove_file(inside.path())
                };
            }
            unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
        }
    }
    Ok(())
}

/// There are none on this system.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "unmounting can fail elsewhere")]
pub(crate) fn remove_below(_parent: &Path) -> io::Result<()> {
    Ok(())
}
