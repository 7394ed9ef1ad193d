//! Path rules of both systems as pure functions: the sandbox mount point, mount destinations, Windows path forms.
//!
//! Nothing here asks the host anything, so every rule is tested on every system.

use std::borrow::Cow;

use crate::engine::Os;

/// The variable that tells a container where its rootfs is.
pub const MOUNT_POINT_VARIABLE: &str = "CONTAINER_SANDBOX_MOUNT_POINT";

/// Where a container sees its rootfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    os: Os,
    /// Without a trailing separator.
    path: String,
}

impl MountPoint {
    /// `/hpc`: bound there in the container's own mount namespace.
    #[must_use]
    pub fn linux() -> Self {
        Self::at(Os::Linux, "/hpc")
    }

    /// `C:\hpc`: bound there in the container's silo.
    #[must_use]
    pub fn silo() -> Self {
        Self::at(Os::Windows, r"C:\hpc")
    }

    /// `C:\hpc\<id>`: an ordinary directory that every process of the host sees.
    #[must_use]
    pub fn host_directory(id: &str) -> Self {
        Self::at(Os::Windows, &format!(r"C:\hpc\{id}"))
    }

    /// A rootfs that is seen at `path`; trailing separators do not matter.
    #[must_use]
    pub fn at(os: Os, path: &str) -> Self {
        let path = match os {
            Os::Linux => path.trim_end_matches('/').to_owned(),
            Os::Windows => path.replace('/', r"\").trim_end_matches('\\').to_owned(),
        };
        Self { os, path }
    }

    /// The system whose rules the path follows.
    #[must_use]
    pub fn os(&self) -> Os {
        self.os
    }

    /// The directory, without a trailing separator.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of [`MOUNT_POINT_VARIABLE`]: `/hpc`, and on Windows with the trailing backslash that programs there
    /// rely on.
    #[must_use]
    pub fn variable(&self) -> String {
        match self.os {
            Os::Linux => self.path.clone(),
            Os::Windows => format!(r"{}\", self.path),
        }
    }

    /// Puts the directory in the place of its name: `%CONTAINER_SANDBOX_MOUNT_POINT%` and
    /// `$env:CONTAINER_SANDBOX_MOUNT_POINT`, on Linux `${CONTAINER_SANDBOX_MOUNT_POINT}` too. Case counts.
    #[must_use]
    pub fn substitute<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !text.contains(MOUNT_POINT_VARIABLE) {
            return Cow::Borrowed(text);
        }
        let mut replaced = text
            .replace("%CONTAINER_SANDBOX_MOUNT_POINT%", &self.path)
            .replace("$env:CONTAINER_SANDBOX_MOUNT_POINT", &self.path);
        if self.os == Os::Linux {
            replaced = replaced.replace("${CONTAINER_SANDBOX_MOUNT_POINT}", &self.path);
        }
        Cow::Owned(replaced)
    }

    /// The same for the path of a program, whose slashes become backslashes on Windows:
    /// `%CONTAINER_SANDBOX_MOUNT_POINT%/usr/local/bin/app.exe` → `C:\hpc\usr\local\bin\app.exe`.
    #[must_use]
    pub fn substitute_program(&self, program: &str) -> String {
        let replaced = self.substitute(program);
        match self.os {
            Os::Linux => replaced.into_owned(),
            Os::Windows => with_backslashes(&replaced),
        }
    }

    /// Where an absolute path of the container lies below the rootfs: `/etc` → `/hpc/etc`, `C:\etc` → `C:\hpc\etc`.
    /// A path that is the rootfs, or lies in it already, stays as it is.
    #[must_use]
    pub fn join(&self, absolute: &str) -> String {
        if self.contains(absolute) {
            return absolute.to_owned();
        }
        match self.os {
            Os::Linux => match absolute.trim_start_matches('/') {
                "" => self.path.clone(),
                rest => format!("{}/{rest}", self.path),
            },
            Os::Windows => {
                let path = with_backslashes(absolute);
                match without_drive(&path).trim_start_matches('\\') {
                    "" => self.path.clone(),
                    rest => format!(r"{}\{rest}", self.path),
                }
            }
        }
    }

    /// Whether a path is the rootfs or lies in it. Case does not count on Windows.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        let (path, separator) = match self.os {
            Os::Linux => (Cow::Borrowed(path), '/'),
            Os::Windows => (Cow::Owned(with_backslashes(path)), '\\'),
        };
        let Some((head, tail)) = path.split_at_checked(self.path.len()) else {
            return false;
        };
        let same = match self.os {
            Os::Linux => head == self.path,
            Os::Windows => head.eq_ignore_ascii_case(&self.path),
        };
        same && (tail.is_empty() || tail.starts_with(separator))
    }
}

