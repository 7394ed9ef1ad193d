//! Jobs on disk: `<state>/jobs/<namespace>_<name>_<uid>/` with `lock`, `job.json`, `status.json`, `ended` and `control`, as of
//! a pod. The job's pods are where all pods are; their records name the job. So a job is found while none of its pods runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::directory::{self, Found};
use super::shelf::{self, Shelf};
use super::{Control, Held, JobStatus, Origin, Pod, Pods, PodsError, Repaired, STATUS, files};
use crate::clock::Timestamp;
use crate::job::{JobPlan, Rules};
use crate::plan::PodIdentity;

const RECORD: &str = "job.json";
const VERSION: u32 = 1;

/// What a job is, and where it came from. Written once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRecord {
    version: u32,
    /// Which job.
    pub identity: PodIdentity,
    /// How many pods, and when it is given up.
    pub rules: Rules,
    /// How long its pods have between being asked to stop and being killed.
    pub grace: Duration,
    /// The object as it was given.
    pub manifest: Value,
    /// What made it: itself, or a `CronJob`.
    pub origin: Origin,
    /// The files it was read from; see [`Record::files`](super::Record::files).
    pub files: Vec<String>,
    /// When it was made.
    pub created: SystemTime,
    /// Whether it has a supervisor, and outlives the command that made it.
    pub detached: bool,
}

impl JobRecord {
    /// The record of a job that is made now.
    #[must_use]
    pub fn new(plan: &JobPlan, manifest: Value, origin: Origin, files: Vec<String>, detached: bool) -> Self {
        Self {
            version: VERSION,
            identity: plan.identity(),
            rules: plan.rules.clone(),
            grace: plan.template.grace,
            manifest,
            origin,
            files,
            created: SystemTime::now(),
            detached,
        }
    }
}

/// A job that was made on this host, and may have ended.
#[derive(Clone, Debug)]
pub struct HostJob {
    /// Where its record is.
    pub directory: PathBuf,
    /// What it is.
    pub record: JobRecord,
}

impl HostJob {
    /// `NAMESPACE/NAME`, for people.
    #[must_use]
    pub fn title(&self) -> String {
        directory::title(&self.record.identity)
    }

    /// How it does; nothing as long as it is only being started.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn status(&self) -> Result<JobStatus, PodsError> {
        files::read_json(&self.directory.join(STATUS)).map(Option::unwrap_or_default)
    }

    /// Whether a process runs it.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        directory::is_held(&self.directory)
    }

    /// Asks whoever runs it.
    #[must_use]
    pub fn control(&self) -> Control<'_> {
        Control::new(&self.directory, format!("job {}", self.title()))
    }

    /// Waits until nobody runs it any more, for at most `limit`.
    #[must_use]
    pub fn wait_for_end(&self, limit: Option<Duration>) -> bool {
        directory::wait_until_free(&self.directory, limit)
    }

    /// Whether a pod is one of its.
    #[must_use]
    pub fn made(&self, pod: &Pod) -> bool {
        pod.record.job.as_ref() == Some(&self.record.identity.uid)
    }
}

