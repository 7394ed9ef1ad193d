//! Indices of a Job as text: `0,2-5`.

use crate::render::go_quote;

/// How many indices the text names, of a Job with so many; or what is wrong with it, in the API server's words
/// (`validateIndexesFormat`).
pub(super) fn count_indexes(text: &str, completions: i64) -> Result<i64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let mut last: Option<i64> = None;
    let mut total = 0;
    for interval in text.split(',') {
        let (from, to) = interval_of(interval, completions)?;
        if let Some(last) = last.filter(|last| *last >= from) {
            return Err(format!("non-increasing order, previous: {last}, current: {from}"));
        }
        total += to - from + 1;
        last = Some(to);
    }
    Ok(total)
}

fn interval_of(text: &str, completions: i64) -> Result<(i64, i64), String> {
    let mut parts = text.split('-');
    let (from, to) = (parts.next().unwrap_or_default(), parts.next());
    if parts.next().is_some() {
        return Err(format!(
            "the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'",
            go_quote(text)
        ));
    }
    let number = |part: &str| {
        let number: i64 = part
            .parse()
            .map_err(|_| format!("cannot convert string to integer for index: {}", go_quote(part)))?;
        if number >= completions {
            return Err(format!("too large index: {}", go_quote(part)));
        }
        Ok(number)
    };
    let from = number(from)?;
    let Some(to) = to else { return Ok((from, from)) };
    let to = number(to)?;
    if from >= to {
        return Err(format!("non-increasing order, previous: {from}, current: {to}"));
    }
    Ok((from, to))
}
