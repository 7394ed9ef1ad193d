//! Time as a seam: back-off, grace, probes and deadlines ask a [`Clock`], so that they are tested without waiting.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

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

/// A date and time of day in whole seconds, as Kubernetes' API writes them (RFC 3339): `2026-01-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp(i64);

const DAY: i64 = 24 * 60 * 60;
/// 0001-01-01 and 9999-12-31, the dates that have four digits; what lies beyond is written as them.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

impl Timestamp {
    /// The whole seconds since the first of January 1970, kept within the years 1 to 9999.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(FIRST, LAST))
    }

    /// The whole seconds since the first of January 1970; negative before it.
    #[must_use]
    pub fn unix(self) -> i64 {
        self.0
    }

    /// How long ago that was at `now`; nothing where it is in the future.
    #[must_use]
    pub fn age(self, now: SystemTime) -> Duration {
        Duration::from_secs(u64::try_from(Self::from(now).0 - self.0).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(LAST),
            // Rounded down, as times after it are.
            Err(before) => {
                let before = before.duration();
                let whole = i64::try_from(before.as_secs()).unwrap_or(-FIRST);
                -whole - i64::from(before.subsec_nanos() > 0)
            }
        };
        Self::from_unix(seconds)
    }
}

/// Years are counted from March here, so that the day that some years have and others lack is the last of its year.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS_IN_400_YEARS: i64 = 146_097;
        const DAYS_TO_1970: i64 = 719_468;
        let (days, second) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let days = days + DAYS_TO_1970;
        let (era, day) = (
            days.div_euclid(DAYS_IN_400_YEARS),
            days.rem_euclid(DAYS_IN_400_YEARS),
        );
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march = (5 * day + 2) / 153;
        let day = day - (153 * march + 2) / 5 + 1;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = era * 400 + year + i64::from(month <= 2);
        write!(
            formatter,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

/// A text is no date and time of the form `2026-01-31T12:00:00Z`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no date and time such as 2026-01-31T12:00:00Z")]
pub struct NotATimestamp(String);

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        parse(text).ok_or_else(|| NotATimestamp(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = NotATimestamp;

    fn try_from(text: String) -> Result<Self, NotATimestamp> {
        text.parse()
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let form = b"0000-00-00T00:00:00Z";
    let fits = bytes.len() == form.len()
        && bytes.iter().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (from_march, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = from_march * 365 + from_march.div_euclid(4) - from_march.div_euclid(100)
        + from_march.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 1
        - 719_468;
    let time = Timestamp(days * DAY + hour * 3_600 + minute * 60 + second);
    // A day that the month does not have comes out as another date.
    (time.0 >= FIRST && time.to_string() == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_written_as_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (i64::MIN, "0001-01-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from_unix(seconds).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00+01:00",
            "2026-01-31T12:00:00.5Z",
            "2026-02-30T12:00:00Z",
            "2100-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-01-01T24:00:00Z",
            "0000-01-01T00:00:00Z",
            "+026-01-31T12:00:00Z",
            "２026-01-31T12:00:0Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_before_1970_is_rounded_down_like_one_after_it() {
        let half = UNIX_EPOCH - Duration::from_millis(500);
        assert_eq!(Timestamp::from(half).unix(), -1);
    }

    #[test]
    fn what_lies_in_the_future_has_no_age() {
        let time = Timestamp::from_unix(100);
        assert_eq!(
            time.age(UNIX_EPOCH + Duration::from_secs(130)),
            Duration::from_secs(30)
        );
        assert_eq!(time.age(UNIX_EPOCH), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn every_date_is_read_as_it_was_written(seconds in FIRST..=LAST) {
            let time = Timestamp::from_unix(seconds);
            prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,24}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
