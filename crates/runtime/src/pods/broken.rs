//! Pods and jobs whose record cannot be read: a damaged disk, or somebody's hand. They stand in nobody's way, and can be removed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::directory;
use super::shelf::{self, Shelf};
use super::{Control, Held, Pods, PodsError, jobs, record};

/// A pod or a job of which nothing is known but its name.
#[derive(Debug)]
pub struct Broken {
    /// Where what is left of it is.
    pub directory: PathBuf,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Why it cannot be read.
    pub error: PodsError,
    shelf: Shelf,
}

impl Broken {
    /// `NAMESPACE/NAME`, for people.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// `pod` or `job`.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        self.shelf.noun()
    }

    /// Whether a process runs it.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        directory::is_held(&self.directory)
    }

    /// Asks whoever runs it.
    #[must_use]
    pub fn control(&self) -> Control<'_> {
        Control::new(&self.directory, format!("{} {}", self.noun(), self.title()))
    }

    /// Waits until nobody runs it any more, for at most `limit`.
    #[must_use]
    pub fn wait_for_end(&self, limit: Option<Duration>) -> bool {
        directory::wait_until_free(&self.directory, limit)
    }
}

impl Pods {
    /// The pods and jobs that [`list`](Self::list) and [`jobs`](Self::jobs) leave out because their record cannot be read.
    ///
    /// # Errors
    /// A directory of pods or jobs cannot be read.
    pub fn broken(&self) -> Result<Vec<Broken>, PodsError> {
        let mut all = Vec::new();
        for shelf in [Shelf::Pods, Shelf::Jobs] {
            for name in shelf::names(self.state(), shelf)? {
                all.extend(look(shelf, shelf.of(self.state()).join(&name), &name));
            }
        }
        Ok(all)
    }

    /// Those of that name, a pod before a job.
    ///
    /// # Errors
    /// As for [`broken`](Self::broken).
    pub fn find_broken(&self, namespace: &str, name: &str) -> Result<Vec<Broken>, PodsError> {
        let mut all = self.broken()?;
        all.retain(|one| one.namespace == namespace && one.name == name);
        Ok(all)
    }

    /// Removes what is left of one that nobody runs.
    ///
    /// # Errors
    /// Somebody holds it, or something could not be removed.
    pub fn remove_broken(&self, broken: &Broken) -> Result<(), PodsError> {
        directory::take_ended(&broken.directory)?.map_or(Ok(()), Held::remove)
    }
}

fn look(shelf: Shelf, directory: PathBuf, name: &str) -> Option<Broken> {
    let read = |directory: &Path| match shelf {
        Shelf::Pods => record::read(directory).map(drop),
        Shelf::Jobs => jobs::read(directory).map(drop),
    };
    let error = read(&directory).err().filter(PodsError::is_of_one_record)?;
    let (namespace, rest) = name.split_once('_')?;
    let (name, _uid) = rest.split_once('_')?;
    Some(Broken {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        directory,
        error,
        shelf,
    })
}
