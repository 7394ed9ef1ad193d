//! A pod that this process runs, as others see it: its record, its status, and the place where it is asked.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::control::{self, Listening};
use super::{Held, PodsError, Record};
use crate::fault;
use crate::life::LifeHandle;
use crate::status::PodStatus;

/// How long a pod lives before others see it that is shown [beside](Registration::show_beside) its start: nobody misses it by
/// then, and what is written for others does not delay its start.
const UNSEEN: Duration = Duration::from_millis(5);

/// A pod that this process runs. Dropping it leaves it to a repair, as this process's death would.
#[derive(Debug)]
pub struct Registration(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<Kept>,
    /// The pod is no longer held.
    over: Condvar,
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is held; nobody is listened to from now on.
    fn take(&self, kept: &mut Kept) -> Option<Held> {
        kept.listening = None;
        self.over.notify_all();
        kept.held.take()
    }
}

#[derive(Debug)]
struct Kept {
    /// Nothing when it is over.
    held: Option<Held>,
    /// Until others see the pod.
    record: Option<Box<Record>>,
    status: Option<PodStatus>,
    /// The last status is not on the disk.
    unwritten: bool,
    life: LifeHandle,
    /// As long as others can ask.
    listening: Option<Listening>,
}

impl Registration {
    /// A pod that nobody sees yet.
    #[must_use]
    pub fn new(held: Held, record: Record, life: LifeHandle) -> Self {
        let kept = Kept {
            held: Some(held),
            record: Some(Box::new(record)),
            status: None,
            unwritten: false,
            life,
            listening: None,
        };
        Self(Arc::new(Shared {
            kept: Mutex::new(kept),
            over: Condvar::new(),
        }))
    }

    /// From now on others see the pod, and can ask for its end.
    ///
    /// # Errors
    /// The record cannot be written, or the place to ask cannot be had.
    pub fn show(&self) -> Result<(), PodsError> {
        self.0.kept().show()
    }

    /// As [`show`](Self::show), on a thread of its own and a moment later: a pod that is over before has cost nothing. What
    /// goes wrong costs others the sight of the pod, and is told to `trouble`.
    pub fn show_beside(&self, trouble: impl FnOnce(PodsError) + Send + 'static) {
        let shared = Arc::clone(&self.0);
        let shown = thread::Builder::new()
            .name("register".to_owned())
            .stack_size(256 << 10)
            .spawn(move || {
                let lives = |kept: &mut Kept| kept.held.is_some();
                let waited = shared.over.wait_timeout_while(shared.kept(), UNSEEN, lives);
                let (mut kept, _) = waited.unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = kept.show() {
                    trouble(error);
                }
            });
        // Without a thread there are worse things than a pod that is not seen.
        drop(shown);
    }

    /// The pod's status is another one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn status(&self, status: &PodStatus) -> Result<(), PodsError> {
        let mut kept = self.0.kept();
        kept.status = Some(status.clone());
        kept.unwritten = true;
        kept.write_status()
    }

    /// The last status.
    #[must_use]
    pub fn last_status(&self) -> Option<PodStatus> {
        self.0.kept().status.clone()
    }

    /// The pod has ended: its record, last status and logs stay.
    ///
    /// # Errors
    /// The end, or the last status where that could not be written before, cannot be noted. A later command takes the pod for
    /// a lost one then: better than one that would seem to run for ever.
    pub fn end(&self) -> Result<(), PodsError> {
        let mut kept = self.0.kept();
        if kept.unwritten {
            kept.write_status()?;
        }
        self.0.take(&mut kept).map_or(Ok(()), Held::end)
    }

    /// The pod has ended, and nothing stays.
    ///
    /// # Errors
    /// Something could not be removed.
    pub fn remove(&self) -> Result<(), PodsError> {
        let mut kept = self.0.kept();
        self.0.take(&mut kept).map_or(Ok(()), Held::remove)
    }
}

impl Kept {
    fn show(&mut self) -> Result<(), PodsError> {
        let (Some(held), Some(record)) = (&self.held, self.record.take()) else {
            return Ok(());
        };
        held.record(&record)?;
        self.write_status()?;
        let Some(held) = &self.held else { return Ok(()) };
        let listening =
            control::serve(held.directory(), self.life.clone()).map_err(|source| PodsError::Io {
                doing: "listen in",
                path: held.directory().to_owned(),
                source,
            })?;
        self.listening = Some(listening);
        fault::step("control");
        Ok(())
    }

    /// Writes the last status, where others see the pod.
    fn write_status(&mut self) -> Result<(), PodsError> {
        if let (Some(held), None, Some(status)) = (&self.held, &self.record, &self.status) {
            held.status(status)?;
            self.unwritten = false;
        }
        Ok(())
    }
}
