//! A file system to copy from: a directory on this machine, a stage's additions, or one above the other. Links are
//! followed within it, and never lead out.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::glob::{self, Ignore};
use super::tree::{Node, Source, Tree};
use crate::Result;
use crate::error::During as _;
use crate::work;

/// Longest chain of links, as Linux has it.
const LINKS: usize = 40;

/// A file system to copy from.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// Comes first.
    pub(super) tree: Option<&'a Tree>,
    /// Comes below.
    pub(super) directory: Option<&'a Path>,
    /// Leaves out paths of the directory.
    pub(super) ignore: Option<&'a Ignore>,
    /// Whether owners and modes of the directory's files are kept: they are an image's, not this machine's.
    pub(super) image: bool,
}

impl View<'_> {
    /// What is at a path, its last component not followed. Components before it must be no links.
    pub(super) fn node(&self, path: &str) -> Result<Option<Node>> {
        if path.is_empty() {
            return Ok(Some(Node::Directory {
                mode: 0o755,
                owner: (0, 0),
            }));
        }
        if let Some(node) = self.tree.and_then(|tree| tree.nodes.get(path)) {
            return Ok(Some(node.clone()));
        }
        let Some(host) = self.directory.map(|directory| directory.join(path)) else {
            return Ok(None);
        };
        let Ok(metadata) = fs::symlink_metadata(&host) else {
            return Ok(None);
        };
        let excluded = self
            .ignore
            .is_some_and(|ignore| ignore.excludes(path) && !(metadata.is_dir() && ignore.has_exceptions()));
        if excluded {
            return Ok(None);
        }
        let (mode, owner) = self.facts(&metadata);
        Ok(if metadata.is_dir() {
            Some(Node::Directory { mode, owner })
        } else if metadata.is_symlink() {
            let target = fs::read_link(&host).during("read the link", &host)?;
            Some(Node::Symlink {
                target: target.to_string_lossy().into_owned(),
            })
        } else if metadata.is_file() {
            Some(Node::File {
                source: Source::Path(host),
                mode,
                owner,
            })
        } else {
            None
        })
    }

    /// The names in a directory.
    pub(super) fn children(&self, path: &str) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        if let Some(tree) = self.tree {
            let below = tree
                .nodes
                .range(prefix.clone()..)
                .take_while(|(key, _)| key.starts_with(&prefix));
            names.extend(
                below
                    .filter_map(|(key, _)| key[prefix.len()..].split('/').next())
                    .map(str::to_owned),
            );
        }
        if let Some(directory) = self.directory.map(|directory| directory.join(path))
            && directory.is_dir()
        {
            for entry in fs::read_dir(&directory).during("read directory", &directory)? {
                let entry = entry.during("read directory", &directory)?;
                let name = entry.file_name().to_string_lossy().into_owned();
                // The image may be made in the directory that it is made from.
                if !name.starts_with(work::PREFIX) {
                    names.insert(name);
                }
            }
        }
        names.remove("");
        Ok(names)
    }

    /// Follows all links on a path; missing components stay as they are. `None` if links go round in circles.
    pub(super) fn real(&self, path: &str) -> Result<Option<String>> {
        let mut todo: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(component) = todo.pop_front() {
            match component.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(component),
            }
            if let Some(Node::Symlink { target }) = self.node(&done.join("/"))? {
                links += 1;
                if links > LINKS {
                    return Ok(None);
                }
                done.pop();
                if target.starts_with('/') {
                    done.clear();
                }
                for part in target.split('/').rev() {
                    todo.push_front(part.to_owned());
                }
            }
        }
        Ok(Some(done.join("/")))
    }

    /// The paths that a pattern names, in order.
    pub(super) fn find(&self, pattern: &str) -> Result<Vec<String>> {
        let mut found = vec![String::new()];
        for component in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
            let mut next = Vec::new();
            for parent in &found {
                let join = |name: &str| {
                    if parent.is_empty() {
                        name.to_owned()
                    } else {
                        format!("{parent}/{name}")
                    }
                };
                if glob::is_pattern(component) {
                    let Some(real) = self.real(parent)? else { continue };
                    let children = self.children(&real)?;
                    next.extend(
                        children
                            .iter()
                            .filter(|name| glob::matches(component, name))
                            .map(|name| join(name)),
                    );
                } else {
                    next.push(join(component));
                }
            }
            found = next;
        }
        let mut there = Vec::new();
        for path in found {
            if let Some(real) = self.real(&path)?
                && self.node(&real)?.is_some()
            {
                there.push(path);
            }
        }
        Ok(there)
    }

    /// Mode and owner that a file of the directory gets in the image.
    fn facts(&self, metadata: &fs::Metadata) -> (u32, (u32, u32)) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            if self.image {
                // Without root, owners could not be kept when the image was unpacked.
                if !rustix::process::geteuid().is_root() {
                    return (metadata.mode() & 0o777, (0, 0));
                }
                return (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
            }
            let executable = metadata.is_dir() || metadata.mode() & 0o111 != 0;
            (if executable { 0o755 } else { 0o644 }, (0, 0))
        }
        #[cfg(not(unix))]
        {
            // Windows knows no executable files; what is built there must still start.
            let _ = (metadata, self.image);
            (0o755, (0, 0))
        }
    }
}

/// A directory that is given to a stage, or an image unpacked for a while.
#[derive(Clone, Debug)]
pub(super) enum Root {
    Given(PathBuf),
    Unpacked(Rc<tempfile::TempDir>),
}

impl Root {
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Given(path) => path.clone(),
            Self::Unpacked(directory) => directory.path().join("root"),
        }
    }
}
