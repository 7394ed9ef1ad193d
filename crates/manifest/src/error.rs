//! What is wrong with a text, where, and what to try.

use std::fmt;

use crate::Span;

/// A document that cannot be read. The documents around it still are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The number of the document in its stream, from 0.
    pub document: usize,
    /// Where.
    pub span: Span,
    /// What is wrong, as a lower-case fragment.
    pub reason: String,
    /// What to try.
    pub help: Option<String>,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.help {
            Some(help) => write!(f, "{}; {help}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for SyntaxError {}
