//! Who holds which directory, told without opening any of them: a command that looks at each of many pods finds the living
//! here with one short call each, and opens the directories of the others alone.
//!
//! It is a help and not the truth, which is in the locks: a holder need not be on the roll.

use std::path::Path;

use super::shelf::Shelf;
use crate::os::{Mark, Marks};

/// The roll of a shelf.
#[derive(Debug)]
pub(super) struct Roll(Option<Marks>);

impl Roll {
    /// The roll as it is at any moment from now on.
    pub(super) fn of(state: &Path, shelf: Shelf) -> Self {
        Self(Marks::open(&shelf.roll(state)).ok())
    }

    /// Puts a directory on it that this process has locked; nothing where that cannot be.
    pub(super) fn sign(self, name: &str) -> Option<Mark> {
        self.0?.take(number(name)).ok()
    }

    /// Whether a process that has signed holds the directory of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|marks| marks.has(number(name)))
    }
}

/// The number of a name, of which no two are alike: there is a uid in each. FNV-1a, the same in every build, with the 63
/// bits that an offset has.
fn number(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash >> 1
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_those_of_every_build() {
        // The published value of FNV-1a for "a".
        assert_eq!(number("a"), 0xaf63_dc4c_8601_ec8c >> 1);
        assert_ne!(number("shop_web_1"), number("shop_web_2"));
    }
}
