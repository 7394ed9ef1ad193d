//! `subPath`: a part of a volume, found without being led out of it.
//!
//! Who may write into a volume may put a link there. As with the kubelet, links are followed where they stay in the volume:
//! the files of ConfigMaps and Secrets are such links. What they lead to is then opened from the volume's root directory by
//! directory, with no link followed any more, and each is held: as long as it is, Windows lets nobody rename, remove or
//! replace it. A directory that is empty can be made a link where it is, so what was opened is asked where it lies.

use std::io;
use std::path::Path;

use porthole_image::unpack::windows_component;

use super::api::{
    Api, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FileKind, Handle, Opened, SYNCHRONIZE,
};
use super::directories::is_below;

/// A part of a volume, which stays where it is while this lives.
#[derive(Debug)]
pub(super) struct Part {
    /// Where it is, without a link below the volume's root.
    pub(super) path: String,
    /// The directories on the way there and, if it is one, itself.
    pub(super) directories: Vec<Handle>,
    /// Itself, if it is a file.
    file: Option<Handle>,
}

/// Finds a part of a volume. What is missing is made as directories, with the rights that the volume hands down.
///
/// # Errors
/// Why there is none, for people.
pub(super) fn find(api: &dyn Api, volume: &str, wanted: &Path) -> Result<Part, String> {
    let shown = wanted.display();
    let names: Vec<&str> = wanted.to_str().unwrap_or_default().split(['/', '\\']).collect();
    for name in &names {
        if name.is_empty() {
            return Err(format!("subPath `{shown}` is no path in the volume"));
        }
        windows_component(name).map_err(|reason| format!("subPath `{shown}` {reason}"))?;
    }
    let root = led_to(api, volume).map_err(|error| format!("resolve `{volume}`: {error}"))?;
    let root = root.trim_end_matches('\\');
    let volume = volume.trim_end_matches('\\');
    // The deepest that is there, links followed as for a part that is there whole.
    let mut there = names.len();
    let real = loop {
        if there == 0 {
            break root.to_owned();
        }
        match led_to(api, &format!(r"{volume}\{}", names[..there].join(r"\"))) {
            Ok(real) => break real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => there -= 1,
            Err(error) => return Err(format!("resolve subPath `{shown}`: {error}")),
        }
    };
    if !is_below(root, &real) && !real.eq_ignore_ascii_case(root) {
        return Err(format!("subPath `{shown}` leads out of the volume over a link"));
    }
    let beneath = real[root.len()..]
        .split('\\')
        .filter(|name| !name.is_empty())
        .map(|name| (name, false));
    let missing = names[there..].iter().map(|name| (*name, true));

    let mut part = Part {
        path: volume.to_owned(),
        directories: Vec::new(),
        file: None,
    };
    let mut expected = root.to_owned();
    for (name, is_missing) in beneath.chain(missing) {
        if part.file.is_some() {
            return Err(format!("`{}` is no directory", part.path));
        }
        for path in [&mut part.path, &mut expected] {
            path.push('\\');
            path.push_str(name);
        }
        if is_missing {
            match api.create_directory(&part.path) {
                // A link that leads nowhere, or somebody else has just made it: both show below.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(|error| {
                    format!("failed to create subPath directory `{}`: {error}", part.path)
                })?,
            }
        }
        let opened = hold(api, &part.path)
            .map_err(|error| format!("hold `{}`, so that nobody leads it elsewhere: {error}", part.path))?;
        if opened.kind == FileKind::Link || !opened.path.eq_ignore_ascii_case(&expected) {
            return Err(format!(
                "`{}` is a link that leads nowhere, or was made one just now",
                part.path
            ));
        }
        match opened.kind {
            FileKind::Directory => part.directories.push(opened.handle),
            _ => part.file = Some(opened.handle),
        }
    }
    Ok(part)
}

/// Where a path leads over all its links.
fn led_to(api: &dyn Api, path: &str) -> io::Result<String> {
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    let opened = api.open_file(path, FILE_READ_ATTRIBUTES, share, FILE_FLAG_BACKUP_SEMANTICS)?;
    Ok(opened.path)
}

/// Opens what is at a path itself, in a way that nobody can rename, remove or replace it meanwhile. Only who asks for data is
/// asked what is shared with others, so the list of a directory is asked for.
fn hold(api: &dyn Api, path: &str) -> io::Result<Opened> {
    api.open_file(
        path,
        FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
        FILE_SHARE_READ | FILE_SHARE_WRITE,
        FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
    )
}

#[cfg(test)]
#[path = "sub_path_tests.rs"]
mod tests;
