//! This process's own terminal, lent to a program of a container: what [`crate::os::Attachment`] answers.

use super::{Exit, TerminalSize};

/// How the lending of a terminal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lent {
    /// The program has ended.
    Ended(Exit),
    /// This process's terminal is gone, or a signal asked this process to end; the program was ended too. The exit code that
    /// says so: 128 and the signal.
    Lost(i32),
}

/// The size that terminals were made with when they had no other.
pub const NO_SIZE: TerminalSize = TerminalSize {
    columns: 80,
    rows: 24,
};

/// A terminal that says it has no size is as large as terminals were.
pub(crate) fn own_size(columns: u16, rows: u16) -> TerminalSize {
    if columns == 0 || rows == 0 {
        NO_SIZE
    } else {
        TerminalSize { columns, rows }
    }
}
