//! Sets of completion indexes, kept and written as intervals: `1,3-5,7`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of completion indexes. It takes room for its intervals, not for its indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indexes(BTreeMap<u32, u32>);

impl Indexes {
    /// Reads a set as a Job's `successPolicy` has it, of indexes below `completions`.
    ///
    /// # Errors
    /// What is wrong with it, in the API server's words.
    pub fn parse(text: &str, completions: u32) -> Result<Self, String> {
        let index = |text: &str| {
            let index: u32 = text
                .parse()
                .map_err(|_| format!("cannot convert string to integer for index: {text:?}"))?;
            if index < completions {
                Ok(index)
            } else {
                Err(format!("too large index: {text:?}"))
            }
        };
        let order = |before: u32, now: u32| {
            if before < now {
                Ok(())
            } else {
                Err(format!(
                    "non-increasing order, previous: {before}, current: {now}"
                ))
            }
        };
        let mut all = BTreeMap::new();
        let mut previous = None;
        for interval in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = match interval.split('-').collect::<Vec<_>>().as_slice() {
                [one] => (index(one)?, None),
                [first, last] => (index(first)?, Some(index(last)?)),
                _ => {
                    return Err(format!(
                        "the fragment {interval:?} violates the requirement that an index interval can have at most two parts \
                         separated by '-'"
                    ));
                }
            };
            if let Some(previous) = previous {
                order(previous, first)?;
            }
            if let Some(last) = last {
                order(first, last)?;
            }
            let last = last.unwrap_or(first);
            all.insert(first, last);
            previous = Some(last);
        }
        Ok(Self(all))
    }

    /// Adds an index.
    pub fn insert(&mut self, index: u32) {
        if self.contains(index) {
            return;
        }
        let mut interval = (index, index);
        if let Some((&first, &last)) = self.0.range(..index).next_back()
            && last.checked_add(1) == Some(index)
        {
            interval.0 = first;
        }
        if let Some(next) = index.checked_add(1)
            && let Some(last) = self.0.remove(&next)
        {
            interval.1 = last;
        }
        self.0.insert(interval.0, interval.1);
    }

    /// Whether an index is among them.
    #[must_use]
    pub fn contains(&self, index: u32) -> bool {
        let before = self.0.range(..=index).next_back();
        before.is_some_and(|(_, last)| *last >= index)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0
            .iter()
            .map(|(first, last)| u64::from(last - first) + 1)
            .sum()
    }

    /// How many are in both sets.
    #[must_use]
    pub fn in_common(&self, other: &Self) -> u64 {
        let mut count = 0;
        for (first, last) in &self.0 {
            let before = other.0.range(..*first).next_back();
            for (others_first, others_last) in before.into_iter().chain(other.0.range(first..=last)) {
                let (from, to) = (first.max(others_first), last.min(others_last));
                if from <= to {
                    count += u64::from(to - from) + 1;
                }
            }
        }
        count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As the job controller writes `completedIndexes`: two indexes side by side are no interval.
impl fmt::Display for Indexes {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (first, last) in &self.0 {
            write!(to, "{separator}{first}")?;
            separator = ",";
            match last - first {
                0 => {}
                1 => write!(to, ",{last}")?,
                _ => write!(to, "-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_the_controller_writes_it_and_read_back() {
        let mut indexes = Indexes::default();
        for index in [7, 3, 5, 4, 1, 9, 10, 4, u32::MAX] {
            indexes.insert(index);
        }
        assert_eq!(indexes.to_string(), "1,3-5,7,9,10,4294967295");
        assert_eq!(indexes.count(), 8);
        let below = Indexes::parse("1,3-5,7,9,10", 11).unwrap();
        assert_eq!(
            below.in_common(&indexes),
            7,
            "two single indexes are the same as an interval of two"
        );
        assert!(!indexes.contains(8) && indexes.contains(4) && !indexes.contains(0));
        let some = Indexes::parse("0,4-8", 11).unwrap();
        assert_eq!((some.in_common(&indexes), indexes.in_common(&some)), (3, 3));
        assert!(Indexes::parse("", 3).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_set_of_indexes_is_refused_in_the_api_servers_words() {
        for (text, reason) in [
            ("1-2-3", "the fragment \"1-2-3\" violates the requirement"),
            ("1,x", "cannot convert string to integer for index: \"x\""),
            ("1, 2", "cannot convert string to integer for index: \" 2\""),
            ("-1", "cannot convert string to integer for index: \"\""),
            ("5", "too large index: \"5\""),
            ("0-5", "too large index: \"5\""),
            ("2,2", "non-increasing order, previous: 2, current: 2"),
            ("3-1", "non-increasing order, previous: 3, current: 1"),
            ("0-2,1", "non-increasing order, previous: 2, current: 1"),
        ] {
            let refused = Indexes::parse(text, 5).unwrap_err();
            assert!(refused.starts_with(reason), "{text}: {refused}");
        }
    }
}
