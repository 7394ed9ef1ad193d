//! The environment of a container's processes, composed without asking the host anything.
//!
//! The sources and their order are those of job containers: the account's own block, the variables of image and
//! container, the mount point; a later value wins and the first position is kept. Empty values are kept.

use crate::engine::Os;
use crate::path::{self, MOUNT_POINT_VARIABLE, MountPoint};

/// Where commands are looked for on Linux when neither image nor container says.
pub const LINUX_DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What every `PATH` of a Windows job container ends in, after the rootfs.
pub const WINDOWS_PATH_SUFFIX: &str = r"C:\WINDOWS\System32\WindowsPowerShell\v1.0\;C:\WINDOWS\System32\Wbem";

/// The environment of a container on Linux.
///
/// `base` is what the account brings (`HOME`, `USER`, …), `specified` the plan's variables. Each absolute entry `/d` of
/// `PATH` is looked up at `/hpc/d` first: all entries of the image come before all entries of the system.
#[must_use]
pub fn compose_linux(
    base: &[(String, String)],
    specified: &[(String, String)],
    mount_point: &MountPoint,
) -> Vec<(String, String)> {
    let mut variables = substituted(base, specified, mount_point);
    variables.push((MOUNT_POINT_VARIABLE.to_owned(), mount_point.variable()));
    let mut variables = deduplicated(variables, |one, other| one == other);
    if let Some((_, value)) = variables.iter_mut().find(|(name, _)| name == "PATH") {
        *value = linux_path(value, mount_point);
    } else {
        variables.push(("PATH".to_owned(), linux_path(LINUX_DEFAULT_PATH, mount_point)));
    }
    variables
}

fn linux_path(path: &str, mount_point: &MountPoint) -> String {
    let given = if path.is_empty() { LINUX_DEFAULT_PATH } else { path };
    let mut entries: Vec<String> = Vec::new();
    let image = given
        .split(':')
        .filter(|entry| entry.starts_with('/'))
        .map(|entry| mount_point.join(entry));
    for entry in image.chain(given.split(':').map(str::to_owned)) {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries.join(":")
}

/// The environment of a container on Windows.
///
/// `block` is the account's own environment block, `specified` the plan's variables. Every `PATH` gets the rootfs and
/// [`WINDOWS_PATH_SUFFIX`]; a `PATH` in `specified` replaces that of the block. `SYSTEMROOT` is added when missing,
/// because programs do not start without it.
#[must_use]
pub fn compose_windows(
    block: &[(String, String)],
    specified: &[(String, String)],
    mount_point: &MountPoint,
    system_root: &str,
) -> Vec<(String, String)> {
    let mut variables = substituted(block, specified, mount_point);
    variables.push((MOUNT_POINT_VARIABLE.to_owned(), mount_point.variable()));
    for (name, value) in &mut variables {
        if name.eq_ignore_ascii_case("PATH") {
            if !value.is_empty() && !value.ends_with(';') {
                value.push(';');
            }
            value.push_str(&mount_point.variable());
            value.push(';');
            value.push_str(WINDOWS_PATH_SUFFIX);
        }
    }
    let mut variables = deduplicated(variables, same_windows_name);
    if !variables
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("SYSTEMROOT"))
    {
        variables.push(("SYSTEMROOT".to_owned(), system_root.to_owned()));
    }
    variables
}

/// The value of a variable by the rules of a system: case counts on Linux only.
#[must_use]
pub fn value<'a>(os: Os, variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    variables
        .iter()
        .rev()
        .find(|(other, _)| match os {
            Os::Linux => other == name,
            Os::Windows => same_windows_name(other, name),
        })
        .map(|(_, value)| value.as_str())
}

/// The directories of a Windows `PATH`, quotes and empty entries removed.
pub fn windows_path_entries(path: &str) -> impl Iterator<Item = String> + '_ {
    path.split(';')
        .map(|entry| entry.trim().trim_matches('"'))
        .filter(|entry| !entry.is_empty())
        .map(path::with_backslashes)
}

fn substituted(
    base: &[(String, String)],
    specified: &[(String, String)],
    mount_point: &MountPoint,
) -> Vec<(String, String)> {
    // The account's block is the system's own: nothing of the container is put into it.
    base.iter()
        .cloned()
        .chain(
            specified
                .iter()
                .map(|(name, value)| (name.clone(), mount_point.substitute(value).into_owned())),
        )
        .collect()
}

fn same_windows_name(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.to_uppercase() == other.to_uppercase()
}

