//! The limits that were put on containers of a pod that runs, since its record was written.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use super::{Pod, PodsError, files};
use crate::lock;
use crate::plan::Limits;

const APPLIED: &str = "limits.json";
const LOCK: &str = "limits.lock";

/// The limits of a pod's containers, held so that nobody else changes them meanwhile.
#[derive(Debug)]
pub struct Applied<'a> {
    pod: &'a Pod,
    limits: BTreeMap<String, Limits>,
    _lock: File,
}

impl Pod {
    /// Takes the limits of the pod's containers, to change them.
    ///
    /// # Errors
    /// Somebody else keeps them, or they cannot be read.
    pub fn limits(&self) -> Result<Applied<'_>, PodsError> {
        let path = self.directory.join(LOCK);
        let lock = lock::take(&path).map_err(|source| PodsError::Io {
            doing: "wait for others who change limits of the pod at",
            path,
            source,
        })?;
        let limits = files::read_json(&self.directory.join(APPLIED))?.unwrap_or_default();
        Ok(Applied {
            pod: self,
            limits,
            _lock: lock,
        })
    }
}

impl Applied<'_> {
    /// What a container was limited to last: by an update, else by its plan.
    #[must_use]
    pub fn of(&self, container: &str) -> Limits {
        let planned = || {
            let mut all = self.pod.containers();
            let found = all.find(|one| one.plan.container == container);
            found.map(|one| one.plan.limits.clone()).unwrap_or_default()
        };
        self.limits.get(container).cloned().unwrap_or_else(planned)
    }

    /// Notes what a container is limited to now.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&mut self, container: &str, limits: Limits) -> Result<(), PodsError> {
        self.limits.insert(container.to_owned(), limits);
        let path: &Path = &self.pod.directory.join(APPLIED);
        let text = serde_json::to_vec(&self.limits).map_err(std::io::Error::from);
        text.and_then(|text| files::replace(path, &text))
            .map_err(|source| PodsError::Io {
                doing: "write the limits of the pod to",
                path: path.to_owned(),
                source,
            })
    }
}
