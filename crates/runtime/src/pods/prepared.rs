//! The volumes of a pod in a directory that its holder has: made before its life, removed after it.

use std::path::PathBuf;

use crate::life::{LifeError, LifeHandle, PodPlan};
use crate::status::EVICTED;
use crate::volumes::{self, PERIOD, VolumeError, Watch};

/// Volumes that are made, and measured where they have a limit.
#[derive(Debug)]
pub struct Prepared {
    directory: PathBuf,
    watch: Option<Watch>,
}

impl Prepared {
    /// Makes the volumes of a pod, and takes them out of its plan: what Secrets hold is where it is mounted from then, and no
    /// more in memory.
    ///
    /// # Errors
    /// A volume cannot be had, or the system gives no thread to measure one. What was made goes with the pod's directory.
    pub fn make(plan: &mut PodPlan, life: LifeHandle) -> Result<Self, LifeError> {
        let volumes = std::mem::take(&mut plan.volumes);
        volumes::make(&volumes, &plan.directory)?;
        let evict = move |message: String| life.evict(EVICTED, &message);
        let watch = Watch::start(&volumes, PERIOD, evict).map_err(LifeError::Watch)?;
        Ok(Self {
            directory: plan.directory.clone(),
            watch: Some(watch),
        })
    }

    /// Removes them.
    ///
    /// # Errors
    /// Something could not be removed.
    pub fn remove(mut self) -> Result<(), VolumeError> {
        drop(self.watch.take());
        volumes::remove(&self.directory)
    }
}
