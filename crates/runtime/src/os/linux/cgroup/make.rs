//! Makes a container's cgroups, and sets its first limits.

use std::fs;
use std::io;
use std::path::Path;

use super::layout::Wanted;
use super::{CgroupError, failed, write};

impl Wanted {
    /// Makes the cgroups and sets the limits.
    pub(in super::super) fn make(&self) -> Result<(), CgroupError> {
        if let Some(unified) = &self.group.unified {
            make_directory(unified).map_err(failed("make cgroup", unified))?;
        }
        for (controller, directory) in &self.group.v1 {
            make_v1(controller, directory)?;
        }
        self.enable()?;
        for setting in &self.settings {
            setting.write().map_err(|source| CgroupError {
                doing: format!("write `{}` to {}", setting.value, setting.file.display()),
                source,
            })?;
        }
        Ok(())
    }

    /// Enables controllers of the v2 tree for the container's cgroup.
    pub(super) fn enable(&self) -> Result<(), CgroupError> {
        let Some(root) = &self.enable_in else {
            return Ok(());
        };
        let parent = self.group.unified.as_deref().and_then(Path::parent);
        for directory in std::iter::once(root.as_path()).chain(parent) {
            let file = directory.join("cgroup.subtree_control");
            let enabled = fs::read_to_string(&file).map_err(failed("read", &file))?;
            let missing =
                |controller: &&&'static str| !enabled.split_whitespace().any(|one| one == **controller);
            for controller in self.enable.iter().filter(missing) {
                write(&file, &format!("+{controller}")).map_err(|source| {
                    // "No internal processes" (cgroup-v2.rst): only the true root may have processes and controllers.
                    let hint = if source.raw_os_error() == Some(libc::EBUSY) {
                        "; processes in it keep limits from being handed on: move them into a cgroup of their own"
                    } else {
                        ""
                    };
                    CgroupError {
                        doing: format!("enable controller `{controller}` in {}{hint}", directory.display()),
                        source,
                    }
                })?;
            }
            for controller in self.count.iter().filter(missing) {
                // Without it something is not counted, and statistics say so.
                let _ = write(&file, &format!("+{controller}"));
            }
        }
        Ok(())
    }
}

/// Makes a cgroup of a v1 hierarchy.
pub(super) fn make_v1(controller: &str, directory: &Path) -> Result<(), CgroupError> {
    make_directory(directory).map_err(failed("make cgroup", directory))?;
    if controller == "cpuset" {
        // Nothing can run in a new one: it has no processors and no memory nodes (cpusets documentation, 1.7).
        for file in ["cpuset.mems", "cpuset.cpus"] {
            hand_on(directory, file).map_err(failed("hand on processors to cgroup", directory))?;
        }
    }
    Ok(())
}

/// Takes over what the parent has, which itself may be new.
fn hand_on(directory: &Path, file: &str) -> io::Result<()> {
    let mut value = String::new();
    let ancestors: Vec<&Path> = directory.ancestors().take(3).collect();
    for directory in ancestors.into_iter().rev() {
        let own = fs::read_to_string(directory.join(file))?;
        if own.trim().is_empty() {
            write(&directory.join(file), &value)?;
        } else {
            own.trim().clone_into(&mut value);
        }
    }
    Ok(())
}

/// The parent may be removed by another porthole that believes itself the last: then both are made again.
fn make_directory(directory: &Path) -> io::Result<()> {
    for _ in 0..100 {
        match fs::create_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(parent) = directory.parent() {
                    match fs::create_dir(parent) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                        _ => {}
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            made => return made,
        }
    }
    fs::create_dir(directory)
}

#[cfg(test)]
mod tests {
    use super::super::layout::Group;
    use super::super::limits;
    use super::*;

    fn group(root: &Path) -> Group {
        Group {
            unified: Some(root.join("porthole/a")),
            ..Group::default()
        }
    }

    #[test]
    fn makes_the_parent_and_writes_only_files_that_exist() {
        let root = tempfile::tempdir().unwrap();
        let wanted = Wanted {
            group: group(root.path()),
            settings: vec![limits::pids(&root.path().join("porthole/a"), Some(5))],
            ..Wanted::default()
        };
        let error = wanted.make().unwrap_err();
        assert!(error.doing.starts_with("write `5` to "), "{}", error.doing);
        fs::write(root.path().join("porthole/a/pids.max"), "max").unwrap();
        wanted.make().unwrap();
        assert_eq!(
            fs::read_to_string(root.path().join("porthole/a/pids.max")).unwrap(),
            "5ax"
        );
    }

    #[test]
    fn enables_only_what_is_not_enabled_yet() {
        let root = tempfile::tempdir().unwrap();
        let wanted = Wanted {
            group: group(root.path()),
            enable: vec!["memory", "pids"],
            enable_in: Some(root.path().to_owned()),
            ..Wanted::default()
        };
        fs::create_dir_all(root.path().join("porthole/a")).unwrap();
        fs::write(root.path().join("cgroup.subtree_control"), "cpu memory pids\n").unwrap();
        fs::write(root.path().join("porthole/cgroup.subtree_control"), "memory\n").unwrap();
        wanted.make().unwrap();
        assert_eq!(
            fs::read_to_string(root.path().join("porthole/cgroup.subtree_control")).unwrap(),
            "+pidsy\n"
        );
    }
}
