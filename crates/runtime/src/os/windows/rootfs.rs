//! A container's private writable rootfs: a copy of its layers.
//!
//! Windows has no overlay that a job container could use without the container platform's own storage, so each
//! container gets a copy, which the layers are small enough for (an image of a host process holds the program).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use porthole_image::unpack::Hidden;

use crate::plan::Rootfs;

/// The name of a kept layer's files in the image store, and of the record beside them of what the layer hides of those
/// below it.
const KEPT: &str = "fs";
const HIDDEN: &str = "whiteouts.json";

/// How long a file that somebody still holds open is waited for: programs that were just killed, virus scanners.
const HELD: Duration = Duration::from_secs(5);

/// How often.
const RETRY: Duration = Duration::from_millis(20);

/// The directories that a rootfs is made of, the lowest first.
pub(super) fn sources(rootfs: &Rootfs) -> Vec<PathBuf> {
    match rootfs {
        Rootfs::Layers(layers) => layers.clone(),
        Rootfs::Directory(directory) => vec![directory.clone()],
        Rootfs::Empty => Vec::new(),
    }
}

/// Copies one layer over what lies in `to`, after removing what the layer hides of it.
///
/// A file takes the place of whatever has its name; a directory joins a directory; a symbolic link stays the link
/// that it is.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.file_name().is_some_and(|name| name == KEPT) {
        let record = from.with_file_name(HIDDEN);
        if let Some(text) = if_found(fs::read(&record)).map_err(|error| naming(&error, &record))? {
            let hidden = serde_json::from_slice(&text).map_err(io::Error::from);
            hide(&hidden.map_err(|error| naming(&error, &record))?, to)?;
        }
    }
    copy_directory(from, to)
}

fn hide(hidden: &Hidden, root: &Path) -> io::Result<()> {
    for path in &hidden.whiteouts {
        remove_entry(&below(root, path)?)?;
    }
    for path in &hidden.opaque {
        let directory = if path.is_empty() {
            root.to_owned()
        } else {
            below(root, path)?
        };
        if fs::symlink_metadata(&directory).is_ok_and(|metadata| metadata.is_dir()) {
            for entry in fs::read_dir(&directory)? {
                remove_entry(&entry?.path())?;
            }
        }
    }
    Ok(())
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from).map_err(|error| naming(&error, from))? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !fs::symlink_metadata(&target).is_ok_and(|metadata| metadata.is_dir()) {
                remove_entry(&target)?;
                fs::create_dir(&target).map_err(|error| naming(&error, &target))?;
            }
            copy_directory(&source, &target)?;
        } else {
            remove_entry(&target)?;
            if kind.is_symlink() {
                copy_link(&source, &target)
            } else {
                fs::copy(&source, &target).map(drop)
            }
            .map_err(|error| naming(&error, &target))?;
        }
    }
    Ok(())
}

#[cfg(windows)]
fn copy_link(source: &Path, target: &Path) -> io::Result<()> {
    let text = fs::read_link(source)?;
    if fs::metadata(source).is_ok_and(|metadata| metadata.is_dir()) {
        std::os::windows::fs::symlink_dir(text, target)
    } else {
        std::os::windows::fs::symlink_file(text, target)
    }
}

#[cfg(not(windows))]
fn copy_link(source: &Path, target: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(fs::read_link(source)?, target)
}

/// A path of a record of whiteouts, which may not lead out of the rootfs.
fn below(root: &Path, relative: &str) -> io::Result<PathBuf> {
    let mut path = root.to_owned();
    for part in relative.split('/') {
        if part.is_empty() || part == "." || part == ".." || part.contains(['\\', ':', '\0']) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("whiteout `{relative}` leads out of the rootfs"),
            ));
        }
        path.push(part);
    }
    // A parent that is a link would lead elsewhere.
    let mut parent = path.parent();
    while let Some(directory) = parent.filter(|directory| *directory != root) {
        if fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("whiteout `{relative}` goes through a link"),
            ));
        }
        parent = directory.parent();
    }
    Ok(path)
}

