//! What was being done and why it could not be: the one way in which tasks and testbeds fail.

use std::fmt;

/// What was being done, and why it could not be.
pub struct Failure {
    doing: String,
    why: String,
}

/// What a step gives.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// What was being done, on what; and why it failed, with what to try.
    pub fn new(doing: impl Into<String>, why: impl fmt::Display) -> Self {
        Self {
            doing: doing.into(),
            why: why.to_string(),
        }
    }
}

/// As for people: this is what `unwrap` of a test shows.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.why)
    }
}

/// Says what was being done when a step failed.
pub trait Doing<T> {
    /// Names the step, as in ``read `FILE` ``.
    ///
    /// # Errors
    /// The step's own failure, named.
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: fmt::Display> Doing<T> for std::result::Result<T, E> {
    /// Names the step, as in ``read `FILE` ``.
    ///
    /// # Errors
    /// The step's own failure, named.
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|error| Failure::new(what, error))
    }
}
