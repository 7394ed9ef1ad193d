//! A job that this process runs, as others see it: its record, its status, and the place where its end is asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::control::{self, Answer, Listening, Request, Respond};
use super::{Held, JobRecord, JobStatus, PodsError};
use crate::clock::Timestamp;
use crate::job::{JobHandle, JobOutcome, PodEnd, Progress};
use crate::life::LifeHandle;

/// Stops a job, and says how its pods are ended, from any thread.
#[derive(Clone, Debug)]
pub struct JobStopper {
    job: JobHandle,
    manner: Arc<Mutex<Manner>>,
}

/// How pods are ended.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Within this time, or their own grace.
    Stop(Option<Duration>),
    Kill,
}

impl JobStopper {
    /// Stops the job of a handle.
    #[must_use]
    pub fn new(job: JobHandle) -> Self {
        Self {
            job,
            manner: Arc::new(Mutex::new(Manner::Stop(None))),
        }
    }

    /// Starts no more pods, and asks those that run to stop within `grace`, or their own. A second stop without a grace kills
    /// them.
    pub fn stop(&self, grace: Option<Duration>) {
        self.wish(Manner::Stop(grace));
    }

    /// Starts no more pods, and kills those that run.
    pub fn kill(&self) {
        self.wish(Manner::Kill);
    }

    fn wish(&self, manner: Manner) {
        *lock(&self.manner) = manner;
        self.job.stop();
    }

    /// Ends one of its pods in the way that was asked for.
    pub fn end(&self, pod: &LifeHandle) {
        match *lock(&self.manner) {
            Manner::Stop(grace) => pod.stop(grace),
            Manner::Kill => pod.kill(),
        }
    }
}

impl Respond for JobStopper {
    fn respond(&self, request: Request) -> Answer {
        match request {
            Request::Ping => {}
            Request::Stop { grace } => self.stop(grace.map(Duration::from_secs)),
            Request::Kill => self.kill(),
            Request::Limits { .. } => {
                return Answer::Refused {
                    reason: "a job has no limits; ask its pods".to_owned(),
                };
            }
        }
        Answer::Done
    }
}

/// A job that this process runs. Dropping it leaves it to a repair, as this process's death would.
#[derive(Debug)]
pub struct JobRegistration(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// Nothing when it is over.
    held: Option<Held>,
    status: JobStatus,
    /// As long as others can ask.
    listening: Option<Listening>,
}

impl JobRegistration {
    /// From now on others see the job, and can ask for its end.
    ///
    /// # Errors
    /// The record cannot be written, or the place to ask cannot be had; then nothing is left of the job.
    pub fn show(held: Held, record: &JobRecord, stopper: JobStopper) -> Result<Self, PodsError> {
        let shown = held.job_record(record).and_then(|()| {
            control::serve(held.directory(), stopper).map_err(|source| PodsError::Io {
                doing: "listen in",
                path: held.directory().to_owned(),
                source,
            })
        });
        match shown {
            Ok(listening) => Ok(Self(Mutex::new(Kept {
                held: Some(held),
                status: JobStatus::default(),
                listening: Some(listening),
            }))),
            Err(error) => {
                held.remove()?;
                Err(error)
            }
        }
    }

    /// The job is that far.
    pub fn progress(&self, progress: &Progress) {
        self.change(|status| status.go_on(progress));
    }

    /// A pod of the job runs.
    pub fn pod_runs(&self) {
        self.change(|status| {
            status
                .start_time
                .get_or_insert_with(|| Timestamp::from(SystemTime::now()));
        });
    }

    /// A pod of the job has ended, or was not started. Why is kept, also where nothing is left of the pod.
    pub fn pod_ended(&self, end: &PodEnd) {
        self.change(|status| status.note_failure(end));
    }

    fn change(&self, change: impl FnOnce(&mut JobStatus)) {
        let mut kept = lock(&self.0);
        change(&mut kept.status);
        // One that has not begun is not seen to.
        if let (Some(held), Some(_)) = (&kept.held, kept.status.start_time) {
            // A full disk costs others the sight of it; the next change is written again.
            let _ = held.status(&kept.status);
        }
    }

    /// The job has ended: its record and last status stay.
    ///
    /// # Errors
    /// The end cannot be noted.
    pub fn end(&self, outcome: &JobOutcome) -> Result<(), PodsError> {
        let mut kept = lock(&self.0);
        kept.listening = None;
        let Some(held) = kept.held.take() else {
            return Ok(());
        };
        kept.status.finish(outcome);
        held.status(&kept.status)?;
        held.end()
    }

    /// The job has ended, and nothing of it stays.
    ///
    /// # Errors
    /// Something could not be removed.
    pub fn remove(&self) -> Result<(), PodsError> {
        let mut kept = lock(&self.0);
        kept.listening = None;
        kept.held.take().map_or(Ok(()), Held::remove)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
