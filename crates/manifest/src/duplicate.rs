//! Keys that a mapping has twice.
//!
//! The decoder lets the last value win, and strict field validation refuses the object. Keys are compared by a
//! fingerprint of their text first, pair by pair in a usual mapping and sorted in a large one.

use crate::Span;

/// A key that a mapping has more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The key.
    pub key: String,
    /// Where it stands first.
    pub first: Span,
    /// Where it stands again.
    pub again: Span,
}

/// A key on its way through the builder: its fingerprint and its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyPrint {
    print: u64,
    pub(crate) node: u32,
}

impl KeyPrint {
    /// Equal texts have equal prints; the length, the first and the last bytes tell most others apart.
    pub(crate) fn new(bytes: &[u8], node: u32) -> Self {
        let chunks = bytes.first_chunk().zip(bytes.last_chunk());
        let (head, tail) = chunks.map_or_else(
            || {
                let all = bytes.iter().fold(0, |print, byte| print << 8 | u32::from(*byte));
                (all, all)
            },
            |(head, tail)| (u32::from_be_bytes(*head), u32::from_be_bytes(*tail)),
        );
        let length = (bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            print: (u64::from(head) << 32 | u64::from(tail)) ^ length,
            node,
        }
    }
}

/// Calls `found(first, again)` with every node of `keys` that repeats an earlier one, `same` deciding.
pub(crate) fn find(keys: &mut [KeyPrint], same: impl Fn(u32, u32) -> bool, mut found: impl FnMut(u32, u32)) {
    const SMALL: usize = 24;
    if keys.len() <= SMALL {
        for (index, key) in keys.iter().enumerate() {
            let mut earlier = keys[..index].iter().filter(|other| other.print == key.print);
            if let Some(first) = earlier.find(|other| same(other.node, key.node)) {
                found(first.node, key.node);
            }
        }
        return;
    }
    keys.sort_unstable();
    let mut pairs = Vec::new();
    for run in keys.chunk_by(|one, other| one.print == other.print) {
        for (index, key) in run.iter().enumerate() {
            // A run longer than this is made on purpose: what counts then is that it is found, not each of its pairs.
            const MOST: usize = 64;
            let mut earlier = run[..index.min(MOST)].iter();
            if let Some(first) = earlier.find(|other| same(other.node, key.node)) {
                pairs.push((key.node, first.node));
            }
        }
    }
    pairs.sort_unstable();
    for (again, first) in pairs {
        found(first, again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(keys: &[&str]) -> Vec<(u32, u32)> {
        let mut prints: Vec<_> = keys
            .iter()
            .zip(0..)
            .map(|(key, node)| KeyPrint::new(key.as_bytes(), node))
            .collect();
        let mut pairs = Vec::new();
        find(
            &mut prints,
            |one, other| keys[one as usize] == keys[other as usize],
            |a, b| pairs.push((a, b)),
        );
        pairs
    }

    #[test]
    fn finds_each_repetition_with_its_first_place() {
        assert_eq!(repeated(&["a", "b", "a", "c", "a"]), [(0, 2), (0, 4)]);
        assert_eq!(repeated(&["abcdXefgh", "abcdYefgh"]), []);
        assert_eq!(repeated(&["", ""]), [(0, 1)]);
    }

    #[test]
    fn finds_repetitions_in_large_mappings_in_order() {
        let names: Vec<String> = (0..100).map(|number| format!("abcd{number:03}wxyz")).collect();
        let mut keys: Vec<&str> = names.iter().map(String::as_str).collect();
        keys.extend(["abcd007wxyz", "abcd003wxyz"]);
        assert_eq!(repeated(&keys), [(7, 100), (3, 101)]);
    }
}