/// Whether a path is absolute by the rules of a system. On Windows `C:\x`, `C:/x` and `\\server\share` are; `\x` is not.
#[must_use]
pub fn is_absolute(os: Os, path: &str) -> bool {
    match os {
        Os::Linux => path.starts_with('/'),
        Os::Windows => {
            let path = with_backslashes(path);
            path.starts_with(r"\\") || (drive(&path).is_some() && path.as_bytes().get(2) == Some(&b'\\'))
        }
    }
}

/// A Windows path with backslashes only and none doubled but the two that begin a share or device path.
#[must_use]
pub fn with_backslashes(path: &str) -> String {
    let mut result = String::with_capacity(path.len());
    for (index, character) in path.chars().enumerate() {
        let character = if character == '/' { '\\' } else { character };
        if character == '\\' && result.ends_with('\\') && index != 1 {
            continue;
        }
        result.push(character);
    }
    result
}

/// The drive of a Windows path: `C:` of `C:\x`.
#[must_use]
pub fn drive(path: &str) -> Option<&str> {
    match path.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_alphabetic() => path.get(..2),
        _ => None,
    }
}

/// A Windows path without its drive: `\x` of `C:\x`.
#[must_use]
pub fn without_drive(path: &str) -> &str {
    drive(path).map_or(path, |drive| &path[drive.len()..])
}

