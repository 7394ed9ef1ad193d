//! The working directory of a container on Windows.

use crate::engine::{Os, StartError};
use crate::path::{self, MountPoint};
use crate::plan::View;

use super::api::Host;

/// Finds the directory that is meant, in the view of this process; one that is nowhere is made in the rootfs.
///
/// In a view of its own a container sees the host at the host's paths, so a path means the host's directory first. Where
/// the rootfs is an ordinary directory, an absolute path means a directory of the image first, as it always has.
pub(super) fn resolve(
    host: &(impl Host + ?Sized),
    given: Option<&str>,
    mount_point: &MountPoint,
    view: View,
) -> Result<String, StartError> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(mount_point.path().to_owned());
    };
    let given = mount_point.substitute_program(given);
    let trimmed = given.trim_end_matches('\\');
    let (image, host_path) = if path::is_absolute(Os::Windows, &given) {
        (mount_point.join(trimmed), Some(given.clone()))
    } else if given.starts_with('\\') {
        (mount_point.join(trimmed), Some(format!("C:{given}")))
    } else if let Some(drive) = path::drive(&given) {
        // `C:` or `C:dir`: relative to a drive's current directory, which a container does not have.
        let rest = path::without_drive(&given);
        (
            path::append(Os::Windows, mount_point.path(), rest)
                .trim_end_matches('\\')
                .to_owned(),
            Some(format!(r"{drive}\{rest}")),
        )
    } else {
        (path::append(Os::Windows, mount_point.path(), trimmed), None)
    };
    // The root of the drive is the rootfs where that is an ordinary directory; in a view of its own it is itself.
    let places = match (view, host_path) {
        (View::Private, Some(host_path)) => vec![host_path, image.clone()],
        (_, Some(host_path)) => vec![image.clone(), host_path],
        (_, None) => vec![image.clone()],
    };
    for place in places {
        if host.is_directory(&place) {
            return Ok(place);
        }
    }
    make(host, mount_point, &image)?;
    Ok(image)
}

fn make(host: &(impl Host + ?Sized), mount_point: &MountPoint, directory: &str) -> Result<(), StartError> {
    if directory.split('\\').any(|part| part == "..") || !mount_point.contains(directory) {
        return Err(StartError::Step {
            doing: format!("make the working directory `{directory}`"),
            source: std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "it is nowhere, and leads out of the rootfs",
            ),
        });
    }
    let mut path = mount_point.path().to_owned();
    for part in directory[mount_point.path().len()..]
        .split('\\')
        .filter(|part| !part.is_empty())
    {
        path = format!(r"{path}\{part}");
        if host.is_link(&path) {
            return Err(StartError::Step {
                doing: format!("make the working directory `{directory}`"),
                source: std::io::Error::new(
                    std::io::ErrorKind::InvalidInput,
                    format!("the image has a link at `{path}`, which leads elsewhere"),
                ),
            });
        }
        if !host.is_directory(&path) {
            host.create_directory(&path).map_err(|source| StartError::Step {
                doing: format!("make the working directory `{path}`"),
                source,
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Call, Fake};
    use super::*;

    #[test]
    fn finds_the_directory_that_is_meant() {
        let links = MountPoint::host_directory("id");
        let silo = MountPoint::silo();
        for (view, mount_point, given, expected) in [
            (View::Links, &links, None, r"C:\hpc\id"),
            (View::Links, &links, Some(""), r"C:\hpc\id"),
            (View::Links, &links, Some(r"C:\"), r"C:\hpc\id"),
            (View::Links, &links, Some("C:"), r"C:\hpc\id"),
            (View::Links, &links, Some(r"C:\work"), r"C:\hpc\id\work"),
            (View::Links, &links, Some("/work"), r"C:\hpc\id\work"),
            (View::Links, &links, Some("work/"), r"C:\hpc\id\work"),
            (View::Links, &links, Some(r"c:\Windows\"), r"c:\Windows\"),
            (
                View::Links,
                &links,
                Some("%CONTAINER_SANDBOX_MOUNT_POINT%/work"),
                r"C:\hpc\id\work",
            ),
            (View::Private, &silo, Some(r"C:\"), r"C:\"),
            (View::Private, &silo, Some(r"C:\work"), r"C:\work"),
            (View::Private, &silo, Some(r"\image"), r"C:\hpc\image"),
            (View::Private, &silo, None, r"C:\hpc"),
        ] {
            let fake = Fake::new();
            for directory in [
                r"C:\",
                r"C:\hpc\id",
                r"C:\hpc\id\work",
                r"C:\windows\",
                r"C:\work",
                r"C:\hpc\image",
            ] {
                fake.directory(directory);
            }
            let found = resolve(&*fake, given, mount_point, view).unwrap();
            assert_eq!(found, expected, "{view:?} {given:?}");
            assert_eq!(fake.calls(), []);
        }
    }

    #[test]
    fn makes_a_missing_one_in_the_rootfs_only() {
        let fake = Fake::new();
        let silo = MountPoint::silo();
        let found = resolve(&*fake, Some(r"D:\a\b"), &silo, View::Private).unwrap();
        assert_eq!(found, r"C:\hpc\a\b");
        assert_eq!(
            fake.calls(),
            [r"C:\hpc\a", r"C:\hpc\a\b"].map(|path| Call::CreateDirectory(path.to_owned()))
        );
        for bad in [r"..\x", r"C:\..\x", r"a\..\..\x", r"\\server\share\x"] {
            let fake = Fake::new();
            let found = resolve(&*fake, Some(bad), &silo, View::Links);
            assert!(
                found.is_err() || found.as_ref().is_ok_and(|path| silo.contains(path)),
                "{bad}: {found:?}"
            );
        }
    }
}
