//! Moments as a log has them: RFC 3339 in UTC, with nine digits of a second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The bytes of a moment that [`format`] writes.
pub(super) const LENGTH: usize = 30;

const DAY: u64 = 86_400;
/// The first second of the year 10000, which the format cannot write.
const BEYOND: u64 = 253_402_300_800;

/// `2026-11-22T09:00:00.000000000Z`. A moment before 1970 is written as its beginning, one after 9999 as its end.
#[must_use]
pub fn format(time: SystemTime) -> [u8; LENGTH] {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = since.min(Duration::new(BEYOND - 1, 999_999_999));
    let (days, second) = (since.as_secs() / DAY, since.as_secs() % DAY);
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    let mut put = |at: usize, width: usize, mut value: u64| {
        for place in text[at..at + width].iter_mut().rev() {
            *place = b"0123456789"[usize::try_from(value % 10).unwrap_or(0)];
            value /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, second / 3600);
    put(14, 2, second / 60 % 60);
    put(17, 2, second % 60);
    put(20, 9, u64::from(since.subsec_nanos()));
    text
}

/// Reads a moment of RFC 3339: any number of digits of a second, `Z` or an offset. `None` is no such moment, or one before
/// 1970.
#[must_use]
pub fn parse(text: &[u8]) -> Option<SystemTime> {
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
    let sign = |at: usize, signs: &[u8]| text.get(at).filter(|sign| signs.contains(sign)).map(drop);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    for (at, signs) in [(4, &b"-"[..]), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")] {
        sign(at, signs)?;
    }
    // A leap second is the second after.
    if hour > 23 || minute > 59 || second > 60 || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    if day > days_of(year, month) {
        return None;
    }
    let mut rest = &text[19..];
    let mut nanoseconds = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let known = length.min(9);
        let scale = 10_u64.pow(9 - u32::try_from(known).ok()?);
        nanoseconds = digits(&fraction[..known])? * scale;
        rest = &fraction[length..];
    }
    let seconds = days_since_1970(year, month, day)? * DAY + hour * 3600 + minute * 60 + second;
    let moment = UNIX_EPOCH + Duration::new(seconds, u32::try_from(nanoseconds).ok()?);
    match rest {
        b"Z" | b"z" => Some(moment),
        [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] if hours.len() == 2 => {
            let offset = Duration::from_secs(digits(hours)? * 3600 + digits(&[*m1, *m2])? * 60);
            if *sign == b'+' {
                moment.checked_sub(offset).filter(|moment| *moment >= UNIX_EPOCH)
            } else {
                moment.checked_add(offset)
            }
        }
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0'))
    })
}

fn is_leap(year: u64) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from the first of January 1 to the first of January of a year.
fn days_before(year: u64) -> u64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let before = (year >= 1970).then(|| days_before(year) - days_before(1970))?;
    Some(before + (1..month).map(|month| days_of(year, month)).sum::<u64>() + day - 1)
}

/// Year, month and day of a day since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    // Never too late, and one too early at most: a year has at least 365 days and at most 366.
    let mut year = 1970 + days / 366;
    let start = days_before(1970);
    while days_before(year + 1) - start <= days {
        year += 1;
    }
    let mut day = days - (days_before(year) - start);
    let mut month = 1;
    while day >= days_of(year, month) {
        day -= days_of(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64, nanoseconds: u32) -> String {
        String::from_utf8(format(UNIX_EPOCH + Duration::new(seconds, nanoseconds)).to_vec()).unwrap()
    }

    #[test]
    fn writes_moments_as_calendars_have_them() {
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at(951_827_696, 500), "2000-02-29T12:34:56.000000500Z");
        assert_eq!(at(1_795_338_000, 120_000_000), "2026-11-22T09:00:00.120000000Z");
        assert_eq!(at(4_107_542_399, 0), "2100-02-28T23:59:59.000000000Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00.000000000Z");
        assert_eq!(at(BEYOND - 1, 0), "9999-12-31T23:59:59.000000000Z");
        assert_eq!(at(BEYOND, 0), "9999-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn reads_offsets_and_short_fractions() {
        let utc = parse(b"2026-11-22T09:00:00.5Z").unwrap();
        assert_eq!(parse(b"2026-11-22T10:30:00.500+01:30"), Some(utc));
        assert_eq!(parse(b"2026-11-21T23:00:00.50000000001-10:00"), Some(utc));
        assert_eq!(utc, UNIX_EPOCH + Duration::new(1_795_338_000, 500_000_000));
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T09:00:00",
            "2026-02-30T09:00:00Z",
            "2026-13-01T09:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T09:00:00.Z",
            "2026-11-22T09:00:00+1:00",
            "2026-11-22T09:00:00Zx",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(seconds in 0..BEYOND, nanoseconds in 0_u32..1_000_000_000) {
            let moment = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
            prop_assert_eq!(parse(&format(moment)), Some(moment));
        }

        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&text);
        }
    }
}
