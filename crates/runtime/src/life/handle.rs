//! What others may wish for in a life, from any thread.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::driver::Happened;
use crate::engine::UpdateError;
use crate::plan::Limits;

/// Wishes for things in a life. A life that is over does not mind.
#[derive(Clone, Debug)]
pub struct LifeHandle(Sender<Happened>);

/// What is wished for.
#[derive(Debug)]
pub(super) enum Wish {
    /// The pod's end, within this time or the pod's own grace.
    Stop(Option<Duration>),
    /// The pod's end, at once.
    Kill,
    /// The pod's end, which is its failure.
    Evict { reason: String, message: String },
    /// Other limits for one container.
    Limits {
        container: String,
        limits: Limits,
        answer: Sender<Result<Limits, LimitsError>>,
    },
}

/// Why a container's limits are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// The pod has no such container.
    #[error("limit container `{container}`: the pod has no container of that name")]
    NoContainer {
        /// The name.
        container: String,
    },
    /// The pod's life is over.
    #[error("limit container `{container}`: the pod has ended")]
    Over {
        /// The name.
        container: String,
    },
    /// The engine refused.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

impl LifeHandle {
    pub(super) fn new(wishes: Sender<Happened>) -> Self {
        Self(wishes)
    }

    /// Asks the pod to stop: its containers have `grace`, or the pod's own, and are killed then. A second stop without a
    /// grace kills them at once; one with a grace that ends sooner shortens the time that they have, and never lengthens it.
    pub fn stop(&self, grace: Option<Duration>) {
        self.wish(Wish::Stop(grace));
    }

    /// Kills the pod's containers at once, and ends it.
    pub fn kill(&self) {
        self.wish(Wish::Kill);
    }

    /// Ends the pod as failed, for a reason in one word and one for people, which its status shows.
    pub fn evict(&self, reason: &str, message: &str) {
        self.wish(Wish::Evict {
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
    }

    /// Puts other limits on a container: live where it runs, and on its later attempts. Waits for the answer, which is what
    /// the system made of them.
    ///
    /// # Errors
    /// See [`LimitsError`]; the limits are as they were then.
    pub fn set_limits(&self, container: &str, limits: &Limits) -> Result<Limits, LimitsError> {
        let (answer, answered) = channel();
        self.wish(Wish::Limits {
            container: container.to_owned(),
            limits: limits.clone(),
            answer,
        });
        answered.recv().unwrap_or_else(|_| {
            Err(LimitsError::Over {
                container: container.to_owned(),
            })
        })
    }

    fn wish(&self, wish: Wish) {
        // Nobody listens any more when the life is over.
        let _ = self.0.send(Happened::Wished(wish));
    }
}
