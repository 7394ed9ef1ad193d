//! `COPY` and `ADD` of local files.
//!
//! Source: the Dockerfile reference ("COPY", "ADD"): a directory's content is copied, several files need a directory
//! to go to, a destination that ends in a slash is a directory.

use std::fs::File;
use std::io::Read as _;

use super::tree::{Node, Source, Tree};
use super::view::View;

/// What to copy and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer<'a> {
    pub(super) sources: &'a [String],
    /// Relative to the root, with slashes; links have been followed.
    pub(super) destination: &'a str,
    /// The destination was written as a directory, or is one.
    pub(super) into_directory: bool,
    pub(super) mode: Option<u32>,
    pub(super) owner: Option<(u32, u32)>,
    /// `ADD` would unpack archives, which is refused.
    pub(super) add: bool,
}

/// Why a copy failed.
#[derive(Debug)]
pub(super) enum Failed {
    Refused(String),
    Error(crate::Error),
}

impl From<crate::Error> for Failed {
    fn from(error: crate::Error) -> Self {
        Self::Error(error)
    }
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

/// Copies from a view into a tree. `below` says what the base image has where the tree has nothing.
pub(super) fn copy(
    copy: &Transfer<'_>,
    from: View<'_>,
    tree: &mut Tree,
    below: View<'_>,
) -> Result<(), Failed> {
    let mut found = Vec::new();
    for source in copy.sources {
        if source.split(['/', '\\']).any(|component| component == "..") {
            return Err(format!("{source:?} leads out of the directory it is relative to").into());
        }
        let matched = from.find(source)?;
        if matched.is_empty() {
            return Err(format!("{source:?} does not exist{}", hint(&from)).into());
        }
        found.extend(matched);
    }
    if found.len() > 1 && !copy.into_directory {
        return Err(
            "several files are copied to something that is no directory; end the destination with /"
                .to_owned()
                .into(),
        );
    }
    for path in found {
        let Some(real) = from.real(&path)? else {
            return Err(format!("{path:?} is a circle of symbolic links").into());
        };
        let Some(node) = from.node(&real)? else { continue };
        if matches!(node, Node::Directory { .. }) {
            place(
                tree,
                below,
                copy.destination,
                dressed(
                    Node::Directory {
                        mode: 0o755,
                        owner: (0, 0),
                    },
                    copy,
                ),
                true,
            )?;
            below_directory(copy, from, &real, copy.destination, tree, below)?;
        } else {
            if copy.add {
                refuse_archive(&node, &path)?;
            }
            let name = path.rsplit('/').next().unwrap_or(&path);
            let target = if copy.into_directory {
                join(copy.destination, name)
            } else {
                copy.destination.to_owned()
            };
            place(tree, below, &target, dressed(node, copy), false)?;
        }
    }
    Ok(())
}

fn below_directory(
    copy: &Transfer<'_>,
    from: View<'_>,
    source: &str,
    destination: &str,
    tree: &mut Tree,
    below: View<'_>,
) -> Result<(), Failed> {
    for name in from.children(source)? {
        let (path, target) = (join(source, &name), join(destination, &name));
        let Some(node) = from.node(&path)? else { continue };
        let directory = matches!(node, Node::Directory { .. });
        // A directory of which everything is left out is left out too, unless it is simply empty.
        place(tree, below, &target, dressed(node, copy), false)?;
        if directory {
            below_directory(copy, from, &path, &target, tree, below)?;
        }
    }
    Ok(())
}

/// Puts a node in its place, and the directories above it where the tree has none.
pub(super) fn place(
    tree: &mut Tree,
    below: View<'_>,
    path: &str,
    node: Node,
    keep: bool,
) -> Result<(), Failed> {
    if path.is_empty() {
        return if matches!(node, Node::Directory { .. }) {
            Ok(())
        } else {
            Err("a file cannot take the place of the root directory"
                .to_owned()
                .into())
        };
    }
    for (index, _) in path.match_indices('/') {
        let parent = &path[..index];
        match tree.nodes.get(parent) {
            Some(Node::Directory { .. }) => {}
            Some(_) => return Err(format!("{parent:?} is a file, so that {path:?} cannot be in it").into()),
            None => {
                // What the base says of its own directory must not change because something is put into it.
                let known = below
                    .node(parent)?
                    .filter(|node| matches!(node, Node::Directory { .. }));
                let node = known.unwrap_or(Node::Directory {
                    mode: 0o755,
                    owner: (0, 0),
                });
                tree.nodes.insert(parent.to_owned(), node);
            }
        }
    }
    let there = tree.nodes.get(path);
    let directory = matches!(node, Node::Directory { .. });
    match there {
        Some(Node::Directory { .. }) if directory && keep => return Ok(()),
        Some(Node::Directory { .. }) if !directory => {
            return Err(format!("{path:?} is a directory, so that no file can take its place").into());
        }
        Some(Node::File { .. } | Node::Symlink { .. }) if directory => {
            return Err(format!("{path:?} is a file, so that no directory can take its place").into());
        }
        None if directory && keep => {
            let known = below
                .node(path)?
                .filter(|node| matches!(node, Node::Directory { .. }));
            tree.nodes.insert(path.to_owned(), known.unwrap_or(node));
            return Ok(());
        }
        _ => {}
    }
    tree.nodes.insert(path.to_owned(), node);
    Ok(())
}

/// The node with the mode and owner that the instruction gives.
fn dressed(node: Node, copy: &Transfer<'_>) -> Node {
    match node {
        Node::Directory { mode, owner } => Node::Directory {
            mode: copy.mode.unwrap_or(mode),
            owner: copy.owner.unwrap_or(owner),
        },
        Node::File { source, mode, owner } => Node::File {
            source,
            mode: copy.mode.unwrap_or(mode),
            owner: copy.owner.unwrap_or(owner),
        },
        link @ Node::Symlink { .. } => link,
    }
}

/// Refuses what `ADD` would unpack, as its content tells.
fn refuse_archive(node: &Node, path: &str) -> Result<(), String> {
    let Node::File {
        source: Source::Path(source),
        ..
    } = node
    else {
        return Ok(());
    };
    let mut start = Vec::new();
    let read = File::open(source).and_then(|file| file.take(263).read_to_end(&mut start));
    let archive = start.starts_with(&[0x1f, 0x8b])
        || start.starts_with(b"BZh")
        || start.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0])
        || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || start.get(257..262) == Some(b"ustar");
    if read.is_ok() && archive {
        return Err(format!(
            "ADD would unpack the archive {path:?}, which is not supported; COPY it as it is, or COPY its unpacked files"
        ));
    }
    Ok(())
}

fn hint(view: &View<'_>) -> String {
    match view.directory {
        Some(directory) if view.ignore.is_some() => format!(" in {} or is ignored", directory.display()),
        Some(directory) => format!(" in {}", directory.display()),
        None => " in that stage".to_owned(),
    }
}

pub(super) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}
