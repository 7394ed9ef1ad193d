//! The file that a log is written to: whole records, rotated by size, with what a full disk took said in their place.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use super::place::{self, Place, Rotation};
use super::record::{HEADER, Stream, header, is_full, stream_of};
use super::timestamp;

/// Output of a container that could not be kept. Told once a log: what is lost is counted in the log itself.
#[derive(Debug, thiserror::Error)]
#[error("output of a container is lost while its log {} cannot be written", path.display())]
pub struct Trouble {
    /// The log.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

/// One write to a file, as the system does it: of a part, where there is no room for the whole.
type Write = Box<dyn FnMut(&File, &[u8]) -> io::Result<usize> + Send>;

/// The log of one attempt, while it is written.
pub(super) struct LogFile {
    place: Place,
    rotation: Rotation,
    /// None while none can be made.
    file: Option<File>,
    /// What was there before has been looked at.
    opened: bool,
    /// What the file gets when it is rotated.
    number: u64,
    /// Of the file, up to the end of its last whole record.
    size: u64,
    /// The file ends in the middle of a record.
    torn: bool,
    /// By stream: the last record that was written is a part of a line.
    open: [bool; 2],
    /// The container's bytes that were not written since the last that were, and why.
    lost: u64,
    reason: String,
    report: Option<Box<dyn FnOnce(Trouble) + Send>>,
    write: Write,
}

impl LogFile {
    /// Opens the log, behind what it has already. Where that is not possible it is tried again with everything that is
    /// written, which is lost until then.
    pub(super) fn open(
        place: Place,
        rotation: Rotation,
        report: impl FnOnce(Trouble) + Send + 'static,
    ) -> Self {
        let mut log = Self {
            place,
            rotation: Rotation {
                max_bytes: rotation.max_bytes.max(1),
                max_files: rotation.max_files.max(2),
            },
            file: None,
            opened: false,
            number: 1,
            size: 0,
            torn: false,
            open: [false; 2],
            lost: 0,
            reason: String::new(),
            report: Some(Box::new(report)),
            write: Box::new(|mut file, bytes| io::Write::write(&mut file, bytes)),
        };
        // The first write says what is wrong, and that it was lost.
        let _ = log.take_up();
        log
    }

    /// Finds out what is there before anything is written.
    fn take_up(&mut self) -> io::Result<()> {
        if self.opened {
            return Ok(());
        }
        std::fs::create_dir_all(self.place.directory())?;
        let file = append(&self.place.current(), false)?;
        let size = file.metadata()?.len();
        self.number = self.place.numbers()?.last().map_or(1, |last| last + 1);
        place::forget_older(&self.place)?;
        self.file = Some(file);
        self.size = size;
        // Whoever wrote it may have been killed: a line feed more is an empty line that readers skip.
        self.torn = size > 0;
        self.opened = true;
        Ok(())
    }

    /// How many bytes are best written at once: the more, the larger the pieces of memory that the system takes for them.
    pub(super) fn portion(&self) -> usize {
        const PORTION: u64 = 1024 * 1024;
        usize::try_from(self.rotation.max_bytes.min(PORTION)).unwrap_or(0)
    }

    /// Writes whole records of one stream. What cannot be written is counted, and said before what is written next.
    pub(super) fn append(&mut self, records: &[u8], now: SystemTime) {
        if records.is_empty() {
            return;
        }
        if self.lost > 0 && self.say_what_is_lost(now).is_err() {
            self.lost += text_of(records);
            return;
        }
        if let Err((written, error)) = self.put(records) {
            self.lost += text_of(&records[written..]);
            self.reason = error.to_string();
            if let Some(report) = self.report.take() {
                report(Trouble {
                    path: self.place.current(),
                    source: error,
                });
            }
        }
    }

    /// Everything was said: what is lost, if it can be said at last.
    pub(super) fn finish(&mut self, now: SystemTime) {
        if self.lost > 0 {
            // There is no next time: the report has been made.
            let _ = self.say_what_is_lost(now);
        }
    }

    fn say_what_is_lost(&mut self, now: SystemTime) -> io::Result<()> {
        let time = timestamp::format(now);
        let mut notice = Vec::new();
        for stream in [Stream::Stdout, Stream::Stderr] {
            // The end of such a line is lost: what comes next is no part of it.
            if self.open[stream.index()] {
                notice.extend_from_slice(&header(&time, stream, true));
                notice.push(b'\n');
            }
        }
        notice.extend_from_slice(&header(&time, Stream::Stderr, true));
        notice.extend_from_slice(
            format!(
                "porthole: {} bytes of output are lost here: the log could not be written: {}\n",
                self.lost, self.reason
            )
            .as_bytes(),
        );
        // In one piece or not at all.
        let before = self.size;
        match self.put(&notice) {
            Ok(()) => {
                self.lost = 0;
                Ok(())
            }
            Err((_, error)) => {
                self.cut_back(before.min(self.size));
                Err(error)
            }
        }
    }

