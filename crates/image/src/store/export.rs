//! Images out of the store, as layout directories and tar archives.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::Store;
use crate::error::During as _;
use crate::oci::{Descriptor, Index, LAYOUT};
use crate::tar::{Facts, Writer};
use crate::work::{self, Work};
use crate::{Digest, Error, Result};

impl Store {
    /// Writes a layout: a tar archive if `path` ends in `.tar`, else a directory. An existing file is replaced, an
    /// existing directory must be a layout, and loses the blobs that it no longer needs. The same images are the
    /// same bytes.
    pub(crate) fn export(&self, targets: &[Descriptor], path: &Path) -> Result<()> {
        let mut blobs = BTreeMap::new();
        for target in targets {
            self.closure(target, &mut blobs)?;
        }
        let index = serde_json::to_vec(&Index::new(targets.to_vec())).map_err(|source| Error::Document {
            what: "index.json".to_owned(),
            source,
        })?;
        let parent = work::parent(path);
        fs::create_dir_all(parent).during("create directory", parent)?;
        if path.extension().is_some_and(|extension| extension == "tar") {
            self.export_archive(&blobs, &index, path, parent)
        } else {
            self.export_directory(&blobs, &index, path)
        }
    }

    /// All blobs of an image.
    fn closure(&self, target: &Descriptor, blobs: &mut BTreeMap<Digest, Descriptor>) -> Result<()> {
        let mut add = |descriptor: &Descriptor| blobs.insert(descriptor.digest.clone(), descriptor.clone());
        add(target);
        for manifest in self.manifests(target)? {
            add(&manifest);
            let document = self.manifest(&manifest)?;
            add(&document.config);
            document.layers.iter().for_each(|layer| drop(add(layer)));
        }
        Ok(())
    }

    fn export_archive(
        &self,
        blobs: &BTreeMap<Digest, Descriptor>,
        index: &[u8],
        path: &Path,
        parent: &Path,
    ) -> Result<()> {
        let work = Work::within(parent)?;
        let temporary = work.path().join("archive");
        let file = File::create_new(&temporary).during("create", &temporary)?;
        let mut tar = Writer::new(BufWriter::with_capacity(1 << 18, file));
        let mut write = |name: &str, size: u64, content: &mut dyn io::Read| {
            let facts = if name.ends_with('/') {
                Facts::directory(0o755)
            } else {
                Facts::file(0o644, size)
            };
            tar.entry(name.trim_end_matches('/'), &facts, content)
                .during("write", path)
        };
        write("blobs/", 0, &mut io::empty())?;
        write("blobs/sha256/", 0, &mut io::empty())?;
        for descriptor in blobs.values() {
            let mut file = self.open_blob(descriptor)?;
            write(
                &format!("blobs/sha256/{}", descriptor.digest.hex()),
                descriptor.size,
                &mut file,
            )?;
        }
        write("index.json", index.len() as u64, &mut &index[..])?;
        write("oci-layout", LAYOUT.len() as u64, &mut LAYOUT.as_bytes())?;
        let buffered = tar.finish().during("write", path)?;
        let file = buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .during("write", path)?;
        file.sync_all().during("sync", path)?;
        drop(file);
        fs::rename(&temporary, path).during("create", path)
    }

    fn export_directory(
        &self,
        blobs: &BTreeMap<Digest, Descriptor>,
        index: &[u8],
        path: &Path,
    ) -> Result<()> {
        // Work in progress may be another process's, or what is left of one.
        let occupied = fs::read_dir(path).is_ok_and(|mut entries| {
            entries.any(|entry| {
                entry.map_or(true, |entry| {
                    !entry
                        .file_name()
                        .as_encoded_bytes()
                        .starts_with(work::PREFIX.as_bytes())
                })
            })
        });
        if occupied && !path.join("oci-layout").is_file() {
            return Err(Error::NotEmpty {
                path: path.to_owned(),
            });
        }
        fs::create_dir_all(path).during("create directory", path)?;
        let work = Work::within(path)?;
        let temporary = work.path().join("file");
        // First, so that what remains of a process that is killed now is known for a layout and can be completed.
        replace(&temporary, &path.join("oci-layout"), |file| {
            file.write_all(LAYOUT.as_bytes())
        })?;
        let directory = path.join("blobs/sha256");
        fs::create_dir_all(&directory).during("create directory", &directory)?;
        for descriptor in blobs.values() {
            let target = directory.join(descriptor.digest.hex());
            if target
                .metadata()
                .is_ok_and(|known| known.len() == descriptor.size)
            {
                continue;
            }
            let mut source = self.open_blob(descriptor)?;
            replace(&temporary, &target, |file| io::copy(&mut source, file).map(drop))?;
        }
        replace(&temporary, &path.join("index.json"), |file| file.write_all(index))?;
        for entry in fs::read_dir(&directory).during("read directory", &directory)? {
            let entry = entry.during("read directory", &directory)?;
            let name = entry.file_name();
            let needed = name
                .to_str()
                .is_some_and(|name| blobs.keys().any(|digest| digest.hex() == name));
            if !needed {
                fs::remove_file(entry.path()).during("remove", &entry.path())?;
            }
        }
        Ok(())
    }
}

/// Writes a file under another name and renames it into its place.
fn replace(temporary: &Path, path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let mut file = File::create(temporary).during("create", temporary)?;
    write(&mut file).during("write", path)?;
    drop(file);
    fs::rename(temporary, path).during("create", path)
}
