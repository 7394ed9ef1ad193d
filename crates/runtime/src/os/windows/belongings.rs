//! What was made for a container, and how it is removed: by undo, by delete, and by a later sweep alike.

use std::fs;
use std::io::{self, Read as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::{CreateError, DeleteError};
use crate::fault;
use crate::state::{ClaimError, Held, State};

use super::api::{Api, Handle};
use super::directories::{self, Directories};
use super::{security, users};

/// What has to be removed after a container; written before it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Journal {
    /// A temporary account.
    #[serde(default)]
    account: Option<String>,
    /// The rootfs.
    #[serde(default)]
    tree: Option<String>,
    /// Directories of the host, the highest first.
    #[serde(default)]
    directories: Vec<String>,
}

/// The file in a container's directory that tells others about its first process. The journal is no place for it: Windows
/// lets nobody read a file that is locked.
const FIRST: &str = "process";

/// How often what is above a rootfs is made that others take away.
const ATTEMPTS: u32 = 10;

/// A file of [`First`] is shorter.
const LONGEST: u64 = 4096;

/// A container's first process: the program, or in a silo the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct First {
    /// Its process id, which is only ever used after it was found in the container's job.
    pub(super) process: u32,
    /// Whether the job is a silo.
    pub(super) silo: bool,
}

