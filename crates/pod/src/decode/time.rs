//! Times as Go's `time.Parse` reads them by the layouts of RFC 3339, and its words where it does not.

use std::fmt::Write as _;

/// The layout of `metav1.Time`.
pub(super) const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
/// The layout of `metav1.MicroTime`.
pub(super) const MICROSECONDS: &str = "2006-01-02T15:04:05.000000Z07:00";

/// As the package of times quotes: every byte beyond ASCII by its number.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                quoted.push('\\');
                quoted.push(byte.into());
            }
            b' '..=0x7f => quoted.push(byte.into()),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\x{byte:02x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Why a part of the time does not read.
enum Mistake<'t> {
    /// It is none: the part of the layout, and the text from where it was looked for.
    Unread(&'static str, &'t str),
    /// A number is beyond its range.
    Range(&'static str),
    /// There is text behind it.
    Extra(&'t str),
}

/// The error of `time.Parse`.
pub(super) fn refuse(text: &str, layout: &str) -> Option<String> {
    let what = match parse(text, layout == MICROSECONDS).err()? {
        Mistake::Unread(part, at) => {
            return Some(format!(
                "parsing time {} as {}: cannot parse {} as {}",
                quote(text),
                quote(layout),
                quote(at),
                quote(part)
            ));
        }
        Mistake::Range(what) => format!("{what} out of range"),
        Mistake::Extra(rest) => format!("extra text: {}", quote(rest)),
    };
    Some(format!("parsing time {}: {what}", quote(text)))
}

/// The seconds from 1970 on of a `metav1.Time`; nothing of what is none.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    parse(text, false).ok()
}

/// The seconds from 1970 on, without their fraction.
fn parse(text: &str, micro: bool) -> Result<i64, Mistake<'_>> {
    let mut rest = text;
    let year = number(&mut rest, 4, "2006")?;
    literal(&mut rest, "-")?;
    let month = number(&mut rest, 2, "01")?;
    in_range((1..=12).contains(&month), "month")?;
    literal(&mut rest, "-")?;
    let day = number(&mut rest, 2, "02")?;
    literal(&mut rest, "T")?;
    let hour = hour(&mut rest)?;
    in_range(hour < 24, "hour")?;
    literal(&mut rest, ":")?;
    let minute = number(&mut rest, 2, "04")?;
    in_range(minute < 60, "minute")?;
    literal(&mut rest, ":")?;
    let second = number(&mut rest, 2, "05")?;
    in_range(second < 60, "second")?;
    if micro {
        let digits = rest.get(1..7).filter(|_| rest.starts_with(['.', ',']));
        // A sign passes for a digit here, as Go reads it.
        let number = digits.and_then(|digits| digits.parse::<i32>().ok());
        in_range(
            number.ok_or(Mistake::Unread(".000000", rest))? >= 0,
            "fractional second",
        )?;
        rest = &rest[7..];
    } else if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        // A fraction may follow though the layout has none.
        rest = match fraction.bytes().take_while(u8::is_ascii_digit).count() {
            0 => rest,
            digits => &fraction[digits..],
        };
    }
    let offset = zone(&mut rest)?;
    if !rest.is_empty() {
        return Err(Mistake::Extra(rest));
    }
    in_range((1..=days(year, month)).contains(&day), "day")?;
    let of_day = (hour * 60 + minute) * 60 + second;
    Ok(days_since_1970(year, month, day) * 86_400 + i64::from(of_day) - offset)
}

