//! One layer to one directory.

use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use super::names::{self, Cases, Mark};
use super::pipeline;
use super::tree::{Attributes, Tree};
use super::{Compression, Expected, Form, Hidden, LayerError, Limits};
use crate::tar::{Entry, Kind, Reader};

/// Unpacks a layer into `target`, which is made, and says what the layer hides. The layer was right in every byte if
/// this succeeds; if it fails, what is left below `target` is for the caller to remove.
///
/// # Errors
/// If the layer is corrupt, refused, or cannot be written.
pub fn layer(
    blob: File,
    compression: Compression,
    expected: &Expected<'_>,
    form: Form,
    target: &Path,
    limits: &Limits,
) -> Result<Hidden, LayerError> {
    let (hidden, digests) = pipeline::run(blob, compression, limits.total, |archive| {
        write(archive, form, target, limits)
    })?;
    if digests.blob != *expected.digest {
        return Err(LayerError::Digest {
            expected: expected.digest.clone(),
            actual: digests.blob,
        });
    }
    if digests.archive != *expected.diff_id {
        return Err(LayerError::DiffId {
            expected: expected.diff_id.clone(),
            actual: digests.archive,
        });
    }
    Ok(hidden)
}

/// Unpacks an archive as [`layer`] does, without digests.
///
/// # Errors
/// If the archive is corrupt, refused, or cannot be written.
pub fn write(
    archive: impl BufRead,
    form: Form,
    target: &Path,
    limits: &Limits,
) -> Result<Hidden, LayerError> {
    let mut writer = Writer {
        tree: Tree::create(target)?,
        form,
        cases: Cases::default(),
        hidden: Hidden::default(),
        limit: limits.hidden,
    };
    let mut reader = Reader::new(archive, limits.tar);
    while let Some(entry) = reader.next_entry()? {
        writer.entry(&entry, &mut reader)?;
        writer.check_limit(writer.tree.implied(), "directories that no entry describes")?;
    }
    reader.drain()?;
    writer.finish()
}

struct Writer {
    tree: Tree,
    form: Form,
    cases: Cases,
    hidden: Hidden,
    limit: usize,
}

impl Writer {
    fn entry<R: BufRead>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<(), LayerError> {
        let Some(components) = self.place(&entry.path)? else {
            return Ok(());
        };
        let refuse = |reason: String| LayerError::entry(&entry.path, reason);
        let mark = components
            .last()
            .map_or(Ok(Mark::Ordinary), |name| names::mark(name))
            .map_err(refuse)?;
        match mark {
            Mark::Ordinary => {}
            Mark::Note => return Ok(()),
            Mark::Opaque => {
                let parent = components[..components.len() - 1].join("/");
                self.hidden.opaque.insert(parent);
                return self.check_limit(self.hidden.opaque.len(), "opaque directories");
            }
            Mark::Whiteout(name) => {
                let mut path = components.clone();
                path.pop();
                path.push(name);
                self.hidden.whiteouts.insert(path.join("/"));
                return self.check_limit(self.hidden.whiteouts.len(), "whiteouts");
            }
        }
        if components.iter().any(|component| component.starts_with(".wh.")) {
            return Err(refuse("is below a whiteout".to_owned()));
        }
        if self.form.windows {
            if entry.kind == Kind::File && names::is_hive(&components) {
                return Ok(());
            }
            self.cases.check(&components).map_err(refuse)?;
        }
        let attributes = Attributes::of(entry, self.form.windows)?;
        match entry.kind {
            Kind::Directory => self.tree.directory(&components, &attributes),
            Kind::File => {
                if components.is_empty() {
                    return Err(refuse("is a file in place of the root directory".to_owned()));
                }
                self.tree.file(&components, &attributes, &mut reader.content())
            }
            Kind::Symlink | Kind::HardLink if components.is_empty() => {
                Err(refuse("is a link in place of the root directory".to_owned()))
            }
            Kind::Symlink if entry.link.is_empty() || entry.link.contains('\0') => {
                Err(refuse("is a symbolic link to nothing".to_owned()))
            }
            Kind::Symlink => self.tree.symlink(&components, &attributes, &entry.link),
            Kind::HardLink => {
                let outside = |reason: String| {
                    LayerError::entry(
                        &entry.path,
                        format!("is a hard link to {:?}, which {reason}", entry.link),
                    )
                };
                let target = self.cut(&entry.link).map_err(outside)?;
                match target {
                    Some(target) if !target.is_empty() && target != components => {
                        self.tree.hard_link(&components, &target, entry)
                    }
                    _ => Err(outside("is no other file of the layer".to_owned())),
                }
            }
            Kind::Special(what) => Err(refuse(format!(
                "is {what}, which no container gets from an image"
            ))),
        }
    }

    fn place<'a>(&self, path: &'a str) -> Result<Option<Vec<&'a str>>, LayerError> {
        self.cut(path).map_err(|reason| LayerError::entry(path, reason))
    }

    /// The components below the layer's root; `None` for what is left out.
    fn cut<'a>(&self, path: &'a str) -> Result<Option<Vec<&'a str>>, String> {
        let components = names::components(path, self.form.windows || cfg!(windows))?;
        if self.form.windows {
            names::windows_place(&components)
        } else {
            Ok(Some(components))
        }
    }

    fn check_limit(&self, count: usize, what: &'static str) -> Result<(), LayerError> {
        if count > self.limit {
            Err(LayerError::Limit {
                what,
                limit: self.limit as u64,
            })
        } else {
            Ok(())
        }
    }

    /// Marks come last: what a layer hides are the layers below, whatever the order of its entries.
    fn finish(mut self) -> Result<Hidden, LayerError> {
        if self.form.overlay {
            for path in &self.hidden.whiteouts {
                self.tree.hide(&split(path))?;
            }
            for path in &self.hidden.opaque {
                self.tree.hide_below(&split(path))?;
            }
        }
        self.hidden.implied = self.tree.finish()?;
        Ok(self.hidden)
    }
}

fn split(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|component| !component.is_empty())
        .collect()
}
