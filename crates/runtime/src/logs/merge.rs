//! The logs of several containers as one, by time.

use std::io;

use super::reader::{Line, Reader};

/// Several logs, read as one. Within each the order is that of the log, whatever its clock did.
#[derive(Debug, Default)]
pub struct Merge(Vec<(Reader, Option<Line>)>);

impl Merge {
    /// Of logs that are known by their place in this list.
    #[must_use]
    pub fn new(readers: Vec<Reader>) -> Self {
        Self(readers.into_iter().map(|reader| (reader, None)).collect())
    }

    /// Reads one more log, whose place in the list is the next.
    pub fn add(&mut self, reader: Reader) {
        self.0.push((reader, None));
    }

    /// The oldest of the next lines that are there, with the number of its log. `None`: there is none yet.
    ///
    /// # Errors
    /// A log could not be read.
    #[expect(clippy::should_implement_trait, reason = "after `None` there may be more")]
    pub fn next(&mut self) -> io::Result<Option<(usize, Line)>> {
        for (reader, next) in &mut self.0 {
            if next.is_none() {
                *next = reader.next()?;
            }
        }
        let oldest = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(index, (_, next))| Some((index, &next.as_ref()?.time)))
            .min_by_key(|(_, time)| *time)
            .map(|(index, _)| index);
        Ok(oldest.and_then(|index| Some((index, self.0.get_mut(index)?.1.take()?))))
    }

    /// The lines that have no end, when there is no more to come.
    pub fn rest(&mut self) -> Vec<(usize, Line)> {
        let rest = |(index, (reader, _)): (usize, &mut (Reader, Option<Line>))| {
            reader.rest().into_iter().map(move |line| (index, line))
        };
        self.0.iter_mut().enumerate().flat_map(rest).collect()
    }

    /// How many records could not be read so far, and how many files were removed by rotation before they were read.
    #[must_use]
    pub fn unreadable_and_missed(&self) -> (u64, u64) {
        self.0.iter().fold((0, 0), |(unreadable, missed), (reader, _)| {
            (unreadable + reader.unreadable(), missed + reader.missed())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::logs::file::LogFile;
    use crate::logs::record::{Stream, header};
    use crate::logs::{Place, Query, Rotation, format_time};

    #[test]
    fn interleaves_by_time_and_keeps_each_logs_own_order() {
        let pod = tempfile::tempdir().unwrap();
        let reader = |container: &str, times: &[u64]| {
            let place = Place::new(pod.path(), container, 0);
            let mut log = LogFile::open(place.clone(), Rotation::default(), |_| {});
            for second in times {
                let time = UNIX_EPOCH + Duration::from_secs(*second);
                let head = header(&format_time(time), Stream::Stdout, true);
                log.append(&[&head[..], second.to_string().as_bytes(), b"\n"].concat(), time);
            }
            Reader::open(&place, &Query::default()).unwrap()
        };
        // The clock of the second one jumped back.
        let mut merge = Merge::new(vec![reader("a", &[1, 4, 9]), reader("b", &[2, 7, 3])]);
        let mut said = Vec::new();
        while let Some((index, line)) = merge.next().unwrap() {
            said.push((index, String::from_utf8(line.text).unwrap()));
        }
        let expected = [(0, "1"), (1, "2"), (0, "4"), (1, "7"), (1, "3"), (0, "9")];
        assert_eq!(said, expected.map(|(index, text)| (index, format!("{text}\n"))));
    }
}
