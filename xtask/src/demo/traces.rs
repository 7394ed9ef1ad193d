//! What a pod could leave behind on a machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::host::Machine;
use crate::command::{Doing, Failure, Result};

/// Processes, mounts, cgroups and files that belong to porthole or to the demo's pod.
#[derive(Debug)]
pub(super) struct Traces(BTreeSet<String>);

impl Traces {
    /// What there is now.
    pub(super) fn read(machine: &Machine) -> Result<Self> {
        let mut traces = BTreeSet::new();
        processes(machine, &mut traces)?;
        mounts(machine, &mut traces)?;
        cgroups(Path::new("/sys/fs/cgroup"), &mut traces);
        // The place of a container's rootfs in its own view: on the host it is at most an empty mount point.
        traces.extend(Path::new("/hpc").exists().then(|| "directory /hpc".to_owned()));
        for dir in ["containers", "pods", "claims"] {
            for entry in entries(&machine.state().join(dir)) {
                traces.insert(format!("file {}", entry.display()));
            }
        }
        Ok(Self(traces))
    }

    /// Refuses what was not there before.
    pub(super) fn nothing_more_than(&self, before: &Self) -> Result<()> {
        let left: Vec<&str> = self.0.difference(&before.0).map(String::as_str).collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(Failure::new("look for what the pod left", left.join("\n")))
        }
    }
}

/// Processes that have the host's file on their command line: the app, and porthole's own for it.
fn processes(machine: &Machine, traces: &mut BTreeSet<String>) -> Result<()> {
    let file = machine
        .host_file()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let state = machine.state().display().to_string();
    for process in std::fs::read_dir("/proc").doing("list `/proc`")? {
        let process = process.doing("list `/proc`")?;
        // A process that has ended since has no command line any more.
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&*file) || line.contains(&state) {
            traces.insert(format!("process {} {line}", process.file_name().display()));
        }
    }
    Ok(())
}

fn mounts(machine: &Machine, traces: &mut BTreeSet<String>) -> Result<()> {
    let state = machine.state().display().to_string();
    let table = std::fs::read_to_string("/proc/self/mountinfo").doing("read `/proc/self/mountinfo`")?;
    // The fifth field is the mount point; the sixth and later ones name an overlay's directories.
    traces.extend(
        table
            .lines()
            .filter(|line| line.contains(&state) || line.split(' ').nth(4) == Some("/hpc"))
            .map(|line| format!("mount {line}")),
    );
    Ok(())
}

/// Containers' cgroups, wherever in the tree: two deep below a directory named for porthole.
fn cgroups(dir: &Path, traces: &mut BTreeSet<String>) {
    for entry in entries(dir) {
        // A symbolic link is a second name of a hierarchy (`cpu` for `cpu,cpuacct`).
        if !entry.is_dir() || entry.is_symlink() {
            continue;
        }
        if entry
            .components()
            .any(|part| part.as_os_str().to_string_lossy().contains("porthole"))
        {
            traces.insert(format!("cgroup {}", entry.display()));
        }
        cgroups(&entry, traces);
    }
}

/// What a directory holds; nothing where there is none.
fn entries(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}
