//! Pods on disk: which there are on this host, what they are, how they do, and who holds them.
//!
//! ```text
//! <state>/version                               of the state directory; a newer one is left alone
//! <state>/names.lock                            held while a name is given away
//! <state>/pods.roll, jobs.roll                  who of the holders below lives, in one file (Linux)
//! <state>/pods/<namespace>_<name>_<uid>/lock    locked by whoever runs the pod, until it has ended
//!                                      /pod.json     the record: written once
//!                                      /status.json  written anew at each change
//!                                      /ended        is there when the pod came to an end that is written down
//!                                      /control      where the holder listens
//!                                      /volumes  /logs  /termination
//! <state>/jobs/<namespace>_<name>_<uid>/        the same of a job, with job.json for pod.json; its pods are with all others
//! ```
//!
//! Everything that can be read is read from these files, without asking the process that runs the pod. Locks vanish with
//! their process, so a pod whose lock is free and that has not ended belongs to nobody: [`Pods::repair`] sees to it.

mod applied;
mod broken;
mod control;
mod crew;
mod directory;
mod errand;
mod error;
mod files;
mod foreman;
mod job_status;
mod jobs;
mod naming;
mod prepared;
mod record;
mod registration;
mod repair;
mod roll;
mod shelf;
mod supervisor;
mod version;

use std::path::{Path, PathBuf};
use std::time::Duration;

use shelf::Shelf;

use crate::conduct::{ContainerPlan, attempt_id};
use crate::plan::PodIdentity;
use crate::status::{ContainerStatus, PodStatus};

pub use applied::Applied;
pub use broken::Broken;
pub use control::{ANSWER_LIMIT, Answer, Control, ControlError, Request};
pub use crew::supervise_job;
pub use directory::Held;
pub use errand::{Errand, JobOrder, Order};
pub use error::PodsError;
pub use foreman::{JobRegistration, JobStopper};
pub use job_status::{JobCondition, JobStatus, LastFailure};
pub use jobs::{HostJob, JobRecord};
pub(crate) use naming::directory_name;
pub use prepared::Prepared;
pub use record::{Origin, Record, manifest};
pub use registration::Registration;
pub use repair::{Repaired, Seen};
pub use supervisor::{Start, SuperviseError, supervise};
pub use version::{STATE_VERSION, check as check_version};

/// The pods of a state directory.
#[derive(Clone, Debug)]
pub struct Pods {
    state: PathBuf,
}

/// A pod that was made on this host, and may have ended.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Where everything of it is.
    pub directory: PathBuf,
    /// What it is.
    pub record: Record,
}

impl Pods {
    /// The pods of a state directory, which need not be there yet.
    ///
    /// # Errors
    /// A newer porthole has written it: nothing in it is touched then.
    pub fn open(state: &Path) -> Result<Self, PodsError> {
        version::check(state)?;
        Ok(Self {
            state: state.to_owned(),
        })
    }

    /// The state directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// All pods in the order of their names, ended ones too. A pod that is just being made, or removed, is not among them,
    /// nor is one whose record a newer porthole wrote: [`repair`](Self::repair) names those. One whose record cannot be read is
    /// [`broken`](Self::broken).
    ///
    /// # Errors
    /// The directory of the pods cannot be read.
    pub fn list(&self) -> Result<Vec<Pod>, PodsError> {
        let mut pods = Vec::new();
        for name in shelf::names(&self.state, Shelf::Pods)? {
            pods.extend(self.read(&name)?);
        }
        Ok(pods)
    }

    /// The pod of that name.
    ///
    /// # Errors
    /// As for [`list`](Self::list).
    pub fn find(&self, namespace: &str, name: &str) -> Result<Option<Pod>, PodsError> {
        for directory in shelf::names(&self.state, Shelf::Pods)? {
            if naming::is_of(&directory, namespace, name)
                && let Some(pod) = self.read(&directory)?
            {
                return Ok(Some(pod));
            }
        }
        Ok(None)
    }

    /// Takes a name and makes the pod's directory, held by this process from now on. Of several that ask for one name at the
    /// same moment, one gets it.
    ///
    /// # Errors
    /// The name is taken or is none, or the directory cannot be made.
    pub fn claim(&self, identity: &PodIdentity) -> Result<Held, PodsError> {
        directory::claim(&self.state, Shelf::Pods, identity)
    }

    /// Looks which pods and jobs somebody holds.
    ///
    /// # Errors
    /// The directory of the pods or of the jobs cannot be read.
    pub fn look(&self) -> Result<Seen, PodsError> {
        Seen::look(&self.state)
    }

