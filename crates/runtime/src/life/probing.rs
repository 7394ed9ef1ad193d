//! When a probe asks, and what its answers come to.

use std::time::{Duration, Instant};

use super::after;
use crate::conduct::Probe;

/// The API server takes no shorter one.
const SHORTEST_PERIOD: Duration = Duration::from_secs(1);

/// Which of a container's probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// `startupProbe`.
    Startup,
    /// `readinessProbe`.
    Readiness,
    /// `livenessProbe`.
    Liveness,
}

impl ProbeKind {
    /// As messages name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Readiness => "readiness",
            Self::Liveness => "liveness",
        }
    }
}

/// One probe of one attempt of a container.
#[derive(Clone, Debug)]
pub(super) struct Probing {
    /// When it asks next; nothing before the container is so far.
    due: Option<Instant>,
    /// It has asked, and there is no answer yet.
    asking: bool,
    /// The last answer, and how often it has come in a row.
    last: Option<bool>,
    row: u32,
}

impl Probing {
    pub(super) fn new() -> Self {
        Self {
            due: None,
            asking: false,
            last: None,
            row: 0,
        }
    }

    /// When it asks next; nothing while it is asking, or before the container is so far.
    pub(super) fn wakes(&self) -> Option<Instant> {
        self.due.filter(|_| !self.asking)
    }

    /// The container has come so far: the first question is set.
    pub(super) fn allow(&mut self, probe: &Probe, since: Instant, now: Instant) {
        if self.due.is_none() {
            self.due = Some(after(since, probe.initial_delay).max(now));
        }
    }

    /// Asks now, if it is time. The next time is a period after this one was due.
    pub(super) fn ask(&mut self, probe: &Probe, now: Instant) -> bool {
        match self.due {
            Some(due) if due <= now && !self.asking => {
                self.asking = true;
                self.due = Some(after(due, probe.period.max(SHORTEST_PERIOD)));
                true
            }
            _ => false,
        }
    }

    /// An answer. What it comes to, where as many have come in a row as the probe wants.
    pub(super) fn answered(&mut self, probe: &Probe, success: bool, now: Instant) -> Option<bool> {
        self.asking = false;
        // A question that took longer than a period is followed by the next at once, not by all that were missed.
        self.due = self.due.map(|due| due.max(now));
        self.row = if self.last == Some(success) {
            self.row.saturating_add(1)
        } else {
            1
        };
        self.last = Some(success);
        let wanted = if success {
            probe.success_threshold
        } else {
            probe.failure_threshold
        };
        (self.row >= wanted).then_some(success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conduct::Handler;

    const SECOND: Duration = Duration::from_secs(1);

    fn probe(initial_delay: u64, period: u64, success_threshold: u32, failure_threshold: u32) -> Probe {
        Probe {
            handler: Handler::Sleep(SECOND),
            initial_delay: SECOND * u32::try_from(initial_delay).unwrap(),
            timeout: SECOND,
            period: Duration::from_secs(period),
            success_threshold,
            failure_threshold,
            grace: None,
        }
    }

    #[test]
    fn asks_first_after_the_initial_delay_and_then_every_period() {
        let (probe, since) = (probe(5, 10, 1, 3), Instant::now());
        let mut probing = Probing::new();
        probing.allow(&probe, since, since);
        assert!(!probing.ask(&probe, since + SECOND * 4));
        assert!(probing.ask(&probe, since + SECOND * 5));
        assert!(
            !probing.ask(&probe, since + SECOND * 15),
            "one question at a time"
        );
        assert_eq!(probing.wakes(), None);
        probing.answered(&probe, true, since + SECOND * 6);
        assert_eq!(probing.wakes(), Some(since + SECOND * 15));
    }

    #[test]
    fn does_not_ask_before_the_container_is_so_far() {
        let (probe, since) = (probe(5, 10, 1, 3), Instant::now());
        let mut probing = Probing::new();
        assert!(!probing.ask(&probe, since + SECOND * 60));
        probing.allow(&probe, since, since + SECOND * 60);
        assert!(probing.ask(&probe, since + SECOND * 60));
    }

    #[test]
    fn a_slow_answer_is_followed_by_one_question_and_not_by_all_that_were_missed() {
        let (probe, since) = (probe(0, 1, 1, 3), Instant::now());
        let mut probing = Probing::new();
        probing.allow(&probe, since, since);
        assert!(probing.ask(&probe, since));
        probing.answered(&probe, true, since + SECOND * 30);
        assert!(probing.ask(&probe, since + SECOND * 30));
        probing.answered(&probe, true, since + SECOND * 30);
        assert!(!probing.ask(&probe, since + SECOND * 30));
    }

    #[test]
    fn an_answer_counts_when_it_has_come_often_enough_in_a_row() {
        let (probe, now) = (probe(0, 1, 2, 3), Instant::now());
        let mut probing = Probing::new();
        let answers = [false, false, true, false, false, false, false, true, true];
        let counted: Vec<_> = answers
            .iter()
            .map(|success| probing.answered(&probe, *success, now))
            .collect();
        let (no, yes) = (Some(false), Some(true));
        assert_eq!(counted, [None, None, None, None, None, no, no, None, yes]);
    }
}
