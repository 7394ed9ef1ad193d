//! Reading the log of one attempt across its files, while it is written or after.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::time::SystemTime;

use super::place::Place;
use super::record::{Record, Stream};
use super::{tail, timestamp};

/// What of a log is wanted.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Lines of this moment and later.
    pub since: Option<SystemTime>,
    /// So many lines of those that are there now, the last ones; of these, `since` takes away further ones.
    pub tail: Option<u64>,
}

/// One line of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was read from the container: RFC 3339, as the log has it.
    pub time: String,
    /// Where it was said.
    pub stream: Stream,
    /// The bytes that were said, with the line feed where there was one: a line that is longer than [`LONGEST`] comes in
    /// pieces, and what is said last may have none.
    pub text: Vec<u8>,
}

/// Longer lines come in pieces of about so many bytes.
pub const LONGEST: usize = 1 << 20;
/// What is longer than this was not written by porthole, and is skipped.
const LONGEST_RECORD: usize = 1 << 17;
const BUFFER: usize = 1 << 16;

/// Reads the log of one attempt, line by line. It holds nothing that a writer waits for.
#[derive(Debug)]
pub struct Reader {
    place: Place,
    since: Option<SystemTime>,
    /// Files that are open and still to be read, the oldest first.
    files: VecDeque<Numbered>,
    /// The number that the file at the front has, or gets when it is rotated.
    number: u64,
    buffer: Vec<u8>,
    /// What of the buffer is still to be looked at.
    start: usize,
    /// A record that is too long to be one goes on.
    skipping: bool,
    /// The file at the front is not written any more.
    put_away: bool,
    /// Lines to be passed over, as they end.
    skip: u64,
    lines: [Unfinished; 2],
    unreadable: u64,
    missed: u64,
}

#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) file: File,
}

/// What came of a look at a record.
enum Looked {
    Line(Line),
    /// It ended no line that is wanted.
    Nothing,
    /// There is no whole one.
    TooLittle,
}

#[derive(Debug, Default)]
struct Unfinished {
    time: String,
    text: Vec<u8>,
}