    /// Sees to the pods whose holder had died when they were looked at: their volumes are removed, their status says that they
    /// are lost, and one that never came to run is removed whole. Their containers are the engine's to sweep, and are swept
    /// between the look and this. What could not be repaired is in the answer.
    #[must_use]
    pub fn repair(&self, seen: &Seen) -> Repaired {
        repair::repair(&self.state, seen)
    }

    /// Removes an ended pod with everything of it.
    ///
    /// # Errors
    /// Somebody holds it, or something could not be removed.
    pub fn remove(&self, pod: &Pod) -> Result<(), PodsError> {
        directory::take_ended(&pod.directory)?.map_or(Ok(()), Held::remove)
    }

    fn read(&self, name: &str) -> Result<Option<Pod>, PodsError> {
        let directory = self.state.join("pods").join(name);
        Ok(match record::read(&directory) {
            Ok(record) => record.map(|record| Pod { directory, record }),
            Err(PodsError::NewerRecord { .. }) => None,
            Err(error) if error.is_of_one_record() => None,
            Err(error) => return Err(error),
        })
    }
}

impl Pod {
    /// Which pod.
    #[must_use]
    pub fn identity(&self) -> &PodIdentity {
        &self.record.plan.identity
    }

    /// `NAMESPACE/NAME`, for people.
    #[must_use]
    pub fn title(&self) -> String {
        directory::title(self.identity())
    }

    /// How it does, in Kubernetes' own shape; nothing as long as it is only being started.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn status(&self) -> Result<PodStatus, PodsError> {
        files::read_json(&self.directory.join(STATUS)).map(Option::unwrap_or_default)
    }

    /// Asks whoever runs it.
    #[must_use]
    pub fn control(&self) -> Control<'_> {
        Control::new(&self.directory, format!("pod {}", self.title()))
    }

    /// The process that runs it, where it is known.
    #[must_use]
    pub fn holder(&self) -> Option<u32> {
        directory::holder(&self.directory)
    }

    /// Waits until nobody runs it any more, for at most `limit`. Asks nobody, and notices a holder that is killed.
    #[must_use]
    pub fn wait_for_end(&self, limit: Option<Duration>) -> bool {
        directory::wait_until_free(&self.directory, limit)
    }

    /// Whether a process holds it: it runs, or is being started or stopped.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        directory::is_held(&self.directory)
    }

    /// The plans of its containers, init containers first.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerPlan> {
        let plan = &self.record.plan;
        plan.init_containers.iter().chain(&plan.containers)
    }

    /// A container of it by name; where none is named, the only one beside its init containers.
    ///
    /// # Errors
    /// There is none of that name, or there are several and none is named. The error names them.
    pub fn container(&self, name: Option<&str>) -> Result<&ContainerPlan, PodsError> {
        let found = match name {
            Some(name) => self.containers().find(|one| one.plan.container == name),
            None => match self.record.plan.containers.as_slice() {
                [only] => Some(only),
                _ => None,
            },
        };
        found.ok_or_else(|| PodsError::Container {
            pod: self.title(),
            wanted: name.map(str::to_owned),
            names: self.containers().map(|one| one.plan.container.clone()).collect(),
        })
    }

    /// A container that runs, and the id of the attempt that does.
    ///
    /// # Errors
    /// As for [`container`](Self::container), or it does not run.
    pub fn running(&self, container: Option<&str>) -> Result<(ContainerPlan, String), PodsError> {
        let plan = self.container(container)?;
        let name = &plan.plan.container;
        let status = self.status()?;
        let own = container_status(&status, name).filter(|own| own.state.running.is_some());
        let (Some(own), true) = (own, self.is_alive()) else {
            return Err(PodsError::NotRunning {
                pod: self.title(),
                container: name.clone(),
            });
        };
        let attempt = own.restart_count;
        Ok((plan.clone(), attempt_id(&plan.plan.id, attempt)))
    }

    /// Where the log of a container is: `<attempt>.log` and what was rotated out of it.
    #[must_use]
    pub fn logs_directory(&self, container: &str) -> PathBuf {
        logs_directory(&self.directory, container)
    }
}

/// What a pod's status says of one of its containers.
#[must_use]
pub fn container_status<'a>(status: &'a PodStatus, container: &str) -> Option<&'a ContainerStatus> {
    let mut all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    all.find(|own| own.name == container)
}

/// Where the log of a container is, below its pod's directory.
#[must_use]
pub fn logs_directory(pod: &Path, container: &str) -> PathBuf {
    pod.join("logs").join(container)
}

const STATUS: &str = "status.json";

#[cfg(test)]
mod tests;
