//! Requests that do not cease while things happen.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use porthole_tests::wait;

use super::bed::SEEN;

/// As long as it goes on at most.
const LIMIT: Duration = Duration::from_mins(3);

/// Goes on asking while things happen, and counts.
pub(super) struct Load {
    stop: AtomicBool,
    answered: AtomicU64,
}

impl Load {
    pub(super) fn new() -> Self {
        Self {
            stop: AtomicBool::new(false),
            answered: AtomicU64::new(0),
        }
    }

    /// Asks again and again. Where somebody else has failed it ends by itself.
    pub(super) fn spawn<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        ask: impl Fn() + Send + 's,
    ) -> ScopedJoinHandle<'s, ()> {
        let over = Instant::now() + LIMIT;
        scope.spawn(move || {
            while !self.stop.load(Ordering::SeqCst) && Instant::now() < over {
                ask();
                self.answered.fetch_add(1, Ordering::SeqCst);
            }
        })
    }

    /// How often somebody was answered.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    /// Waits until it has gone on for some requests.
    pub(super) fn goes_on(&self, requests: u64) {
        let until = self.answered() + requests;
        wait::until("the load to go on", SEEN, || {
            Ok((self.answered() >= until).then_some(()))
        })
        .unwrap();
    }

    /// Does something under load, and ends it whatever becomes of that.
    pub(super) fn during<T>(&self, happen: impl FnOnce() -> T) -> T {
        let happened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(happen));
        self.stop.store(true, Ordering::SeqCst);
        happened.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
