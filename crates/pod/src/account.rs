//! Windows accounts.

use serde::Serialize;

/// A Windows account, parsed once and compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The domain, `NT AUTHORITY`, or a computer's name.
    pub domain: Option<String>,
    /// The name of the user or group.
    pub name: String,
}
