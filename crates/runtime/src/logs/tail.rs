//! The end of a log: found from behind, without reading what comes before it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use super::place::Place;
use super::reader::{Numbered, Query, Reader};
use super::record::Record;

const BLOCK: u64 = 1 << 16;
/// What is looked at of a record: more than comes before its text.
const HEAD: usize = 64;
/// How far before the first wanted line the beginning of one of the other stream is looked for.
const FURTHER: u64 = 1 << 18;
/// What the kubelet takes of a log for a termination message (`FallbackToLogsOnError`).
const MESSAGE_LINES: u64 = 80;
const MESSAGE_BYTES: usize = 2048;

/// The end of an attempt's log, for `terminationMessagePolicy: FallbackToLogsOnError`: at most 80 lines, and of these the
/// last 2048 bytes. Empty where there is no log.
///
/// # Errors
/// The log cannot be read.
pub fn log_tail(place: &Place) -> io::Result<String> {
    let query = Query {
        tail: Some(MESSAGE_LINES),
        since: None,
    };
    let mut reader = match Reader::open(place, &query) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        reader => reader?,
    };
    let mut text = Vec::new();
    let mut add = |line: &[u8]| {
        text.extend_from_slice(line);
        let surplus = text.len().saturating_sub(MESSAGE_BYTES);
        text.drain(..surplus);
    };
    while let Some(line) = reader.next()? {
        add(&line.text);
    }
    for line in reader.rest() {
        add(&line.text);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Puts files where their last `lines` lines begin, or before that: returns how many lines are to be passed over first.
pub(super) fn seek(files: &mut VecDeque<Numbered>, lines: u64) -> io::Result<u64> {
    let mut count = Count::new(lines);
    for index in (0..files.len()).rev() {
        let Some(file) = files.get_mut(index) else { break };
        if let Some(start) = search(&mut file.file, &mut count)? {
            file.file.seek(SeekFrom::Start(start))?;
            files.drain(..index);
            return Ok(count.unwanted);
        }
        file.file.rewind()?;
    }
    Ok(count.unwanted)
}

struct Count {
    /// Lines that are still to be found.
    wanted: u64,
    /// Lines that end before those, after the place that was found.
    unwanted: u64,
    /// By stream: whether a record was seen.
    seen: [bool; 2],
    /// By stream: whether an unwanted line's end was seen.
    before: [bool; 2],
    /// The bytes that were passed since all wanted lines were found.
    further: u64,
}

impl Count {
    fn new(lines: u64) -> Self {
        Self {
            wanted: lines,
            unwanted: 0,
            seen: [false; 2],
            before: [false; 2],
            further: 0,
        }
    }

    /// Takes a record into account, coming from behind. Whether this is the place to read from.
    fn record(&mut self, head: &[u8]) -> bool {
        let Some(record) = Record::parse(head) else {
            return false;
        };
        let stream = record.stream.index();
        // A line that has no end yet is one too.
        let last = !std::mem::replace(&mut self.seen[stream], true);
        if !record.full && !last {
            return false;
        }
        if self.wanted > 0 {
            self.wanted -= 1;
            return false;
        }
        if record.full {
            self.unwanted += 1;
            self.before[stream] = true;
        }
        self.before == [true; 2]
    }
}

/// Looks for the place in one file, from behind. `None`: it is further ahead.
fn search(file: &mut File, count: &mut Count) -> io::Result<Option<u64>> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut position = end;
    let mut following: Vec<u8> = Vec::new();
    while position > 0 {
        let from = position.saturating_sub(BLOCK);
        let length = position - from;
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(length).read_to_end(&mut block)?;
        let own = block.len();
        block.extend_from_slice(&following);
        let head = |start: usize| {
            let head = &block[start..block.len().min(start + HEAD)];
            &head[..memchr::memchr(b'\n', head).unwrap_or(head.len())]
        };
        let starts = memchr::memrchr_iter(b'\n', &block[..own]).map(|at| at + 1);
        for start in starts.chain((from == 0).then_some(0)) {
            let place = from + start as u64;
            if place < end && count.record(head(start)) {
                return Ok(Some(place));
            }
        }
        if count.wanted == 0 {
            count.further += length;
            // Only at the beginning of a record can be begun.
            if count.further > FURTHER
                && let Some(start) = memchr::memchr(b'\n', &block[..own])
            {
                return Ok(Some(from + start as u64 + 1));
            }
        }
        block.truncate(HEAD);
        following = block;
        position = from;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::logs::file::LogFile;
    use crate::logs::record::{Stream, header};
    use crate::logs::{Rotation, format_time};

    fn record(stream: Stream, full: bool, text: &str) -> Vec<u8> {
        let head = header(&format_time(UNIX_EPOCH), stream, full);
        [&head[..], text.as_bytes(), b"\n"].concat()
    }

    fn written(place: &Place, max_bytes: u64, records: &[Vec<u8>]) {
        let rotation = Rotation {
            max_bytes,
            max_files: u32::MAX,
        };
        let mut log = LogFile::open(place.clone(), rotation, |_| {});
        for record in records {
            log.append(record, UNIX_EPOCH);
        }
    }

    fn last(place: &Place, lines: u64) -> Vec<String> {
        let query = Query {
            tail: Some(lines),
            since: None,
        };
        let mut reader = Reader::open(place, &query).unwrap();
        let mut said = Vec::new();
        while let Some(line) = reader.next().unwrap() {
            said.push(String::from_utf8(line.text).unwrap());
        }
        said.extend(
            reader
                .rest()
                .into_iter()
                .map(|line| String::from_utf8(line.text).unwrap()),
        );
        said
    }

    #[test]
    fn finds_the_last_lines_across_files_and_blocks() {
        let all: Vec<String> = (0..2000).map(|number| format!("line {number}")).collect();
        let records: Vec<Vec<u8>> = all
            .iter()
            .map(|text| record(Stream::Stdout, true, text))
            .collect();
        for max_bytes in [500, 70_000, 1 << 20] {
            let pod = tempfile::tempdir().unwrap();
            let place = Place::new(pod.path(), "c", 0);
            written(&place, max_bytes, &records);
            for lines in [0, 1, 2, 3, 1400, 1999, 2000, 6000] {
                let from = all.len().saturating_sub(lines);
                let expected: Vec<String> = all[from..].iter().map(|text| format!("{text}\n")).collect();
                assert!(
                    last(&place, lines as u64) == expected,
                    "{lines} of files of {max_bytes}"
                );
            }
        }
    }

    #[test]
    fn tears_no_line_whose_parts_lie_between_those_of_the_other_stream() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        written(
            &place,
            1 << 20,
            &[
                record(Stream::Stderr, true, "old"),
                record(Stream::Stdout, true, "first"),
                record(Stream::Stdout, false, "a"),
                record(Stream::Stderr, true, "err"),
                record(Stream::Stdout, true, "b"),
                record(Stream::Stderr, false, "no end"),
            ],
        );
        assert_eq!(last(&place, 1), ["no end"]);
        assert_eq!(last(&place, 2), ["ab\n", "no end"]);
        assert_eq!(last(&place, 3), ["err\n", "ab\n", "no end"]);
    }

    #[test]
    fn takes_80_lines_and_2048_bytes_for_a_message() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        assert_eq!(log_tail(&place).unwrap(), "");
        let short: Vec<Vec<u8>> = (0..100).map(|_| record(Stream::Stdout, true, "short")).collect();
        written(&place, 1 << 20, &short);
        assert_eq!(log_tail(&place).unwrap(), "short\n".repeat(80));
        written(
            &place,
            1 << 20,
            &[record(Stream::Stderr, true, &"x".repeat(3000))],
        );
        assert_eq!(log_tail(&place).unwrap(), format!("{}\n", "x".repeat(2047)));
    }
}