impl Reader {
    /// Opens the log of an attempt.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(place: &Place, query: &Query) -> io::Result<Self> {
        let mut files = open_all(place)?;
        let skip = match query.tail {
            Some(lines) => tail::seek(&mut files, lines)?,
            None => 0,
        };
        let number = files.front().map_or(1, |file| file.number);
        Ok(Self {
            place: place.clone(),
            since: query.since,
            files,
            number,
            buffer: Vec::new(),
            start: 0,
            skipping: false,
            put_away: false,
            skip,
            lines: Default::default(),
            unreadable: 0,
            missed: 0,
        })
    }

    /// The next line of those that are there. `None`: there is none yet.
    ///
    /// # Errors
    /// A file could not be read.
    #[expect(clippy::should_implement_trait, reason = "after `None` there may be more")]
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            loop {
                match self.next_record() {
                    Looked::Line(line) => return Ok(Some(line)),
                    Looked::Nothing => {}
                    Looked::TooLittle => break,
                }
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The lines that have no end, when there is no more to come.
    pub fn rest(&mut self) -> Vec<Line> {
        let mut rest = Vec::new();
        // The last record of a writer that was killed has no end.
        if self.start < self.buffer.len() && !self.skipping {
            self.buffer.push(b'\n');
            if let Looked::Line(line) = self.next_record() {
                rest.push(line);
            }
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.lines[stream.index()].text.is_empty() {
                rest.extend(self.take(stream));
            }
        }
        rest
    }

    /// How many records could not be read so far.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// How many files were removed by rotation before they could be read, so far.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Reads more. `false`: there is no more at the moment.
    fn fill(&mut self) -> io::Result<bool> {
        loop {
            self.buffer.drain(..self.start);
            self.start = 0;
            if let Some(front) = self.files.front_mut() {
                let before = self.buffer.len();
                self.buffer.resize(before + BUFFER, 0);
                let read = read(&mut front.file, &mut self.buffer[before..]);
                self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
                if read? > 0 {
                    return Ok(true);
                }
                if !self.put_away {
                    // Renamed only after its last write: what is there now is all.
                    self.put_away = self.files.len() > 1 || self.is_put_away()?;
                    if !self.put_away {
                        // Nothing is kept while nothing comes.
                        self.buffer.shrink_to_fit();
                        return Ok(false);
                    }
                    continue;
                }
                // The last record of a file whose writer was killed has no end; it is as good as if it had.
                if !self.buffer.is_empty() {
                    self.buffer.push(b'\n');
                    return Ok(true);
                }
                self.files.pop_front();
                self.skipping = false;
                self.number += 1;
            }
            self.put_away = false;
            if self.files.is_empty() {
                match open_numbered(&self.place, self.number)? {
                    None => return Ok(false),
                    Some(file) => self.files.push_back(file),
                }
            }
            if let Some(front) = self.files.front() {
                self.missed += front.number.saturating_sub(self.number);
                self.number = front.number;
            }
        }
    }

    /// Whether a younger file than the one at the front has been begun, or everything was removed.
    fn is_put_away(&self) -> io::Result<bool> {
        match self.place.numbers() {
            Ok(numbers) => Ok(numbers.last().is_some_and(|last| *last >= self.number)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Looks at one record of the buffer.
    fn next_record(&mut self) -> Looked {
        let rest = &self.buffer[self.start..];
        let Some(end) = memchr::memchr(b'\n', rest) else {
            if rest.len() > LONGEST_RECORD {
                self.start = self.buffer.len();
                self.skipping = true;
            }
            return Looked::TooLittle;
        };
        let record = &self.buffer[self.start..self.start + end];
        self.start += end + 1;
        if std::mem::take(&mut self.skipping) {
            self.unreadable += 1;
            return Looked::Nothing;
        }
        // An empty line ends what a killed writer left.
        if record.is_empty() {
            return Looked::Nothing;
        }
        let Some(record) = Record::parse(record) else {
            self.unreadable += 1;
            return Looked::Nothing;
        };
        let line = &mut self.lines[record.stream.index()];
        if line.time.is_empty() {
            line.time = String::from_utf8_lossy(record.time).into_owned();
        }
        line.text.extend_from_slice(record.text);
        let (stream, full) = (record.stream, record.full);
        if full {
            line.text.push(b'\n');
        }
        if !full && self.lines[stream.index()].text.len() < LONGEST {
            return Looked::Nothing;
        }
        let wanted = self.take(stream);
        if full {
            self.lines[stream.index()] = Unfinished::default();
            if self.skip > 0 {
                self.skip -= 1;
                return Looked::Nothing;
            }
        }
        match wanted {
            Some(line) if self.skip == 0 => Looked::Line(line),
            _ => Looked::Nothing,
        }
    }

    /// Takes what there is of a line, if it is of a moment that is wanted.
    fn take(&mut self, stream: Stream) -> Option<Line> {
        let line = &mut self.lines[stream.index()];
        let (time, text) = (line.time.clone(), std::mem::take(&mut line.text));
        let wanted = match (self.since, timestamp::parse(time.as_bytes())) {
            (Some(since), Some(time)) => time >= since,
            _ => true,
        };
        wanted.then_some(Line { time, stream, text })
    }
}

fn read(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// All files of a log, the oldest first, opened before any of them is read: rotation takes none away any more.
fn open_all(place: &Place) -> io::Result<VecDeque<Numbered>> {
    let mut files = VecDeque::new();
    let mut next = 0;
    while let Some(file) = open_numbered(place, next)? {
        next = file.number + 1;
        files.push_back(file);
    }
    if files.is_empty() {
        // Between a file that was put away and the next there is none for a moment; a log has more than that.
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(files)
}

/// Opens the file of a number, or the oldest of those after it: the one that is being written where no file has been put
/// away under such a number. `None`: there is none, or none yet.
fn open_numbered(place: &Place, number: u64) -> io::Result<Option<Numbered>> {
    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    // Every turn but the last saw a rotation.
    loop {
        let numbers = match place.numbers() {
            Err(error) if missing(&error) => return Ok(None),
            numbers => numbers?,
        };
        if let Some(found) = numbers.iter().find(|found| **found >= number) {
            match File::open(place.rotated(*found)) {
                Err(error) if missing(&error) => continue,
                file => {
                    return Ok(Some(Numbered {
                        number: *found,
                        file: file?,
                    }));
                }
            }
        }
        let written = numbers.last().map_or(1, |last| last + 1);
        if written < number {
            return Ok(None);
        }
        let file = match File::open(place.current()) {
            Err(error) if missing(&error) => None,
            file => Some(file?),
        };
        // Only if nothing was put away meanwhile is it the file of that number.
        match place.numbers() {
            Err(error) if missing(&error) => return Ok(None),
            Ok(again) if again.last() != numbers.last() => {}
            Err(error) => return Err(error),
            Ok(_) => {
                return Ok(file.map(|file| Numbered {
                    number: written,
                    file,
                }));
            }
        }
    }
}
