//! Strings of JSON, of which more is known than of others: they are strings, and stand in quotes.

use std::sync::OnceLock;

use super::{Builder, Result, count};
use crate::Span;
use crate::document::{Raw, Shape, key_bit};
use crate::duplicate::KeyPrint;

impl Builder<'_> {
    /// A key of the open mapping. `name`, whose print is `print`, is what stands between its quotes.
    pub(crate) fn quoted_key(&mut self, name: &[u8], print: u16, span: Span) -> Result<()> {
        let node = self.push(Raw {
            keys: print,
            ..Raw::new(span, Shape::Quoted, 0)
        })?;
        if self.complete(node, span.end, 0, 0)
            && let Some(frame) = self.frames.last()
        {
            self.nodes[frame.node as usize].keys |= key_bit(print);
            self.keys.push(KeyPrint::new(name, node));
        }
        Ok(())
    }

    /// A value whose text stands between its quotes.
    pub(crate) fn quoted(&mut self, span: Span) -> Result<()> {
        let node = self.push(Raw::new(span, Shape::Quoted, 0))?;
        self.complete(node, span.end, 0, 0);
        Ok(())
    }

    /// A value with escapes. Its text is put together where somebody asks for it.
    pub(crate) fn escaped(&mut self, span: Span) -> Result<()> {
        let later = count(self.decoded.later.len());
        let node = self.push(Raw::new(span, Shape::Escaped, later))?;
        self.decoded.later.push(OnceLock::new());
        self.complete(node, span.end, 0, 0);
        Ok(())
    }
}
