//! The API server's answer to one object.

use porthole_pod::Status;
use serde::Serialize;

/// What the API server answers to `POST …?dryRun=All&fieldValidation=Strict`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// The HTTP status code; nothing where there is no request, since the document cannot be made into one.
    pub code: Option<u16>,
    /// The `Status` of a refusal.
    pub status: Option<Status>,
    /// The texts of its `Warning` headers.
    pub warnings: Vec<String>,
}