/// The last value of each name, where the name first stood, spelt as it first was.
fn deduplicated(
    variables: Vec<(String, String)>,
    same: impl Fn(&str, &str) -> bool,
) -> Vec<(String, String)> {
    let mut result: Vec<(String, String)> = Vec::with_capacity(variables.len());
    for (name, value) in variables {
        match result.iter_mut().find(|(other, _)| same(other, &name)) {
            Some(earlier) => earlier.1 = value,
            None => result.push((name, value)),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn windows(block: &[(&str, &str)], specified: &[(&str, &str)]) -> Vec<(String, String)> {
        compose_windows(
            &pairs(block),
            &pairs(specified),
            &MountPoint::silo(),
            r"C:\windows",
        )
    }

    #[test]
    fn appends_rootfs_and_suffix_to_a_windows_path() {
        for (path, expected) in [
            (
                r"C:\Windows\system32;C:\Windows",
                r"C:\Windows\system32;C:\Windows;C:\hpc\;C:\WINDOWS\System32\WindowsPowerShell\v1.0\;C:\WINDOWS\System32\Wbem",
            ),
            (
                r"C:\Windows;",
                r"C:\Windows;C:\hpc\;C:\WINDOWS\System32\WindowsPowerShell\v1.0\;C:\WINDOWS\System32\Wbem",
            ),
            (
                r"%CONTAINER_SANDBOX_MOUNT_POINT%\apps\vim\;C:\Windows",
                r"C:\hpc\apps\vim\;C:\Windows;C:\hpc\;C:\WINDOWS\System32\WindowsPowerShell\v1.0\;C:\WINDOWS\System32\Wbem",
            ),
        ] {
            let variables = windows(&[], &[("Path", path)]);
            assert_eq!(value(Os::Windows, &variables, "PATH"), Some(expected), "{path}");
        }
    }

    #[test]
    fn replaces_the_system_path_by_the_containers() {
        let variables = windows(
            &[("Path", r"C:\windows"), ("TEMP", r"C:\temp")],
            &[("PATH", r"C:\mine")],
        );
        assert!(variables[0].1.starts_with(r"C:\mine;C:\hpc\;"), "{variables:?}");
        assert_eq!(variables[0].0, "Path");
        assert_eq!(
            variables
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case("path"))
                .count(),
            1
        );
    }

    #[test]
    fn keeps_the_first_position_and_the_last_value() {
        let variables = windows(&[("A", "1"), ("b", "2")], &[("C", "3"), ("a", "4"), ("B", "")]);
        assert_eq!(
            variables,
            pairs(&[
                ("A", "4"),
                ("b", ""),
                ("C", "3"),
                ("CONTAINER_SANDBOX_MOUNT_POINT", r"C:\hpc\"),
                ("SYSTEMROOT", r"C:\windows"),
            ])
        );
    }

    #[test]
    fn adds_systemroot_only_when_missing() {
        let variables = windows(&[("SystemRoot", r"D:\win")], &[]);
        assert_eq!(value(Os::Windows, &variables, "SYSTEMROOT"), Some(r"D:\win"));
    }

    #[test]
    fn a_container_cannot_move_its_mount_point() {
        let variables = windows(&[], &[("Container_Sandbox_Mount_Point", "x")]);
        assert_eq!(
            value(Os::Windows, &variables, MOUNT_POINT_VARIABLE),
            Some(r"C:\hpc\")
        );
        let variables = compose_linux(&[], &pairs(&[(MOUNT_POINT_VARIABLE, "x")]), &MountPoint::linux());
        assert_eq!(value(Os::Linux, &variables, MOUNT_POINT_VARIABLE), Some("/hpc"));
    }

    #[test]
    fn leaves_the_accounts_block_alone() {
        let variables = windows(&[("X", "%CONTAINER_SANDBOX_MOUNT_POINT%")], &[]);
        assert_eq!(
            value(Os::Windows, &variables, "X"),
            Some("%CONTAINER_SANDBOX_MOUNT_POINT%")
        );
    }

    #[test]
    fn looks_in_the_image_before_the_system_on_linux() {
        for (path, expected) in [
            (Some("/usr/bin:/bin"), "/hpc/usr/bin:/hpc/bin:/usr/bin:/bin"),
            (
                Some("${CONTAINER_SANDBOX_MOUNT_POINT}/app:/bin:bin"),
                "/hpc/app:/hpc/bin:/bin:bin",
            ),
            (
                Some(""),
                concat!(
                    "/hpc/usr/local/sbin:/hpc/usr/local/bin:/hpc/usr/sbin:/hpc/usr/bin:/hpc/sbin:/hpc/bin:",
                    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                ),
            ),
        ] {
            let specified: Vec<_> = path
                .iter()
                .map(|path| ("PATH".to_owned(), (*path).to_owned()))
                .collect();
            let variables = compose_linux(&[], &specified, &MountPoint::linux());
            assert_eq!(value(Os::Linux, &variables, "PATH"), Some(expected));
        }
        let variables = compose_linux(&[], &[], &MountPoint::linux());
        assert!(
            value(Os::Linux, &variables, "PATH")
                .unwrap()
                .starts_with("/hpc/usr/local/sbin:")
        );
    }

    #[test]
    fn distinguishes_case_on_linux() {
        let variables = compose_linux(
            &pairs(&[("HOME", "/root")]),
            &pairs(&[("home", "x"), ("HOME", "")]),
            &MountPoint::linux(),
        );
        assert_eq!(value(Os::Linux, &variables, "HOME"), Some(""));
        assert_eq!(value(Os::Linux, &variables, "home"), Some("x"));
    }
}
