//! Job objects of Linux: the cgroups of a container, made, entered, killed and removed.
//!
//! Every function takes its paths from a [`Group`], so that tests run on a directory of ordinary files.

mod devices;
mod layout;
mod limits;
mod make;
mod update;
mod usage;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

pub(super) use devices::resolve as resolve_devices;
pub(super) use layout::{Group, Layout, Wanted};
pub(super) use limits::check as check_limits;
use make::make_v1;
pub(super) use update::{Unchanged, update};

/// Between two looks at a v1 cgroup, which tells nobody when it becomes empty.
const ROUND: Duration = Duration::from_millis(1);

/// What could not be done, and to which file.
#[derive(Debug)]
pub(super) struct CgroupError {
    pub(super) doing: String,
    pub(super) source: io::Error,
}

fn failed(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> CgroupError {
    let doing = format!("{doing} {}", path.display());
    move |source| CgroupError { doing, source }
}

impl Layout {
    /// The hierarchies of this host.
    pub(super) fn detect() -> Result<Self, CgroupError> {
        let mountinfo = Path::new("/proc/self/mountinfo");
        let text = fs::read_to_string(mountinfo).map_err(failed("read", mountinfo))?;
        Ok(Self::parse(&text, |root| {
            fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default()
        }))
    }
}

fn write(file: &Path, value: &str) -> io::Result<()> {
    // Never creates: outside a cgroup file system a missing file is an error too.
    OpenOptions::new()
        .write(true)
        .open(file)?
        .write_all(value.as_bytes())
}

impl Group {
    fn directories(&self) -> impl Iterator<Item = &Path> {
        let all = self.unified.iter().chain(self.v1.values());
        all.chain(self.later.values()).map(PathBuf::as_path)
    }

    /// The directory of a v1 controller, which may not have been made yet.
    fn of_v1(&self, controller: &str) -> Option<&Path> {
        let directory = self.v1.get(controller).or_else(|| self.later.get(controller));
        directory.map(PathBuf::as_path)
    }

    /// Whether one of the cgroups is there.
    pub(super) fn exists(&self) -> bool {
        self.directories().any(Path::exists)
    }

    /// The directory that a process is cloned into.
    pub(super) fn unified(&self) -> Result<Option<File>, CgroupError> {
        self.unified
            .as_deref()
            .map(|path| File::open(path).map_err(failed("open cgroup", path)))
            .transpose()
    }

    /// The files of the v1 hierarchies by which a process of one thread enters them: `tasks`, for whose writers the kernel
    /// stops nobody (`cgroup_procs_write_start`), while who writes to `cgroup.procs` waits for all processors.
    pub(super) fn entries(&self) -> Result<Vec<File>, CgroupError> {
        let mut entries = Vec::new();
        let mut seen: Vec<&Path> = Vec::new();
        for (directory, optional) in self
            .v1
            .values()
            .map(|directory| (directory, false))
            .chain(self.later.values().map(|directory| (directory, true)))
        {
            // One hierarchy may be that of several controllers.
            if seen.contains(&directory.as_path()) {
                continue;
            }
            seen.push(directory);
            let file = directory.join("tasks");
            match OpenOptions::new().write(true).open(&file) {
                Err(error) if optional && gone(&error) => {}
                opened => entries.push(opened.map_err(failed("open", &file))?),
            }
        }
        Ok(entries)
    }

    /// The directory that knows all members.
    fn members_of(&self) -> Option<&Path> {
        self.unified
            .as_deref()
            .or_else(|| self.v1.values().next().map(PathBuf::as_path))
    }

    /// The processes of the container, those in cgroups that it made itself included.
    pub(super) fn members(&self) -> io::Result<BTreeSet<i32>> {
        if let Some(herd) = &self.herd {
            return herd.members();
        }
        let mut members = BTreeSet::new();
        if let Some(directory) = self.members_of() {
            collect(directory, &mut members)?;
        }
        Ok(members)
    }

    /// Sends a signal to every process. One that ends meanwhile is no error, and no other process is hit.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let mut handles: Vec<(i32, OwnedFd)> = Vec::new();
        for member in self.members()? {
            match Pid::from_raw(member).map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
                Some(Ok(handle)) => handles.push((member, handle)),
                Some(Err(rustix::io::Errno::SRCH)) | None => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
        // A handle may have been opened on a process that got the number of a member that ended: only those that are
        // members still are sent anything.
        let still = self.members()?;
        let mut result = Ok(());
        for (member, handle) in handles {
            if still.contains(&member) {
                match pidfd_send_signal(&handle, signal) {
                    Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                    // The others hear of it all the same.
                    Err(error) => result = Err(error.into()),
                }
            }
        }
        result
    }

    /// Kills every process, also those that are being forked meanwhile.
    pub(super) fn kill(&self) -> io::Result<()> {
        if let Some(herd) = &self.herd {
            return herd.kill();
        }
        if let Some(unified) = &self.unified {
            match write(&unified.join("cgroup.kill"), "1") {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if !unified.exists() {
                        return Ok(());
                    }
                    // Before Linux 5.14: freeze, so that nothing forks, and kill one by one.
                    let _ = write(&unified.join("cgroup.freeze"), "1");
                    let killed = self.signal(Signal::KILL);
                    let _ = write(&unified.join("cgroup.freeze"), "0");
                    return killed;
                }
                killed => return killed,
            }
        }
        let Some(freezer) = self.v1.get("freezer") else {
            return Ok(());
        };
        if !freezer.exists() {
            return Ok(());
        }
        let state = freezer.join("freezer.state");
        let _ = write(&state, "FROZEN");
        let killed = self.signal(Signal::KILL);
        let _ = write(&state, "THAWED");
        killed
    }

    /// Whether no process is left.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        if let Some(herd) = &self.herd {
            return herd.is_empty();
        }
        if let Some(unified) = &self.unified {
            return match fs::read_to_string(unified.join("cgroup.events")) {
                Ok(events) => Ok(!events.lines().any(|line| line == "populated 1")),
                Err(error) if gone(&error) => Ok(true),
                Err(error) => Err(error),
            };
        }
        Ok(self.members()?.is_empty())
    }

    /// Kills until no process is left. `false` when some are still there at the deadline (stuck in the kernel).
    pub(super) fn kill_and_wait(&self, limit: Duration) -> io::Result<bool> {
        if let Some(herd) = &self.herd {
            return herd.kill_and_wait(limit);
        }
        let deadline = Instant::now() + limit;
        let mut events = match &self.unified {
            Some(unified) => match File::open(unified.join("cgroup.events")) {
                Ok(file) => Some(file),
                Err(error) if gone(&error) => return Ok(true),
                Err(error) => return Err(error),
            },
            None => None,
        };
        loop {
            if let Some(file) = &mut events {
                let mut text = String::new();
                file.rewind()?;
                match file.read_to_string(&mut text) {
                    Err(error) if gone(&error) => return Ok(true),
                    read => read?,
                };
                if !text.lines().any(|line| line == "populated 1") {
                    return Ok(true);
                }
            } else if self.is_empty()? {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.kill()?;
            if let Some(file) = &events {
                wait_for_event(file, left.min(Duration::from_millis(100)))?;
            } else {
                std::thread::sleep(ROUND);
            }
        }
    }

    /// Removes the cgroups, those that the container made below them included, and the common parent if it is empty.
    pub(super) fn remove(&self, limit: Duration) -> Result<(), CgroupError> {
        let deadline = Instant::now() + limit;
        for directory in self.directories() {
            loop {
                match remove_tree(directory) {
                    Ok(()) => break,
                    Err(error) if gone(&error) => break,
                    // A process that is just going away still counts for a moment.
                    Err(error)
                        if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline =>
                    {
                        // Or one that somebody has just started in it, who saw it running.
                        let _ = self.kill();
                        std::thread::sleep(ROUND);
                    }
                    Err(source) => return Err(failed("remove cgroup", directory)(source)),
                }
            }
            // Not ours alone: whoever leaves last removes it.
            if let Some(parent) = directory.parent() {
                let _ = fs::remove_dir(parent);
            }
        }
        Ok(())
    }
}

fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

fn wait_for_event(file: &File, limit: Duration) -> io::Result<()> {
    let mut fds = [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::PRI)];
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn children(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut children = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            children.push(entry.path());
        }
    }
    Ok(children)
}

fn collect(directory: &Path, members: &mut BTreeSet<i32>) -> io::Result<()> {
    match fs::read_to_string(directory.join("cgroup.procs")) {
        Ok(text) => members.extend(text.lines().filter_map(|line| line.parse::<i32>().ok())),
        Err(error) if gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    }
    for child in children(directory).unwrap_or_default() {
        collect(&child, members)?;
    }
    Ok(())
}

fn remove_tree(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        // Of a cgroup that has cgroups below it, or processes, the kernel says EBUSY.
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            let children = children(directory)?;
            if children.is_empty() {
                return Err(error);
            }
            for child in children {
                remove_tree(&child)?;
            }
            fs::remove_dir(directory)
        }
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(root: &Path) -> Group {
        Group {
            unified: Some(root.join("porthole/a")),
            ..Group::default()
        }
    }

    #[test]
    fn lists_members_of_nested_cgroups() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("porthole/a/inner");
        fs::create_dir_all(&inner).unwrap();
        fs::write(root.path().join("porthole/a/cgroup.procs"), "12\n7\n").unwrap();
        fs::write(inner.join("cgroup.procs"), "40\n").unwrap();
        assert_eq!(
            group(root.path())
                .members()
                .unwrap()
                .into_iter()
                .collect::<Vec<_>>(),
            [7, 12, 40]
        );
    }

    #[test]
    fn knows_an_empty_cgroup_and_a_missing_one() {
        let root = tempfile::tempdir().unwrap();
        let group = group(root.path());
        assert!(group.is_empty().unwrap());
        fs::create_dir_all(root.path().join("porthole/a")).unwrap();
        let events = root.path().join("porthole/a/cgroup.events");
        fs::write(&events, "populated 1\nfrozen 0\n").unwrap();
        assert!(!group.is_empty().unwrap());
        fs::write(&events, "populated 0\nfrozen 0\n").unwrap();
        assert!(group.kill_and_wait(Duration::ZERO).unwrap());
    }

    #[test]
    fn gives_up_at_the_deadline() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("porthole/a")).unwrap();
        fs::write(root.path().join("porthole/a/cgroup.events"), "populated 1\n").unwrap();
        fs::write(root.path().join("porthole/a/cgroup.kill"), "").unwrap();
        assert!(!group(root.path()).kill_and_wait(Duration::ZERO).unwrap());
    }
}