impl First {
    /// What the holder of a container has noted; `None` if nothing was started.
    pub(super) fn read(state: &State, id: &str) -> Option<Self> {
        let file = fs::File::open(state.directory(id).join(FIRST)).ok()?;
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// What was made for one container. Whoever has it holds the container.
pub(super) struct Belongings {
    api: Arc<dyn Api>,
    directories: Directories,
    /// `None` once everything is removed.
    held: Option<Held>,
    journal: Journal,
    /// What nobody may move while the container is there.
    open: Vec<Handle>,
}

impl Belongings {
    /// Takes the id; nothing has been made yet.
    pub(super) fn claim(api: Arc<dyn Api>, state: &State, id: &str) -> Result<Self, CreateError> {
        let held = state.claim(id).map_err(|error| match error {
            ClaimError::Io { path, source } => CreateError::Io {
                doing: format!("write state directory {}", path.display()),
                source,
            },
            error @ ClaimError::InUse { .. } => CreateError::Host {
                doing: format!("claim container id `{id}`"),
                reason: error.to_string(),
            },
        })?;
        let mut belongings = Self::of(api, state, held);
        belongings.load().map_err(|source| CreateError::Io {
            doing: format!("read the journal of container `{id}`"),
            source,
        })?;
        // What a dead holder of the same id left comes first.
        belongings.remove_things().map_err(|error| CreateError::Io {
            doing: format!("remove {} of an earlier container `{id}`", error.what),
            source: error.source,
        })?;
        Ok(belongings)
    }

    /// Takes over what a dead holder left behind; `None` if somebody holds it.
    pub(super) fn take_over(api: Arc<dyn Api>, state: &State, id: &str) -> io::Result<Option<Self>> {
        let Some(held) = state.take_over(id)? else {
            return Ok(None);
        };
        let mut belongings = Self::of(api, state, held);
        belongings.load()?;
        Ok(Some(belongings))
    }

    fn of(api: Arc<dyn Api>, state: &State, held: Held) -> Self {
        Self {
            api,
            directories: Directories::new(state.claims("directories")),
            held: Some(held),
            journal: Journal::default(),
            open: Vec::new(),
        }
    }

    /// Keeps handles open until the container is removed.
    pub(super) fn keep_open(&mut self, handles: impl IntoIterator<Item = Handle>) {
        self.open.extend(handles);
    }

    fn load(&mut self) -> io::Result<()> {
        if let Some(held) = &mut self.held {
            self.journal = held.read()?.unwrap_or_default();
        }
        Ok(())
    }

    fn held(&mut self) -> Result<&mut Held, CreateError> {
        self.held.as_mut().ok_or_else(|| CreateError::Host {
            doing: "write the journal".to_owned(),
            reason: "the container has been removed".to_owned(),
        })
    }

    fn write(&mut self) -> Result<(), CreateError> {
        let journal = self.journal.clone();
        let held = self.held()?;
        held.write(&journal).map_err(|source| CreateError::Io {
            doing: format!("write the journal in {}", held.directory().display()),
            source,
        })
    }

    /// The container's own directory below the state directory, as Windows text.
    pub(super) fn directory(&mut self) -> Result<String, CreateError> {
        let held = self.held()?;
        super::directories::text(held.directory()).map_err(|source| CreateError::Io {
            doing: "name the container's directory".to_owned(),
            source,
        })
    }

    /// Makes a directory of the host, with its parents, for as long as containers need it.
    pub(super) fn need_directory(&mut self, directory: &str, own: &str) -> Result<(), CreateError> {
        let needed = self.directories.needed(&*self.api, directory);
        if needed.is_empty() {
            return Ok(());
        }
        for directory in &needed {
            if !self.journal.directories.contains(directory) {
                self.journal.directories.push(directory.clone());
            }
        }
        self.write()?;
        let id = self.held()?.id().to_owned();
        for directory in &needed {
            self.directories
                .acquire(&*self.api, directory, &id, &security::shared(own))
                .map_err(|source| CreateError::Io {
                    doing: format!("make directory `{directory}`"),
                    source,
                })?;
        }
        Ok(())
    }

    /// Makes the directory of the rootfs at a place of the host's, and what is above it. A porthole of another state directory removes
    /// that when it needs it no longer: then it is made once more.
    pub(super) fn make_tree_of_host(&mut self, path: &str, own: &str, sddl: &str) -> Result<(), CreateError> {
        let mut attempts = 1;
        loop {
            let made = self.need_parent(path, own).and_then(|()| {
                fault::step("rootfs");
                self.make_tree(path, sddl)
            });
            let is_gone = |error: &CreateError| matches!(error, CreateError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound);
            match made {
                Err(error) if attempts < ATTEMPTS && is_gone(&error) => attempts += 1,
                made => return made,
            }
        }
    }

    fn need_parent(&mut self, path: &str, own: &str) -> Result<(), CreateError> {
        let Some(directory) = directories::parent(path) else {
            return Ok(());
        };
        self.need_directory(directory, own)?;
        security::check(&*self.api, directory, own)
    }

    /// Makes the directory of the rootfs with this security descriptor.
    pub(super) fn make_tree(&mut self, path: &str, sddl: &str) -> Result<(), CreateError> {
        if self.api.is_directory(path) {
            return Err(CreateError::Host {
                doing: format!("make the rootfs `{path}`"),
                reason: "the directory is there already and was not made by porthole; move it away"
                    .to_owned(),
            });
        }
        self.journal.tree = Some(path.to_owned());
        self.write()?;
        self.api.create_private_directory(path, sddl).map_err(|source| {
            // Whatever comes to be there is another's. Where this cannot be written either, nothing is there to be removed yet.
            self.journal.tree = None;
            let _ = self.write();
            CreateError::Io {
                doing: format!("make the rootfs `{path}`"),
                source,
            }
        })
    }

    /// Writes down the name of a temporary account that is about to be made.
    pub(super) fn expect_account(&mut self, name: &str) -> Result<(), CreateError> {
        self.journal.account = Some(name.to_owned());
        self.write()
    }

    /// Notes the first process, under a name that is there as a whole or not at all.
    pub(super) fn started(&mut self, first: First) -> io::Result<()> {
        let Some(held) = &self.held else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let new = held.directory().join("process.new");
        fs::write(&new, serde_json::to_vec(&first)?)?;
        fs::rename(new, held.directory().join(FIRST))
    }

    /// Removes everything, the journal last. What failed stays in the journal. Idempotent.
    pub(super) fn remove(&mut self) -> Result<(), DeleteError> {
        self.open.clear();
        if self.held.is_none() {
            return Ok(());
        }
        self.remove_things()?;
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        let id = held.id().to_owned();
        let directory = held.directory().to_owned();
        let failed = |source| DeleteError {
            id: id.clone(),
            what: format!("directory `{}`", directory.display()),
            source,
        };
        // The journal is open, and Windows keeps the name of an open file until it is closed: the directory itself
        // goes after that.
        match held.remove() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) => return Err(failed(error)),
        }
        drop(held);
        match fs::remove_dir(&directory) {
            // Another process has taken the id over in between.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
                ) =>
            {
                Ok(())
            }
            removed => removed.map_err(failed),
        }
    }

    /// Removes what the journal names; goes on after a failure and reports the first.
    fn remove_things(&mut self) -> Result<(), DeleteError> {
        let Some(held) = &mut self.held else { return Ok(()) };
        let id = held.id().to_owned();
        let notes = ["process.new", FIRST].map(|name| held.directory().join(name));
        let mut first = None;
        let mut failed = |what: String, source: io::Error| {
            first.get_or_insert(DeleteError {
                id: id.clone(),
                what,
                source,
            });
        };
        for note in notes {
            match fs::remove_file(&note) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    failed(format!("`{}`", note.display()), error);
                }
                _ => {}
            }
        }
        let mut left = Journal::default();
        if let Some(tree) = self.journal.tree.take()
            && let Err(error) = self.api.remove_tree(&tree)
        {
            failed(format!("rootfs `{tree}`"), error);
            left.tree = Some(tree);
        }
        for directory in self.journal.directories.drain(..).rev() {
            if let Err(error) = self.directories.release(&*self.api, &directory, &id) {
                failed(format!("directory `{directory}`"), error);
                left.directories.insert(0, directory);
            }
        }
        if let Some(account) = self.journal.account.take()
            && let Err(error) = users::remove(&*self.api, &account)
        {
            failed(format!("account `{account}`"), error);
            left.account = Some(account);
        }
        if left != Journal::default() {
            // The journal as it was names no less than what is left.
            let _ = held.write(&left);
            self.journal = left;
        }
        first.map_or(Ok(()), Err)
    }
}

impl Drop for Belongings {
    fn drop(&mut self) {
        // An undo that fails is finished by the next sweep: the journal is still there.
        let _ = self.remove();
    }
}
