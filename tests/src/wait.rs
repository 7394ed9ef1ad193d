//! Waiting for something to be so, with a deadline.

use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(20);

/// Waits until `ready` returns something, for at most `limit`.
///
/// # Errors
/// The time is up; or `ready` itself failed.
pub fn until<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = ready()? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(
                format!("wait for {what}"),
                format!("not within {} s", limit.as_secs()),
            ));
        }
        std::thread::sleep(STEP);
    }
}
