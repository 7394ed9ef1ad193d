//! A file and its documents.

use std::sync::Arc;

use porthole_manifest::{Limits, Source, Stream};

/// A file, read and parsed.
#[derive(Debug)]
pub struct File {
    /// Its name and text.
    pub source: Source,
    /// Its documents, and what cannot be read of it.
    pub stream: Stream,
}

impl File {
    /// Parses a text.
    #[must_use]
    pub fn parse(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self::of(Source::new(name, text))
    }

    /// Parses a source.
    #[must_use]
    pub fn of(source: Source) -> Self {
        Self::read_on(source, 1)
    }

    /// Parses a source on so many threads, where it is long enough for them.
    #[must_use]
    pub fn read_on(source: Source, threads: usize) -> Self {
        let stream = source.parse_on(&Limits::default(), threads);
        Self { source, stream }
    }
}
