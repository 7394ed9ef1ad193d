//! How much a manifest may ask of its reader.

/// Limits on a stream. What exceeds one becomes a [`crate::SyntaxError`]; nothing is cut off silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest text, in bytes. Never more than 4 GiB.
    pub max_bytes: usize,
    /// How deep collections may nest, aliases followed.
    pub max_depth: usize,
    /// How many nodes (keys and values) a stream may have as written.
    pub max_nodes: usize,
    /// How many nodes a document may gain by its aliases: those that a reader meets beyond the written ones when it
    /// follows every alias. Aliases share the node that they name, so that this guards the time of the reader.
    pub max_alias_nodes: usize,
}

impl Default for Limits {
    /// 64 MiB, 128 levels, ten million nodes, and 200,000 more by aliases: far above any manifest that an API server
    /// takes, and far below what hurts.
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_depth: 128,
            max_nodes: 10_000_000,
            max_alias_nodes: 200_000,
        }
    }
}
