//! What a build adds to the file system, before it is a layer.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::security::{base64, of_directory, of_file};
use super::{Error, HIVES, hive};
use crate::Platform;
use crate::error::During as _;
use crate::tar::{Facts, Writer};
use crate::unpack::names;

/// A file, directory or link that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory {
        mode: u32,
        owner: (u32, u32),
    },
    File {
        source: Source,
        mode: u32,
        owner: (u32, u32),
    },
    Symlink {
        target: String,
    },
}

/// Where a file's content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Path(PathBuf),
    Bytes(Vec<u8>),
}

/// Nodes by path, relative to the root and with slashes. A directory sorts before what is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<String, Node>,
}

impl Tree {
    /// What every base layer of Windows holds, for images that have no base in the store.
    pub(super) fn windows_base() -> Self {
        let mut tree = Self::default();
        let mut path = String::new();
        for component in ["Windows", "System32", "config"] {
            path = if path.is_empty() {
                component.to_owned()
            } else {
                format!("{path}/{component}")
            };
            tree.nodes.insert(
                path.clone(),
                Node::Directory {
                    mode: 0o755,
                    owner: (0, 0),
                },
            );
        }
        for name in HIVES {
            let source = Source::Bytes(hive::empty(name));
            tree.nodes.insert(
                format!("{path}/{name}"),
                Node::File {
                    source,
                    mode: 0o644,
                    owner: (0, 0),
                },
            );
        }
        tree
    }

    /// Writes the tree as the archive of a layer.
    pub(super) fn write<W: Write>(&self, platform: &Platform, created: u64, output: W) -> crate::Result<W> {
        let mut cases = names::Cases::default();
        let mut tar = Writer::new(output);
        let unwritten =
            |path: &str, result: io::Result<()>| result.during("write to the layer", path.as_ref());
        if platform.is_windows() {
            // Windows' importer expects both directories, as its own exporter writes them.
            for top in ["Files", "Hives"] {
                let facts = windows_facts(Facts::directory(0o755), 16, created);
                unwritten(top, tar.entry(top, &facts, io::empty()))?;
            }
        }
        for (path, node) in &self.nodes {
            let refused = |reason: String| Error::Name {
                path: path.clone(),
                platform: platform.clone(),
                reason,
            };
            let components = names::components(path, platform.is_windows()).map_err(refused)?;
            let name = components.last().copied().unwrap_or_default();
            if name.starts_with(".wh.") {
                return Err(refused("begins with .wh., which marks what a layer removes".to_owned()).into());
            }
            if platform.is_windows() {
                cases.check(&components).map_err(refused)?;
            }
            let (mut facts, content): (Facts, Box<dyn Read>) = match node {
                Node::Directory { mode, .. } => (Facts::directory(*mode), Box::new(io::empty())),
                Node::Symlink { .. } if platform.is_windows() => {
                    let reason =
                        "is a symbolic link, which layers for Windows cannot carry over; copy its target";
                    return Err(refused(reason.to_owned()).into());
                }
                Node::Symlink { target } => (Facts::symlink(target), Box::new(io::empty())),
                Node::File {
                    source: Source::Bytes(bytes),
                    mode,
                    ..
                } => (Facts::file(*mode, bytes.len() as u64), Box::new(&bytes[..])),
                Node::File {
                    source: Source::Path(source),
                    mode,
                    ..
                } => {
                    let file = File::open(source).during("open", source)?;
                    let size = file.metadata().during("inspect", source)?.len();
                    (Facts::file(*mode, size), Box::new(file))
                }
            };
            if let Node::Directory { owner, .. } | Node::File { owner, .. } = node {
                (facts.uid, facts.gid) = *owner;
            }
            facts.mtime = created;
            if platform.is_windows() {
                let directory = matches!(node, Node::Directory { .. });
                let facts = windows_facts(facts, if directory { 16 } else { 32 }, created);
                unwritten(path, tar.entry(&format!("Files/{path}"), &facts, content))?;
            } else {
                unwritten(path, tar.entry(path, &facts, content))?;
            }
        }
        tar.finish().during("write", "the layer".as_ref())
    }
}

/// The pax records of Windows layers: `FILE_ATTRIBUTE_DIRECTORY` (16) or `FILE_ATTRIBUTE_ARCHIVE` (32), and who may do
/// what with the file.
fn windows_facts(mut facts: Facts, attribute: u32, created: u64) -> Facts {
    let descriptor = if attribute == 16 {
        of_directory()
    } else {
        of_file()
    };
    facts.mtime = created;
    facts
        .records
        .insert("MSWINDOWS.fileattr".to_owned(), attribute.to_string());
    facts
        .records
        .insert("MSWINDOWS.rawsd".to_owned(), base64(&descriptor));
    facts
}