    /// Writes whole records, in a new file where this one has its size. On an error: how many bytes were written, which
    /// are whole records.
    fn put(&mut self, records: &[u8]) -> Result<(), (usize, io::Error)> {
        self.take_up().map_err(|error| (0, error))?;
        let room = self.rotation.max_bytes.saturating_sub(self.size);
        if self.size > 0 && records.len() as u64 > room {
            self.rotate().map_err(|error| (0, error))?;
        }
        if self.torn {
            self.write_all(b"\n").map_err(|(_, error)| (0, error))?;
            self.torn = false;
            self.size += 1;
        }
        let (written, result) = match self.write_all(records) {
            Ok(()) => (records.len(), Ok(())),
            Err((written, error)) => {
                let whole = memchr::memrchr(b'\n', &records[..written]).map_or(0, |end| end + 1);
                self.torn = written > whole;
                (whole, Err((whole, error)))
            }
        };
        self.size += written as u64;
        if self.torn {
            self.cut_back(self.size);
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(last) = last_of(&records[..written], stream) {
                self.open[stream.index()] = !is_full(last);
            }
        }
        result
    }

    /// Shortens the file to whole records. Where that fails too, a line feed ends what is torn, later.
    fn cut_back(&mut self, size: u64) {
        if let Some(file) = &self.file
            && file.set_len(size).is_ok()
        {
            self.size = size;
            self.torn = false;
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let file = if let Some(file) = &self.file {
            file
        } else {
            let file = append(&self.place.current(), true).map_err(|error| (0, error))?;
            self.file.insert(file)
        };
        let mut written = 0;
        while written < bytes.len() {
            match (self.write)(file, &bytes[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    /// Puts the file away under its number, and the oldest out of the world; the next write makes a new one.
    fn rotate(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            std::fs::rename(self.place.current(), self.place.rotated(self.number))?;
            self.file = None;
            self.size = 0;
            self.torn = false;
            self.number += 1;
        }
        let numbers = self.place.numbers()?;
        let kept = usize::try_from(self.rotation.max_files - 1).unwrap_or(usize::MAX);
        for number in numbers.iter().take(numbers.len().saturating_sub(kept)) {
            let oldest = self.place.rotated(*number);
            let room = keep_room(&oldest);
            place::remove(&oldest)?;
            give_back(room);
        }
        Ok(())
    }
}

/// What keeps a file's room when its name is gone. On Windows the name of an open file may stay: nothing.
fn keep_room(path: &std::path::Path) -> Option<File> {
    if cfg!(unix) { File::open(path).ok() } else { None }
}

/// Gives the room of a removed file back on a thread of its own: that takes as long as to write a part of the next one.
fn give_back(room: Option<File>) {
    let Some(room) = room else { return };
    // Without a thread it is given back here.
    let _ = std::thread::Builder::new()
        .name("log-room".to_owned())
        .stack_size(32 * 1024)
        .spawn(move || drop(room));
}

/// The container's own bytes in whole records.
fn text_of(records: &[u8]) -> u64 {
    let text = |record: &[u8]| {
        record
            .len()
            .saturating_sub(HEADER + usize::from(!is_full(record)))
    };
    records
        .split_inclusive(|byte| *byte == b'\n')
        .map(|record| text(record) as u64)
        .sum()
}

/// The last record of a stream. Records of one write are of one stream, but for the notice's.
fn last_of(records: &[u8], stream: Stream) -> Option<&[u8]> {
    let mut rest = records;
    while let Some(whole) = rest.strip_suffix(b"\n") {
        let start = memchr::memrchr(b'\n', whole).map_or(0, |end| end + 1);
        let record = &rest[start..];
        if stream_of(record) == stream {
            return Some(record);
        }
        rest = &rest[..start];
        if rest.len() > 1024 {
            // Not a notice, and so of the other stream alone.
            return None;
        }
    }
    None
}

fn append(path: &std::path::Path, new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).create_new(new);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::logs::{Query, Reader};

    fn record(stream: Stream, full: bool, text: &str) -> Vec<u8> {
        let mut record = header(&timestamp::format(UNIX_EPOCH), stream, full).to_vec();
        record.extend_from_slice(text.as_bytes());
        record.push(b'\n');
        record
    }

    fn lines(place: &Place) -> Vec<String> {
        let mut reader = Reader::open(place, &Query::default()).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = reader.next().unwrap() {
            lines.push(String::from_utf8(line.text).unwrap());
        }
        assert_eq!(reader.unreadable(), 0);
        lines
    }

    /// A log on a disk with so much room, and what it tells of its trouble.
    fn on_a_disk(place: &Place, room: &Arc<AtomicUsize>) -> (LogFile, mpsc::Receiver<Trouble>) {
        let (tell, told) = mpsc::channel();
        let mut log = LogFile::open(place.clone(), Rotation::default(), move |trouble| {
            let _ = tell.send(trouble);
        });
        let room = Arc::clone(room);
        log.write = Box::new(move |mut file, bytes| {
            let length = bytes.len().min(room.load(Ordering::Relaxed));
            if length == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            room.fetch_sub(length, Ordering::Relaxed);
            io::Write::write(&mut file, &bytes[..length])
        });
        (log, told)
    }

    #[test]
    fn a_full_disk_tears_no_line_and_what_it_took_is_said() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        let one = record(Stream::Stdout, true, "one");
        // The second record is cut in its text.
        let room = Arc::new(AtomicUsize::new(one.len() + HEADER + 1));
        let (mut log, told) = on_a_disk(&place, &room);
        log.append(&[one, record(Stream::Stdout, true, "two")].concat(), UNIX_EPOCH);
        assert_eq!(lines(&place), ["one\n"]);
        room.store(0, Ordering::Relaxed);
        log.append(&record(Stream::Stderr, false, "three"), UNIX_EPOCH);
        room.store(10_000, Ordering::Relaxed);
        log.append(&record(Stream::Stdout, true, "four"), UNIX_EPOCH);
        let said = lines(&place);
        assert_eq!(said[0], "one\n");
        // `two` with its end and `three` without one.
        assert!(
            said[1].starts_with("porthole: 9 bytes of output are lost here:"),
            "{said:?}"
        );
        assert_eq!(said[2], "four\n");
        assert_eq!(told.try_iter().count(), 1);
    }

    #[test]
    fn what_is_said_before_the_log_can_be_made_is_counted() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        // A file where the directory of all logs must be.
        std::fs::write(pod.path().join("logs"), "").unwrap();
        let (tell, told) = mpsc::channel();
        let mut log = LogFile::open(place.clone(), Rotation::default(), move |trouble: Trouble| {
            let _ = tell.send(trouble.path);
        });
        log.append(&record(Stream::Stdout, true, "early"), UNIX_EPOCH);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [place.current()]);
        std::fs::remove_file(pod.path().join("logs")).unwrap();
        log.append(&record(Stream::Stdout, true, "late"), UNIX_EPOCH);
        let said = lines(&place);
        assert!(
            said[0].starts_with("porthole: 6 bytes of output are lost here:"),
            "{said:?}"
        );
        assert_eq!(said[1..], ["late\n"]);
    }

