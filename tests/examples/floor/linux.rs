#![expect(deprecated, reason = "`unshare` is unsafe only with flags for descriptors")]

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::thread::{UnshareFlags, unshare};

pub(crate) fn main() -> io::Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let rootfs = PathBuf::from(arguments.next().ok_or(io::ErrorKind::InvalidInput)?);
    let program: Vec<_> = arguments.collect();
    let name = format!("porthole-floor-{}", std::process::id());

    let cgroups = hierarchies()?;
    for (cgroup, entry) in &cgroups {
        fs::create_dir(cgroup.join(&name))?;
        fs::write(cgroup.join(&name).join(entry), "0")?;
    }
    let scratch = env::temp_dir().join(&name);
    let [upper, work, root] = ["upper", "work", "root"].map(|part| scratch.join(part));
    for directory in [&upper, &work, &root] {
        fs::create_dir_all(directory)?;
    }
    unshare(UnshareFlags::NEWNS)?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    let layers = format!(
        "lowerdir={},upperdir={},workdir={}",
        rootfs.display(),
        upper.display(),
        work.display()
    );
    let options = std::ffi::CString::new(layers)?;
    mount(
        "overlay",
        &root,
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )?;

    let [first, rest @ ..] = program.as_slice() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let status = Command::new(root.join(first))
        .args(rest)
        .current_dir(&root)
        .status()?;

    unmount(&root, UnmountFlags::DETACH)?;
    fs::remove_dir_all(&scratch)?;
    for (cgroup, entry) in &cgroups {
        fs::write(cgroup.join(entry), "0")?;
        fs::remove_dir(cgroup.join(&name))?;
    }
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255),
    ))
}

/// Version 2, and of version 1 the freezer: what ends a container as a whole. With the file by which a process of one thread
/// enters: that of version 1 keeps it from waiting for all processors.
fn hierarchies() -> io::Result<Vec<(PathBuf, &'static str)>> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    Ok(mounts
        .lines()
        .filter_map(|line| {
            let [_, place, kind, options, ..] = line.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            let freezer = kind == "cgroup" && options.split(',').any(|option| option == "freezer");
            let entry = if freezer { "tasks" } else { "cgroup.procs" };
            (kind == "cgroup2" || freezer).then(|| (Path::new(place).to_owned(), entry))
        })
        .collect())
}
