//! Schedules of `CronJobs`, in the words of the parser that Kubernetes uses (`robfig/cron`).

use super::schedule_field::{FIELDS, check_field};
use super::time_zone;
use crate::render::go_quote;

const NAMED: [&str; 7] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];
const EVERY: &str = "@every ";

/// What is wrong with a schedule.
pub(super) fn check(schedule: &str) -> Result<(), String> {
    let mut rest = schedule;
    if let Some(zoned) = rest.strip_prefix("TZ=").or_else(|| rest.strip_prefix("CRON_TZ=")) {
        // The parser runs out of the text, and the API server catches it since 1.35.
        let (zone, fields) = zoned
            .split_once(' ')
            .ok_or("invalid schedule format: runtime error: slice bounds out of range [:-1]")?;
        time_zone::load(zone).map_err(|error| format!("provided bad location {zone}: {error}"))?;
        rest = fields.trim();
    }
    if rest.starts_with('@') {
        return check_named(rest);
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let found = fields.len();
        return Err(format!(
            "expected exactly 5 fields, found {found}: [{}]",
            fields.join(" ")
        ));
    }
    FIELDS
        .iter()
        .zip(fields)
        .try_for_each(|(bounds, field)| check_field(field, bounds))
}

fn check_named(name: &str) -> Result<(), String> {
    if NAMED.contains(&name) {
        return Ok(());
    }
    match name.strip_prefix(EVERY) {
        Some(duration) => {
            check_duration(duration).map_err(|error| format!("failed to parse duration {name}: {error}"))
        }
        None => Err(format!("unrecognized descriptor: {name}")),
    }
}

/// What is wrong with a duration, in the words of Go's `time.ParseDuration`.
fn check_duration(text: &str) -> Result<(), String> {
    let quoted = go_quote(text);
    let invalid = || format!("time: invalid duration {quoted}");
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(());
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    // In nanoseconds; what is beyond 63 bits is refused.
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits_of(rest);
        let (part, after) = after.strip_prefix('.').map_or(("", after), digits_of);
        if whole.is_empty() && part.is_empty() {
            return Err(invalid());
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {quoted}"));
        }
        let scale = scale_of(unit)
            .ok_or_else(|| format!("time: unknown unit {} in duration {quoted}", go_quote(unit)))?;
        let value: u128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| invalid())?
        };
        total = total.saturating_add(value.saturating_mul(scale));
        if total > 1 << 63 {
            return Err(invalid());
        }
        rest = next;
    }
    let most = if text.starts_with('-') {
        1 << 63
    } else {
        (1 << 63) - 1
    };
    if total > most { Err(invalid()) } else { Ok(()) }
}

/// The digits at the beginning, and the rest.
fn digits_of(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

const fn scale_of(unit: &str) -> Option<u128> {
    Some(match unit.as_bytes() {
        b"ns" => 1,
        [b'u', b's'] | [0xc2, 0xb5, b's'] | [0xce, 0xbc, b's'] => 1_000,
        b"ms" => 1_000_000,
        b"s" => 1_000_000_000,
        b"m" => 60_000_000_000,
        b"h" => 3_600_000_000_000,
        _ => return None,
    })
}