    #[test]
    fn a_line_whose_end_is_lost_ends_where_it_is_lost() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        let room = Arc::new(AtomicUsize::new(10_000));
        let (mut log, _told) = on_a_disk(&place, &room);
        log.append(&record(Stream::Stdout, false, "begin"), UNIX_EPOCH);
        room.store(0, Ordering::Relaxed);
        log.append(&record(Stream::Stdout, true, "end"), UNIX_EPOCH);
        room.store(10_000, Ordering::Relaxed);
        log.finish(UNIX_EPOCH);
        log.append(&record(Stream::Stdout, true, "next"), UNIX_EPOCH);
        let said = lines(&place);
        assert_eq!(
            (said.len(), said[0].as_str(), said[2].as_str()),
            (3, "begin\n", "next\n")
        );
    }

    #[test]
    fn keeps_so_many_files_of_so_many_bytes() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 1);
        let rotation = Rotation {
            max_bytes: 100,
            max_files: 3,
        };
        let mut log = LogFile::open(place.clone(), rotation, |_| {});
        // Two of them are one file.
        for number in 0..20 {
            log.append(&record(Stream::Stdout, true, &format!("{number:05}")), UNIX_EPOCH);
        }
        assert_eq!(place.numbers().unwrap(), [8, 9]);
        assert_eq!(
            lines(&place),
            (14..20)
                .map(|number| format!("{number:05}\n"))
                .collect::<Vec<_>>()
        );
        for entry in std::fs::read_dir(place.directory()).unwrap() {
            assert!(entry.unwrap().metadata().unwrap().len() <= 100);
        }
    }

    #[test]
    fn goes_on_behind_what_a_killed_writer_left() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        std::fs::create_dir_all(place.directory()).unwrap();
        let whole = record(Stream::Stdout, true, "whole");
        std::fs::write(place.current(), [&whole[..], &whole[..HEADER + 2]].concat()).unwrap();
        let mut log = LogFile::open(place.clone(), Rotation::default(), |_| {});
        log.append(&record(Stream::Stdout, true, "next"), UNIX_EPOCH);
        assert_eq!(lines(&place), ["whole\n", "wh\n", "next\n"]);
    }

    #[cfg(unix)]
    #[test]
    fn logs_are_for_their_owner_and_group() {
        use std::os::unix::fs::PermissionsExt as _;

        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        LogFile::open(place.clone(), Rotation::default(), |_| {});
        let mode = std::fs::metadata(place.current()).unwrap().permissions().mode();
        // Less what the umask takes.
        assert_eq!(mode & 0o777 & !0o640, 0);
    }
}
