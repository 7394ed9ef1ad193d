//! A rootfs without overlayfs: the layers copied over each other, as an overlay would show them.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, getxattr, mknodat};

use super::rootless;

/// Say that a directory hides what lower layers have in it: root's word, and that of an ordinary user.
const OPAQUE: [&str; 2] = ["trusted.overlay.opaque", "user.overlay.opaque"];

/// Copies a layer over what is there. Whiteouts are overlayfs's own: devices 0:0, and opaque directories.
pub(super) fn apply(layer: &Path, target: &Path) -> io::Result<()> {
    directory(layer, target, &mut HashMap::new())
}

fn directory(from: &Path, to: &Path, links: &mut HashMap<(u64, u64), PathBuf>) -> io::Result<()> {
    // An ordinary user's copies are that user's.
    let keep_owner = !rootless::is_needed();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let metadata = entry.metadata()?;
        let kind = metadata.file_type();
        if kind.is_char_device() && metadata.rdev() == 0 {
            clear(&target)?;
            continue;
        }
        let keep = kind.is_dir()
            && target.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
            && !is_opaque(&source);
        if !keep {
            clear(&target)?;
        }
        if kind.is_dir() {
            if !keep {
                fs::create_dir(&target)?;
            }
            directory(&source, &target, links)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
            if keep_owner {
                lchown(&target, Some(metadata.uid()), Some(metadata.gid()))?;
            }
            continue;
        } else if let Some(first) = links.get(&(metadata.dev(), metadata.ino())) {
            fs::hard_link(first, &target)?;
            continue;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
            if metadata.nlink() > 1 {
                links.insert((metadata.dev(), metadata.ino()), target.clone());
            }
        } else if kind.is_fifo() {
            mknodat(CWD, &target, FileType::Fifo, Mode::RUSR, 0)?;
        } else {
            // Devices and sockets have no business in an image.
            continue;
        }
        // Changing the owner takes set-uid away, so that the mode comes last.
        if keep_owner {
            chown(&target, Some(metadata.uid()), Some(metadata.gid()))?;
        }
        fs::set_permissions(&target, Permissions::from_mode(metadata.mode() & 0o7777))?;
    }
    Ok(())
}

fn is_opaque(directory: &Path) -> bool {
    let mut value = [0; 4];
    OPAQUE
        .iter()
        .any(|name| getxattr(directory, *name, &mut value[..]).is_ok_and(|length| value[..length] == *b"y"))
}

fn clear(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_layers_win_and_keep_modes_and_links() {
        let root = tempfile::tempdir().unwrap();
        let [lower, upper, target] = ["lower", "upper", "target"].map(|name| root.path().join(name));
        for directory in ["lower/etc", "upper/etc", "target"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(lower.join("etc/one"), "old").unwrap();
        fs::write(lower.join("etc/two"), "two").unwrap();
        fs::write(upper.join("etc/one"), "new").unwrap();
        fs::hard_link(upper.join("etc/one"), upper.join("etc/again")).unwrap();
        symlink("etc/one", upper.join("link")).unwrap();
        fs::set_permissions(upper.join("etc/one"), Permissions::from_mode(0o4750)).unwrap();
        apply(&lower, &target).unwrap();
        apply(&upper, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("link")).unwrap(), "new");
        assert_eq!(fs::read_to_string(target.join("etc/two")).unwrap(), "two");
        let metadata = fs::metadata(target.join("etc/one")).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.nlink()), (0o4750, 2));
    }

    #[test]
    fn a_file_replaces_a_directory() {
        let root = tempfile::tempdir().unwrap();
        let [layer, target] = ["layer", "target"].map(|name| root.path().join(name));
        fs::create_dir_all(target.join("x/y")).unwrap();
        fs::create_dir(&layer).unwrap();
        fs::write(layer.join("x"), "file").unwrap();
        apply(&layer, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("x")).unwrap(), "file");
    }
}
