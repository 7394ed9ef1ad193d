//! What pods could leave behind on a machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::failure::{Doing, Failure, Result};

/// Processes, mounts, cgroups and files that belong to porthole.
#[derive(Debug)]
pub struct Traces(BTreeSet<String>);

impl Traces {
    /// What there is now of a state directory and of processes that have `word` on their command line.
    ///
    /// # Errors
    /// The system's own tables cannot be read.
    pub fn read(state: &Path, word: &str) -> Result<Self> {
        let mut traces = BTreeSet::new();
        processes(state, word, &mut traces)?;
        mounts(state, &mut traces)?;
        cgroups(Path::new("/sys/fs/cgroup"), &mut traces);
        // The place of a container's rootfs in its own view: on the host it is at most an empty mount point.
        traces.extend(Path::new("/hpc").exists().then(|| "directory /hpc".to_owned()));
        let mut kept: Vec<PathBuf> = ["containers", "pods", "jobs"]
            .iter()
            .flat_map(|dir| entries(&state.join(dir)))
            .collect();
        // Of every kind of claim; whoever changes them takes a lock, which stays.
        for kind in entries(&state.join("claims")) {
            kept.extend(
                entries(&kind)
                    .into_iter()
                    .filter(|claim| !claim.ends_with("lock")),
            );
        }
        traces.extend(kept.iter().map(|entry| format!("file {}", entry.display())));
        Ok(Self(traces))
    }

    /// Refuses what was not there before.
    ///
    /// # Errors
    /// Something is left; the text lists it.
    pub fn nothing_more_than(&self, before: &Self) -> Result<()> {
        let left: Vec<&str> = self.0.difference(&before.0).map(String::as_str).collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(Failure::new("look for what a pod left", left.join("\n")))
        }
    }
}

fn processes(state: &Path, word: &str, traces: &mut BTreeSet<String>) -> Result<()> {
    let state = state.display().to_string();
    let own = std::process::id().to_string();
    for process in std::fs::read_dir("/proc").doing("list `/proc`")? {
        let process = process.doing("list `/proc`")?;
        // A process that has ended since has no command line any more.
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let named = line.contains(&state) || (!word.is_empty() && line.contains(word));
        if named && process.file_name().to_str() != Some(&own) {
            traces.insert(format!("process {} {line}", process.file_name().display()));
        }
    }
    Ok(())
}

fn mounts(state: &Path, traces: &mut BTreeSet<String>) -> Result<()> {
    let state = state.display().to_string();
    let table = std::fs::read_to_string("/proc/self/mountinfo").doing("read `/proc/self/mountinfo`")?;
    // The fifth field is the mount point; the options at the end name an overlay's directories.
    let ours = |line: &&str| line.contains(&state) || line.split(' ').nth(4) == Some("/hpc");
    traces.extend(table.lines().filter(ours).map(|line| format!("mount {line}")));
    Ok(())
}

/// Cgroups below one that is named for porthole, in every hierarchy.
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
