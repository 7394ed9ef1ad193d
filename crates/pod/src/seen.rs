//! What has been seen before.

use std::collections::HashSet;
use std::hash::Hash;

/// A set of what has been seen. Lists in manifests are short as a rule: a few things are compared one by one, and only more
/// are hashed.
pub(crate) struct Seen<T> {
    few: Vec<T>,
    many: HashSet<T>,
}

/// How many things are few.
const FEW: usize = 16;

impl<T: Eq + Hash> Seen<T> {
    pub(crate) fn new() -> Self {
        Self {
            few: Vec::new(),
            many: HashSet::new(),
        }
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        if self.many.is_empty() {
            self.few.contains(item)
        } else {
            self.many.contains(item)
        }
    }

    /// Adds `item`; whether it was not there before.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        if self.many.is_empty() {
            if self.few.contains(&item) {
                return false;
            }
            if self.few.len() < FEW {
                self.few.push(item);
                return true;
            }
            self.many.extend(self.few.drain(..));
        }
        self.many.insert(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_seen_once() {
        let mut seen = Seen::new();
        for number in 0..FEW * 3 {
            assert!(!seen.contains(&number));
            assert!(seen.insert(number), "{number} is new");
            assert!((0..=number).all(|known| seen.contains(&known) && !seen.insert(known)));
        }
    }
}
