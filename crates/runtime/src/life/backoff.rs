//! How long a container that has ended waits until it is started again.
//!
//! The kubelet's rule: the first time not at all, then 10 s, twice as long each time, at most 5 min; a container that ended
//! more than 10 min after it was started again begins anew.

use std::time::{Duration, Instant};

/// The first time to wait.
const FIRST: Duration = Duration::from_secs(10);
/// The longest.
const LONGEST: Duration = Duration::from_mins(5);
/// What ran so long after a restart has a clean record.
const FORGIVEN: Duration = Duration::from_mins(10);

/// The back-off of one container.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BackOff(Option<Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    delay: Duration,
    /// When the container was last started again.
    since: Instant,
}

impl BackOff {
    /// How long a container that ended at that moment waits; nothing where it is started at once.
    pub(super) fn delay(&self, ended: Instant) -> Option<Duration> {
        self.held(ended).map(|entry| entry.delay)
    }

    /// The container, which ended at `ended`, is started again at `now`.
    pub(super) fn restarted(&mut self, ended: Instant, now: Instant) {
        let delay = match self.held(ended) {
            Some(entry) => (entry.delay * 2).min(LONGEST),
            None => FIRST,
        };
        self.0 = Some(Entry { delay, since: now });
    }

    fn held(&self, ended: Instant) -> Option<Entry> {
        self.0
            .filter(|entry| ended.saturating_duration_since(entry.since) <= FORGIVEN)
    }
}

/// A length of time in whole seconds as the kubelet writes it: `10s`, `1m20s`, `5m0s`.
pub(super) fn written(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds < 60 => format!("{seconds}s"),
        seconds => format!("{}m{}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_from_ten_seconds_to_five_minutes() {
        let (mut back_off, mut now) = (BackOff::default(), Instant::now());
        let mut delays = Vec::new();
        for _ in 0..9 {
            let delay = back_off.delay(now).unwrap_or_default();
            delays.push(written(delay));
            back_off.restarted(now, now + delay);
            now += delay;
        }
        assert_eq!(
            delays,
            [
                "0s", "10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s", "5m0s"
            ]
        );
    }

    #[test]
    fn a_container_that_ran_for_more_than_ten_minutes_begins_anew() {
        let (mut back_off, now) = (BackOff::default(), Instant::now());
        back_off.restarted(now, now);
        back_off.restarted(now, now);
        assert_eq!(back_off.delay(now + FORGIVEN), Some(Duration::from_secs(20)));
        let later = now + FORGIVEN + Duration::from_secs(1);
        assert_eq!(back_off.delay(later), None);
        back_off.restarted(later, later);
        assert_eq!(back_off.delay(later), Some(FIRST));
    }

    proptest! {
        #[test]
        fn is_never_shorter_than_ten_seconds_nor_longer_than_five_minutes(runs in prop::collection::vec(0_u64..2_000, 1..40)) {
            let (mut back_off, mut now, mut before) = (BackOff::default(), Instant::now(), Duration::ZERO);
            for (index, run) in runs.into_iter().enumerate() {
                now += Duration::from_secs(run);
                let delay = back_off.delay(now);
                match delay {
                    None => prop_assert!(index == 0 || run > FORGIVEN.as_secs()),
                    Some(delay) => {
                        prop_assert!((FIRST..=LONGEST).contains(&delay));
                        prop_assert!(delay == (before * 2).clamp(FIRST, LONGEST));
                    }
                }
                before = delay.unwrap_or_default();
                let ended = now;
                now += before;
                back_off.restarted(ended, now);
            }
        }
    }
}
