//! Candidates on Linux. The engine tries them in order with `execve`, inside the container's mount namespace.

use crate::engine::Os;
use crate::path::{self, MountPoint};

/// Every path at which a program may be, in the order in which they are tried.
///
/// `program` and `cwd` have the mount point put in; `search` is the composed `PATH`. An absolute path is tried in the
/// rootfs and then on the host, a relative one with a slash in the working directory and then in the rootfs, a bare name
/// along `PATH`.
#[must_use]
pub fn candidates(program: &str, cwd: &str, search: &str, mount_point: &MountPoint) -> Vec<String> {
    let mut candidates: Vec<String> = Vec::new();
    let mut add = |candidate: String| {
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    };
    if program.starts_with('/') {
        add(mount_point.join(program));
        add(program.to_owned());
    } else if program.contains('/') {
        add(path::append(Os::Linux, cwd, program));
        add(path::append(Os::Linux, mount_point.path(), program));
    } else if !program.is_empty() {
        for directory in search.split(':') {
            // An empty or relative entry is relative to the working directory (POSIX, "PATH").
            let directory = if directory.starts_with('/') {
                directory.to_owned()
            } else {
                path::append(Os::Linux, cwd, directory)
            };
            add(path::append(Os::Linux, &directory, program));
        }
    }
    candidates
}

/// Every directory that a working directory may mean, in order; the first that exists is taken, and when none does the
/// first is created. `None` is the rootfs.
#[must_use]
pub fn working_directories(given: Option<&str>, mount_point: &MountPoint) -> Vec<String> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return vec![mount_point.path().to_owned()];
    };
    let given = mount_point.substitute(given);
    if !given.starts_with('/') {
        return vec![path::append(Os::Linux, mount_point.path(), &given)];
    }
    let inside = mount_point.join(&given);
    if inside == given {
        vec![inside]
    } else {
        vec![inside, given.into_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_the_image_before_the_system() {
        for (program, cwd, search, expected) in [
            ("/bin/sh", "/hpc", "/bin", &["/hpc/bin/sh", "/bin/sh"][..]),
            ("/hpc/bin/sh", "/hpc", "/bin", &["/hpc/bin/sh"]),
            ("bin/app", "/work", "/bin", &["/work/bin/app", "/hpc/bin/app"]),
            ("./app", "/hpc", "/bin", &["/hpc/app"]),
            ("app", "/work", "/hpc/bin:/bin", &["/hpc/bin/app", "/bin/app"]),
            (
                "app",
                "/work",
                "/bin::tools",
                &["/bin/app", "/work/app", "/work/tools/app"],
            ),
            ("", "/work", "/bin", &[]),
        ] {
            assert_eq!(
                candidates(program, cwd, search, &MountPoint::linux()),
                expected,
                "{program}"
            );
        }
    }

    #[test]
    fn looks_for_the_working_directory_in_the_image_first() {
        for (given, expected) in [
            (None, &["/hpc"][..]),
            (Some(""), &["/hpc"]),
            (Some("/srv"), &["/hpc/srv", "/srv"]),
            (Some("srv"), &["/hpc/srv"]),
            (Some("/hpc/srv"), &["/hpc/srv"]),
            (Some("/"), &["/hpc", "/"]),
            (Some("%CONTAINER_SANDBOX_MOUNT_POINT%/srv"), &["/hpc/srv"]),
        ] {
            assert_eq!(
                working_directories(given, &MountPoint::linux()),
                expected,
                "{given:?}"
            );
        }
    }
}
