//! The files of the workspace, as the editor has them open or as they are on the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use porthole_check::{File, Settings, World};
use porthole_manifest::objects;

use super::position::{Encoding, Lines};
use super::uri;
use crate::verbs::check::config::Config;
use crate::verbs::check::flags::{Cluster, Flags, Told};
use crate::verbs::check::gather;

/// The longest file that is read.
const LONGEST: u64 = 16 << 20;
/// The most files of a folder that are read.
const MOST: usize = 10_000;

/// A document that is open.
pub(super) struct Open {
    pub(super) version: i64,
    /// Whether it has to be checked.
    pub(super) dirty: bool,
}

/// A folder, with its settings.
struct Folder {
    path: PathBuf,
    config: Config,
    cluster: Cluster,
}

/// The files.
pub(super) struct Workspace {
    flags: Flags,
    folders: Vec<Folder>,
    /// By their URIs.
    pub(super) open: BTreeMap<String, Open>,
    files: Vec<File>,
    /// The URIs of `files`.
    uris: Vec<String>,
}

impl Workspace {
    pub(super) const fn new(flags: Flags) -> Self {
        Self {
            flags,
            folders: Vec::new(),
            open: BTreeMap::new(),
            files: Vec::new(),
            uris: Vec::new(),
        }
    }

    /// Adds a folder and reads its files. What its settings lack is told.
    pub(super) fn add_folder(&mut self, path: &Path) -> Option<String> {
        let mut told = None;
        let config = Config::of_directory(path).unwrap_or_else(|failure| {
            told = Some(failure.to_string());
            Config::default()
        });
        let cluster = self
            .flags
            .cluster(&config, Told::default())
            .unwrap_or_else(|failure| {
                told = Some(failure.to_string());
                Cluster::default()
            });
        for path in gather::manifests(path, &config).into_iter().take(MOST) {
            self.reload(&path);
        }
        self.folders.push(Folder {
            path: path.to_owned(),
            config,
            cluster,
        });
        self.all_dirty();
        told
    }

    /// Takes a folder away, with its files that are not open.
    pub(super) fn remove_folder(&mut self, path: &Path) {
        self.folders.retain(|folder| folder.path != path);
        let gone: Vec<String> = self
            .uris
            .iter()
            .filter(|uri| uri::to_path(uri).is_some_and(|file| file.starts_with(path)))
            .filter(|uri| !self.open.contains_key(*uri))
            .cloned()
            .collect();
        for uri in &gone {
            self.forget(uri);
        }
        self.all_dirty();
    }

    /// Reads settings and files anew.
    pub(super) fn again(&mut self) -> Vec<String> {
        let folders: Vec<PathBuf> = self.folders.drain(..).map(|folder| folder.path).collect();
        folders.iter().filter_map(|path| self.add_folder(path)).collect()
    }

    /// Reads a file of the disk anew, unless the editor has it open.
    pub(super) fn reload(&mut self, path: &Path) {
        let uri = uri::of_path(path);
        if self.open.contains_key(&uri) {
            return;
        }
        let short =
            std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LONGEST);
        match short.then(|| std::fs::read_to_string(path).ok()).flatten() {
            Some(text) => self.put(&uri, text),
            None => self.forget(&uri),
        }
    }

    /// Takes over what the editor has.
    pub(super) fn edit(&mut self, uri: &str, version: i64, text: String) {
        let open = Open { version, dirty: true };
        self.open.insert(uri.to_owned(), open);
        self.put(uri, text);
    }

    /// A document is closed: the file of the disk counts again.
    pub(super) fn close(&mut self, uri: &str) {
        self.open.remove(uri);
        match uri::to_path(uri) {
            Some(path) if self.folder(&path).is_some() => self.reload(&path),
            _ => self.forget(uri),
        }
    }

    pub(super) fn file(&self, uri: &str) -> Option<&File> {
        let place = self.uris.iter().position(|known| known == uri)?;
        self.files.get(place)
    }

    /// The text after the changes of a notification; nothing where they do not fit it.
    pub(super) fn changed(
        &self,
        uri: &str,
        changes: &serde_json::Value,
        encoding: Encoding,
    ) -> Option<String> {
        let mut text = self.file(uri)?.source.text().to_owned();
        for change in changes.as_array()? {
            let new = change["text"].as_str()?;
            if change["range"].is_null() {
                new.clone_into(&mut text);
            } else {
                let (start, end) = Lines::of(&text, encoding).span(&change["range"])?;
                text.replace_range(start..end, new);
            }
        }
        Some(text)
    }

    /// What is asked of a file.
    pub(super) fn settings(&self, uri: &str) -> Settings {
        let path = uri::to_path(uri).unwrap_or_default();
        match self.folder(&path) {
            Some(folder) => {
                let asked = folder.config.asked_of(&path.to_string_lossy());
                self.flags.settings(&asked, &folder.cluster)
            }
            None => self
                .flags
                .settings(Config::default().asked(), &Cluster::default()),
        }
    }

    pub(super) fn world<'a>(&'a self, settings: &'a Settings) -> World<'a> {
        World::of(&self.files, settings)
    }

    fn folder(&self, path: &Path) -> Option<&Folder> {
        let folders = self
            .folders
            .iter()
            .filter(|folder| path.starts_with(&folder.path));
        folders.max_by_key(|folder| folder.path.as_os_str().len())
    }

    fn put(&mut self, uri: &str, text: String) {
        let name = uri::to_path(uri).map_or_else(|| uri.to_owned(), |path| path.display().to_string());
        let file = File::parse(name, text);
        let mut others = describes_others(&file);
        if let Some(place) = self.uris.iter().position(|known| known == uri) {
            others |= self.files.get(place).is_some_and(describes_others);
            if let Some(old) = self.files.get_mut(place) {
                *old = file;
            }
        } else {
            self.uris.push(uri.to_owned());
            self.files.push(file);
        }
        if others {
            self.all_dirty();
        }
    }

    fn forget(&mut self, uri: &str) {
        if let Some(place) = self.uris.iter().position(|known| known == uri) {
            self.uris.remove(place);
            if describes_others(&self.files.remove(place)) {
                self.all_dirty();
            }
        }
    }

    fn all_dirty(&mut self) {
        self.open.values_mut().for_each(|open| open.dirty = true);
    }
}

/// Whether a file has objects on which the verdict on others hangs.
fn describes_others(file: &File) -> bool {
    let mut objects = file.stream.documents.iter().flat_map(objects);
    objects.any(|object| porthole_manifest::pod_template(&object).is_none() || object.kind == Some("Pod"))
}