fn remove_entry(path: &Path) -> io::Result<()> {
    match if_found(fs::symlink_metadata(path))? {
        None => Ok(()),
        Some(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Some(_) => fs::remove_file(path).or_else(|error| {
            // On Windows a link to a directory is removed as a directory.
            fs::remove_dir(path).map_err(|_| error)
        }),
    }
    .map_err(|error| naming(&error, path))
}

/// Removes a tree, following no links. Files that are held open for a moment are waited for.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let deadline = Instant::now() + HELD;
    loop {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if Instant::now() >= deadline => return Err(naming(&error, path)),
            // Polled, because Windows tells nobody when a file is let go.
            Err(_) => std::thread::sleep(RETRY),
        }
    }
}

fn if_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn naming(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(root: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let layer = root.join(name);
        fs::create_dir_all(&layer).unwrap();
        for (path, text) in files {
            let path = layer.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        layer
    }

    #[test]
    fn lays_higher_layers_over_lower_ones() {
        let directory = tempfile::tempdir().unwrap();
        let lower = layer(
            directory.path(),
            "1",
            &[("a/x", "old"), ("a/y", "kept"), ("b", "file")],
        );
        let upper = layer(
            directory.path(),
            "2",
            &[("a/x", "new"), ("b/z", "now a directory")],
        );
        let root = layer(directory.path(), "root", &[]);
        copy(&lower, &root).unwrap();
        copy(&upper, &root).unwrap();
        assert_eq!(fs::read_to_string(root.join("a/x")).unwrap(), "new");
        assert_eq!(fs::read_to_string(root.join("a/y")).unwrap(), "kept");
        assert_eq!(fs::read_to_string(root.join("b/z")).unwrap(), "now a directory");
    }

    /// A layer as the store keeps it, with its record.
    fn kept(root: &Path, name: &str, files: &[(&str, &str)], whiteouts: &[&str], opaque: &[&str]) -> PathBuf {
        let layer = layer(&root.join(name), KEPT, files);
        let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let hidden = Hidden {
            whiteouts: set(whiteouts),
            opaque: set(opaque),
            ..Hidden::default()
        };
        let text = serde_json::to_string(&hidden).unwrap();
        fs::write(layer.with_file_name(HIDDEN), text).unwrap();
        layer
    }

    #[test]
    fn removes_what_a_layer_hides() {
        let directory = tempfile::tempdir().unwrap();
        let lower = layer(
            directory.path(),
            "1",
            &[("a/x", ""), ("a/y", ""), ("c/d/e", ""), ("o/old", "")],
        );
        let files = [("c/new", ""), ("o/new", "")];
        let upper = kept(
            directory.path(),
            "2",
            &files,
            &["a/x", "c/d", "never/there"],
            &["o", "not/there"],
        );
        let root = layer(directory.path(), "root", &[]);
        copy(&lower, &root).unwrap();
        copy(&upper, &root).unwrap();
        assert!(!root.join("a/x").exists() && root.join("a/y").exists());
        assert!(!root.join("c/d").exists() && root.join("c/new").exists());
        assert!(!root.join("o/old").exists() && root.join("o/new").exists());
        let all = kept(directory.path(), "3", &[("only", "")], &[], &[""]);
        copy(&all, &root).unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 1);
    }

    #[test]
    fn refuses_whiteouts_that_lead_out() {
        for path in [
            "../outside",
            "a/../../outside",
            "/outside",
            r"a\..\..\outside",
            "C:outside",
        ] {
            for (whiteouts, opaque) in [(vec![path], vec![]), (vec![], vec![path])] {
                let directory = tempfile::tempdir().unwrap();
                let upper = kept(directory.path(), "2", &[], &whiteouts, &opaque);
                fs::write(directory.path().join("outside"), "").unwrap();
                let root = layer(directory.path(), "root", &[]);
                let error = copy(&upper, &root).unwrap_err();
                assert!(error.to_string().contains("leads out of the rootfs"), "{error}");
                assert!(directory.path().join("outside").exists());
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn follows_no_link_when_it_deletes() {
        let directory = tempfile::tempdir().unwrap();
        let outside = layer(directory.path(), "outside", &[("precious", "")]);
        let upper = kept(directory.path(), "2", &[], &["way/precious"], &[]);
        let root = layer(directory.path(), "root", &[]);
        std::os::unix::fs::symlink(&outside, root.join("way")).unwrap();
        assert!(copy(&upper, &root).is_err());
        remove(&root).unwrap();
        assert!(outside.join("precious").exists() && !root.exists());
        remove(&root).unwrap();
    }
}