fn in_range(is: bool, what: &'static str) -> Result<(), Mistake<'static>> {
    if is { Ok(()) } else { Err(Mistake::Range(what)) }
}

fn number<'t>(rest: &mut &'t str, digits: usize, part: &'static str) -> Result<u32, Mistake<'t>> {
    let found = rest
        .as_bytes()
        .get(..digits)
        .filter(|found| found.iter().all(u8::is_ascii_digit));
    let Some(found) = found else {
        return Err(Mistake::Unread(part, rest));
    };
    *rest = &rest[digits..];
    Ok(found
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// The hour alone may have a single digit.
fn hour<'t>(rest: &mut &'t str) -> Result<u32, Mistake<'t>> {
    let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
    number(rest, digits.max(1), "15")
}

fn literal<'t>(rest: &mut &'t str, wanted: &'static str) -> Result<(), Mistake<'t>> {
    *rest = rest.strip_prefix(wanted).ok_or(Mistake::Unread(wanted, rest))?;
    Ok(())
}

/// By how many seconds the zone is ahead.
fn zone<'t>(rest: &mut &'t str) -> Result<i64, Mistake<'t>> {
    if let Some(after) = rest.strip_prefix('Z') {
        *rest = after;
        return Ok(0);
    }
    let bytes = rest.as_bytes();
    let digits = |at: usize| {
        let pair = bytes.get(at..at + 2)?;
        pair.iter()
            .all(u8::is_ascii_digit)
            .then(|| u32::from(pair[0] - b'0') * 10 + u32::from(pair[1] - b'0'))
    };
    let colon = bytes.get(3) == Some(&b':');
    let (Some(hours), Some(minutes), true) = (digits(1), digits(4), colon) else {
        return Err(Mistake::Unread("Z07:00", rest));
    };
    // Go lets 24 and 60 pass here, and asks for the sign last.
    in_range(minutes <= 60, "time zone offset minute")?;
    in_range(hours <= 24, "time zone offset hour")?;
    let offset = i64::from((hours * 60 + minutes) * 60);
    let offset = match rest.as_bytes().first() {
        Some(b'+') => offset,
        Some(b'-') => -offset,
        _ => return Err(Mistake::Unread("Z07:00", rest)),
    };
    *rest = &rest[6..];
    Ok(offset)
}

const fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970 on of a day that there is.
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    // Of a year all days before it, counted from the year 0, which is a leap year.
    let before = |year: i64| {
        let last = year - 1;
        year * 365 + last.div_euclid(4) - last.div_euclid(100) + last.div_euclid(400) + 1
    };
    let months: u32 = (1..month).map(|month| days(year, month)).sum();
    before(year.into()) - before(1970) + i64::from(months + day) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_those_of_unix() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-27T14:03:02.9Z", 1_795_788_182),
            ("2000-03-01T00:00:00+02:00", 951_861_600),
            ("2000-02-29T23:59:59-00:30", 951_870_599),
            ("1900-03-01T00:00:00Z", -2_203_891_200),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        assert_eq!(seconds("2021-02-29T00:00:00Z"), None);
    }

    #[test]
    fn times_are_refused_in_gos_words() {
        for text in [
            "2020-02-29T00:00:00Z",
            "2020-02-29T1:00:00.123456789+02:00",
            "0000-01-01T00:00:00-24:60",
        ] {
            assert_eq!(refuse(text, SECONDS), None, "{text}");
        }
        assert_eq!(refuse("2020-02-29T00:00:00.000001Z", MICROSECONDS), None);
        for (text, expected) in [
            (
                "",
                r#"parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006""#,
            ),
            (
                "2020-01-01",
                r#"parsing time "2020-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#,
            ),
            (
                "2020-01-01T00:00:00",
                r#"parsing time "2020-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
            ),
            (
                "2020-13-01T00:00:00Z",
                r#"parsing time "2020-13-01T00:00:00Z": month out of range"#,
            ),
            (
                "2021-02-29T00:00:00Z",
                r#"parsing time "2021-02-29T00:00:00Z": day out of range"#,
            ),
            (
                "2021-02-28T00:00:00Zx",
                r#"parsing time "2021-02-28T00:00:00Zx": extra text: "x""#,
            ),
        ] {
            assert_eq!(refuse(text, SECONDS).as_deref(), Some(expected));
        }
    }
}