/// Appends a relative path to a directory, with the system's separator.
#[must_use]
pub fn append(os: Os, directory: &str, relative: &str) -> String {
    let (separator, directory) = match os {
        Os::Linux => ('/', directory.to_owned()),
        Os::Windows => ('\\', with_backslashes(directory)),
    };
    let relative = match os {
        Os::Linux => Cow::Borrowed(relative.strip_prefix("./").unwrap_or(relative)),
        Os::Windows => {
            let relative = with_backslashes(relative);
            Cow::Owned(
                relative
                    .strip_prefix(r".\")
                    .map(str::to_owned)
                    .unwrap_or(relative),
            )
        }
    };
    if directory.is_empty() || directory.ends_with(separator) {
        format!("{directory}{relative}")
    } else {
        format!("{directory}{separator}{relative}")
    }
}

/// Why a `mountPath` is no place for a volume.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// Nothing was given.
    #[error("the path is empty")]
    Empty,
    /// A relative path, or one of the other system.
    #[error("the path is not absolute on {0:?}")]
    NotAbsolute(Os),
    /// `..` would name another place than the one written.
    #[error("the path must not contain `..`")]
    Parent,
    /// The root of the system or of a drive.
    #[error("destination path can not be {0}")]
    Root(&'static str),
    /// The rootfs itself.
    #[error("the path is the container's rootfs")]
    Rootfs,
    /// A named pipe or device.
    #[error("the path names a pipe or device")]
    Device,
}

/// The one spelling of a mount destination: separators of the system, none doubled or trailing, no `.`; on Windows a path
/// without a drive lies on `C:`. The sandbox mount point is not put in: a mount has the same place in every view.
///
/// # Errors
/// See [`DestinationError`].
pub fn destination(mount_point: &MountPoint, path: &str) -> Result<String, DestinationError> {
    if path.is_empty() {
        return Err(DestinationError::Empty);
    }
    let normal = match mount_point.os {
        Os::Linux => {
            if !path.starts_with('/') {
                return Err(DestinationError::NotAbsolute(Os::Linux));
            }
            format!("/{}", plain_parts(path, '/')?.join("/"))
        }
        Os::Windows => {
            let path = with_backslashes(path);
            if path.starts_with(r"\\") {
                return Err(DestinationError::Device);
            }
            let rest = without_drive(&path);
            if !rest.starts_with('\\') && !rest.is_empty() {
                return Err(DestinationError::NotAbsolute(Os::Windows));
            }
            let drive = drive(&path).unwrap_or("C:").to_ascii_uppercase();
            format!(r"{drive}\{}", plain_parts(rest, '\\')?.join(r"\"))
        }
    };
    match mount_point.os {
        Os::Linux if normal == "/" => Err(DestinationError::Root("the root directory")),
        Os::Windows if normal == r"C:\" => Err(DestinationError::Root("C drive")),
        Os::Windows if normal.len() == 3 => Err(DestinationError::Root("the root of a drive")),
        Os::Linux if normal == mount_point.path => Err(DestinationError::Rootfs),
        Os::Windows if normal.eq_ignore_ascii_case(&mount_point.path) => Err(DestinationError::Rootfs),
        _ => Ok(normal),
    }
}

fn plain_parts(path: &str, separator: char) -> Result<Vec<&str>, DestinationError> {
    let parts: Vec<&str> = path
        .split(separator)
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        Err(DestinationError::Parent)
    } else {
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substitutes_every_spelling_of_the_mount_point() {
        let windows = MountPoint::silo();
        let linux = MountPoint::linux();
        for (mount_point, text, expected) in [
            (&windows, "%CONTAINER_SANDBOX_MOUNT_POINT%", r"C:\hpc"),
            (
                &windows,
                r"%CONTAINER_SANDBOX_MOUNT_POINT%\a;$env:CONTAINER_SANDBOX_MOUNT_POINT\b",
                r"C:\hpc\a;C:\hpc\b",
            ),
            (
                &windows,
                "${CONTAINER_SANDBOX_MOUNT_POINT}",
                "${CONTAINER_SANDBOX_MOUNT_POINT}",
            ),
            (
                &windows,
                "%container_sandbox_mount_point%",
                "%container_sandbox_mount_point%",
            ),
            (
                &windows,
                "$CONTAINER_SANDBOX_MOUNT_POINT",
                "$CONTAINER_SANDBOX_MOUNT_POINT",
            ),
            (&linux, "${CONTAINER_SANDBOX_MOUNT_POINT}/etc", "/hpc/etc"),
            (&linux, "%CONTAINER_SANDBOX_MOUNT_POINT%/etc", "/hpc/etc"),
            (&linux, "$env:CONTAINER_SANDBOX_MOUNT_POINT/etc", "/hpc/etc"),
            (&linux, "/etc", "/etc"),
        ] {
            assert_eq!(mount_point.substitute(text), expected, "{text}");
        }
    }

    #[test]
    fn normalises_slashes_of_windows_programs() {
        for (program, expected) in [
            (
                "%CONTAINER_SANDBOX_MOUNT_POINT%/usr/local/bin/app.exe",
                r"C:\hpc\usr\local\bin\app.exe",
            ),
            (
                r"%CONTAINER_SANDBOX_MOUNT_POINT%\bin/uname.exe",
                r"C:\hpc\bin\uname.exe",
            ),
            (
                r"%CONTAINER_SANDBOX_MOUNT_POINT%\\bin\uname.exe",
                r"C:\hpc\bin\uname.exe",
            ),
            ("bin/uname.exe", r"bin\uname.exe"),
            (r"\\server\share\a.exe", r"\\server\share\a.exe"),
        ] {
            assert_eq!(
                MountPoint::silo().substitute_program(program),
                expected,
                "{program}"
            );
        }
        assert_eq!(MountPoint::linux().substitute_program(r"a\b"), r"a\b");
    }

    #[test]
    fn keeps_the_trailing_backslash_of_the_variable() {
        assert_eq!(MountPoint::silo().variable(), r"C:\hpc\");
        assert_eq!(MountPoint::host_directory("x").variable(), r"C:\hpc\x\");
        assert_eq!(MountPoint::at(Os::Windows, "D:/roots/").variable(), r"D:\roots\");
        assert_eq!(MountPoint::linux().variable(), "/hpc");
    }

    #[test]
    fn joins_container_paths_below_the_rootfs() {
        for (mount_point, path, expected) in [
            (MountPoint::linux(), "/etc/x", "/hpc/etc/x"),
            (MountPoint::linux(), "/", "/hpc"),
            (MountPoint::linux(), "/hpc/etc", "/hpc/etc"),
            (MountPoint::linux(), "/hpcx", "/hpc/hpcx"),
            (MountPoint::silo(), r"C:\work\dir", r"C:\hpc\work\dir"),
            (MountPoint::silo(), "/var/run", r"C:\hpc\var\run"),
            (MountPoint::silo(), r"c:\HPC\a", r"c:\HPC\a"),
            (MountPoint::host_directory("id"), r"C:\", r"C:\hpc\id"),
        ] {
            assert_eq!(mount_point.join(path), expected, "{path}");
        }
    }

    #[test]
    fn spells_destinations_in_one_way() {
        let windows = MountPoint::silo();
        let linux = MountPoint::linux();
        for (mount_point, path, expected) in [
            (&linux, "/etc//app/", Ok("/etc/app")),
            (&linux, "/a/./b", Ok("/a/b")),
            (&linux, "/", Err(DestinationError::Root("the root directory"))),
            (&linux, "/hpc/", Err(DestinationError::Rootfs)),
            (&linux, "/a/../b", Err(DestinationError::Parent)),
            (&linux, "etc", Err(DestinationError::NotAbsolute(Os::Linux))),
            (&linux, r"C:\etc", Err(DestinationError::NotAbsolute(Os::Linux))),
            (&windows, r"\etc\app", Ok(r"C:\etc\app")),
            (&windows, "/etc/app/", Ok(r"C:\etc\app")),
            (&windows, r"d:\etc", Ok(r"D:\etc")),
            (&windows, "C:", Err(DestinationError::Root("C drive"))),
            (&windows, r"c:\", Err(DestinationError::Root("C drive"))),
            (
                &windows,
                r"D:\",
                Err(DestinationError::Root("the root of a drive")),
            ),
            (&windows, r"\\.\pipe\x", Err(DestinationError::Device)),
            (&windows, "etc", Err(DestinationError::NotAbsolute(Os::Windows))),
            (&windows, "", Err(DestinationError::Empty)),
            (&windows, r"c:\HPC\", Err(DestinationError::Rootfs)),
        ] {
            assert_eq!(
                destination(mount_point, path),
                expected.map(str::to_owned),
                "{path}"
            );
        }
    }

    #[test]
    fn appends_with_the_separator_of_the_system() {
        assert_eq!(append(Os::Linux, "/work", "./bin/x"), "/work/bin/x");
        assert_eq!(append(Os::Linux, "/", "x"), "/x");
        assert_eq!(
            append(Os::Windows, r"C:\windows\", "system32/cmd"),
            r"C:\windows\system32\cmd"
        );
        assert_eq!(append(Os::Windows, "C:/windows", r".\cmd"), r"C:\windows\cmd");
    }

    #[test]
    fn knows_absolute_windows_paths() {
        for (path, expected) in [
            (r"C:\x", true),
            ("c:/x", true),
            (r"\\s\x", true),
            (r"\x", false),
            ("C:x", false),
            ("x", false),
        ] {
            assert_eq!(is_absolute(Os::Windows, path), expected, "{path}");
        }
    }
}
