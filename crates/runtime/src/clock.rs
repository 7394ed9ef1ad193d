//! Time as a seam: back-off, grace, probes and deadlines ask a [`Clock`], so that they are tested without waiting.

use std::time::{Instant, SystemTime};

/// What the time is.
///
/// Lengths of time are measured by [`now`](Self::now), which no setting of the host's clock moves; only what people read is
/// taken from [`wall`](Self::wall).
pub trait Clock: Send + Sync {
    /// The moment, for lengths of time.
    fn now(&self) -> Instant;
    /// The date, for people. May jump in both directions.
    fn wall(&self) -> SystemTime;
}

/// The host's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostClock;

impl Clock for HostClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
