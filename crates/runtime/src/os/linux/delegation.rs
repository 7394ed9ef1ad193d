//! The part of the cgroup v2 tree that was handed to an ordinary user.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

/// The directory in which containers' cgroups are made, and the controllers that they can have.
pub(super) fn find() -> Option<(PathBuf, Vec<String>)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let (top, own) = place(&mounts, &own)?;
    choose(&top, &own)
}

/// The mount point of the v2 tree, and this process's cgroup below it.
fn place(mounts: &str, own: &str) -> Option<(PathBuf, PathBuf)> {
    // "0::/path" (cgroups(7)), and "36 35 0:26 /root /mount/point options… - type …" (proc_pid_mountinfo(5)).
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        if !file_system.starts_with("cgroup2 ") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, top) = (fields.next()?, Path::new(fields.next()?));
        // A path that leads out of the mount, with `..`, is that of a process outside.
        let below = Path::new(own).strip_prefix(root).ok()?;
        let inside = below
            .components()
            .all(|component| matches!(component, std::path::Component::Normal(_)));
        inside.then(|| (top.to_owned(), top.join(below)))
    })
}

/// The nearest of this process's cgroup and those above it that is this user's and has no process itself: only such a one
/// can hand controllers on (cgroup-v2.rst, "No Internal Process Constraint"). Else its own, without controllers: what moves
/// a process must be allowed to write to a cgroup above both places.
fn choose(top: &Path, own: &Path) -> Option<(PathBuf, Vec<String>)> {
    let mut nearest = None;
    for directory in own.ancestors().take_while(|one| one.starts_with(top)) {
        if !is_ours(directory) {
            break;
        }
        nearest.get_or_insert(directory);
        if fs::read_to_string(directory.join("cgroup.procs")).is_ok_and(|members| members.is_empty()) {
            let controllers = fs::read_to_string(directory.join("cgroup.controllers")).unwrap_or_default();
            let controllers = controllers.split_whitespace().map(str::to_owned).collect();
            return Some((directory.to_owned(), controllers));
        }
    }
    nearest.map(|directory| (directory.to_owned(), Vec::new()))
}

fn is_ours(directory: &Path) -> bool {
    let writable = |path: &Path, how| accessat(CWD, path, how, AtFlags::EACCESS).is_ok();
    writable(directory, Access::WRITE_OK | Access::EXEC_OK)
        && ["cgroup.procs", "cgroup.subtree_control"]
            .iter()
            .all(|file| writable(&directory.join(file), Access::WRITE_OK))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";

    #[test]
    fn finds_its_own_cgroup_below_the_mount() {
        let found = |mounts: &str, own: &str| place(mounts, own).map(|(_, own)| own);
        let own = "2:cpu:/x\n0::/user.slice/a.scope\n";
        assert_eq!(
            found(MOUNTS, own),
            Some("/sys/fs/cgroup/user.slice/a.scope".into())
        );
        assert_eq!(found(MOUNTS, "0::/\n"), Some("/sys/fs/cgroup/".into()));
        assert_eq!(found(MOUNTS, "2:cpu:/x\n"), None);
        assert_eq!(found(MOUNTS, "0::/../other\n"), None);
        let bound = "41 31 0:38 /user.slice /mnt rw - cgroup2 cgroup2 rw";
        assert_eq!(found(bound, own), Some("/mnt/a.scope".into()));
        assert_eq!(found(bound, "0::/system.slice\n"), None);
    }

    fn cgroup(directory: &Path, members: &str, controllers: &str) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("cgroup.procs"), members).unwrap();
        fs::write(directory.join("cgroup.subtree_control"), "").unwrap();
        fs::write(directory.join("cgroup.controllers"), controllers).unwrap();
    }

    #[test]
    fn takes_the_nearest_cgroup_without_processes_and_its_controllers() {
        let root = tempfile::tempdir().unwrap();
        let slice = root.path().join("app.slice");
        let scope = slice.join("a.scope");
        fs::create_dir_all(&scope).unwrap();
        assert_eq!(
            choose(root.path(), &scope),
            None,
            "no files of a cgroup are there"
        );
        cgroup(&scope, "12\n", "memory pids");
        assert_eq!(choose(root.path(), &scope), Some((scope.clone(), Vec::new())));
        cgroup(&slice, "", "memory pids");
        let controllers = vec!["memory".to_owned(), "pids".to_owned()];
        assert_eq!(choose(root.path(), &scope), Some((slice, controllers)));
    }
}
