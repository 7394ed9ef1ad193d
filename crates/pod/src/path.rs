//! Field paths, built on the stack and written only when something is wrong.

use std::fmt;

/// A path as the API server writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    segment: Segment<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Segment<'p> {
    Field(&'p str),
    Index(usize),
    Key(&'p str),
}

impl<'p> Path<'p> {
    pub(crate) const fn root(prefix: &'p str) -> Self {
        Self {
            parent: None,
            segment: Segment::Field(prefix),
        }
    }

    pub(crate) const fn child(&'p self, name: &'p str) -> Path<'p> {
        Self {
            parent: Some(self),
            segment: Segment::Field(name),
        }
    }

    /// The entry `key` of a mapping of the author's own keys, such as labels.
    pub(crate) const fn key(&'p self, key: &'p str) -> Path<'p> {
        Self {
            parent: Some(self),
            segment: Segment::Key(key),
        }
    }

    pub(crate) const fn index(&'p self, index: usize) -> Path<'p> {
        Self {
            parent: Some(self),
            segment: Segment::Index(index),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.segment {
            Segment::Field(name) if self.parent.is_none() => f.write_str(name),
            Segment::Field(name) => write!(f, ".{name}"),
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Key(key) => write!(f, "[{key}]"),
        }
    }
}
