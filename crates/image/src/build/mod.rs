//! Building images.

/// The registry hives that a base layer of Windows has below `Files/Windows/System32/config`.
pub(crate) const HIVES: [&str; 5] = ["DEFAULT", "SAM", "SECURITY", "SOFTWARE", "SYSTEM"];

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {}
