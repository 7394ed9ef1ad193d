//! `--since` and `--since-time`.

use std::time::{Duration, SystemTime};

use porthole_runtime::logs::parse_time;

/// Reads a duration as kubectl does: numbers with units, such as `1h30m`, `5m` or `1.5s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let error = || "must be numbers with a unit each (h, m, s, ms), such as 30s, 5m or 1h30m".to_owned();
    let mut total = 0.0_f64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .ok_or_else(error)?;
        let (number, unit) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| error())?;
        let (seconds, length) = if unit.starts_with("ms") {
            (0.001, 2)
        } else {
            match unit.as_bytes().first() {
                Some(b'h') => (3600.0, 1),
                Some(b'm') => (60.0, 1),
                Some(b's') => (1.0, 1),
                _ => return Err(error()),
            }
        };
        total += number * seconds;
        rest = &unit[length..];
    }
    if text.is_empty() {
        return Err(error());
    }
    Duration::try_from_secs_f64(total).map_err(|_| "must be shorter than the age of the world".to_owned())
}

/// Reads a moment of RFC 3339.
pub(super) fn moment(text: &str) -> Result<SystemTime, String> {
    parse_time(text.as_bytes())
        .ok_or_else(|| "must be a moment of RFC 3339, such as 2026-11-22T09:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        assert_eq!(duration("1h30m5s"), Ok(Duration::from_secs(5405)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "5x",
            "5m3",
            "1e9h",
            "..s",
            "99999999999999999999h",
            "5µ",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