impl Pods {
    /// All jobs in the order of their names, ended ones too; see [`list`](Self::list).
    ///
    /// # Errors
    /// As for [`list`](Self::list).
    pub fn jobs(&self) -> Result<Vec<HostJob>, PodsError> {
        let mut jobs = Vec::new();
        for name in shelf::names(self.state(), Shelf::Jobs)? {
            let directory = Shelf::Jobs.of(self.state()).join(name);
            match read(&directory) {
                Ok(record) => jobs.extend(record.map(|record| HostJob { directory, record })),
                Err(PodsError::NewerRecord { .. }) => {}
                Err(error) if error.is_of_one_record() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(jobs)
    }

    /// The job of that name.
    ///
    /// # Errors
    /// As for [`list`](Self::list).
    pub fn find_job(&self, namespace: &str, name: &str) -> Result<Option<HostJob>, PodsError> {
        let found = self.jobs()?.into_iter().find(|job| {
            let identity = &job.record.identity;
            identity.namespace == namespace && identity.name == name
        });
        Ok(found)
    }

    /// Takes the name of a job; see [`claim`](Self::claim). Jobs and pods do not take names from each other.
    ///
    /// # Errors
    /// As for [`claim`](Self::claim).
    pub fn claim_job(&self, identity: &PodIdentity) -> Result<Held, PodsError> {
        directory::claim(self.state(), Shelf::Jobs, identity)
    }

    /// Removes the ended jobs whose `ttlSecondsAfterFinished` has passed, with what their pods have left. Returns which.
    ///
    /// # Errors
    /// As for [`list`](Self::list), or something could not be removed.
    pub fn expire_jobs(&self, now: Timestamp) -> Result<Vec<String>, PodsError> {
        let mut expired = Vec::new();
        for job in self.jobs()? {
            let Some(ttl) = job
                .record
                .rules
                .ttl
                .filter(|_| directory::has_ended(&job.directory))
            else {
                continue;
            };
            // One whose status cannot be read stays until it is removed by hand.
            let ended = job.status().ok().and_then(|status| status.ended());
            let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
            let over = ended.map(|ended| ended.unix().saturating_add(ttl));
            if over.is_some_and(|over| over <= now.unix()) {
                self.remove_job(&job)?;
                expired.push(job.title());
            }
        }
        Ok(expired)
    }

    /// Removes an ended job and what its pods have left.
    ///
    /// # Errors
    /// Somebody holds it or one of its pods, or something could not be removed.
    pub fn remove_job(&self, job: &HostJob) -> Result<(), PodsError> {
        for pod in self.list()?.iter().filter(|pod| job.made(pod)) {
            self.remove(pod)?;
        }
        directory::take_ended(&job.directory)?.map_or(Ok(()), Held::remove)
    }
}

/// Sees to a job whose holder died: it says that it is lost; one that never came to run, or ran in the foreground, is removed.
/// Its pods are seen to as all pods are.
pub(super) fn repair(state: &Path, job: &Path, repaired: &mut Repaired) -> Result<(), PodsError> {
    if directory::has_ended(job) {
        return after_power_failure(job, repaired);
    }
    if !matches!(directory::take_over(job)?, Found::Dead(_)) {
        return Ok(());
    }
    // It may be in the making: asked again when nobody makes one.
    let _names = directory::lock_names(state)?;
    let Found::Dead(held) = directory::take_over(job)? else {
        return Ok(());
    };
    let record = match read(job) {
        Err(PodsError::Unreadable { .. }) => None,
        record => record?,
    };
    let status: Option<JobStatus> = files::read_json(&job.join(STATUS)).unwrap_or_default();
    let (Some(record), Some(mut status), true) = (record, status, directory::has_lock(job)) else {
        return held.remove();
    };
    if !record.detached {
        return held.remove();
    }
    if !status.is_over() {
        status.lose();
        held.status(&status)?;
        repaired.lost_jobs.push(directory::title(&record.identity));
    }
    held.end()
}

/// As for a pod: an ended job whose record has no contents is nothing any more, and one whose status has none is lost.
fn after_power_failure(job: &Path, repaired: &mut Repaired) -> Result<(), PodsError> {
    // Without one it is half removed: whoever removed it died.
    let no_record = files::is_torn(&path(job)) || super::repair::is_missing(&path(job));
    if !no_record && !files::is_torn(&job.join(STATUS)) {
        return Ok(());
    }
    let Found::Ended(held) = directory::take_over(job)? else {
        return Ok(());
    };
    if no_record {
        return held.remove();
    }
    if let Some(record) = read(job)? {
        let mut status = JobStatus::default();
        status.lose();
        held.status(&status)?;
        repaired.lost_jobs.push(directory::title(&record.identity));
    }
    Ok(())
}

/// The record in a job's directory; nothing where there is none.
pub(super) fn read(directory: &Path) -> Result<Option<JobRecord>, PodsError> {
    super::record::read_versioned(directory, &path(directory), VERSION)
}

/// Writes the record: from now on the job is seen.
pub(super) fn write(directory: &Path, record: &JobRecord) -> Result<(), PodsError> {
    super::record::write_to(path(directory), record)
}

/// Where a job's record is.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(RECORD)
}
