//! The thread that writes down what a container says.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, SystemTime};

use super::file::{LogFile, Trouble};
use super::place::{Place, Rotation};
use super::record::{Cutter, Stream};
use super::timestamp;
use crate::engine::{Output, Terminal};
use crate::os::{Stop, pump};

/// How much is read at once.
const PORTION: usize = 512 * 1024;

/// What comes of a container's outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard<'a> {
    /// Something was said by the output of this number.
    Bytes(usize, &'a [u8]),
    /// The output of this number has ended.
    End(usize),
    /// Nothing is said at the moment: memory can be given back.
    Quiet,
}

/// Where a container's output comes from.
#[derive(Debug)]
pub enum Source {
    /// Two pipes.
    Pipes {
        /// Standard output.
        stdout: File,
        /// Standard error.
        stderr: File,
    },
    /// A terminal, whose output is taken for standard output.
    Terminal(File),
}

impl Source {
    /// The outputs of a container with pipes, and its standard input, which whoever has it may close.
    #[must_use]
    pub fn pipes(output: Output) -> (Self, Option<File>) {
        let Output {
            stdin,
            stdout,
            stderr,
        } = output;
        (Self::Pipes { stdout, stderr }, stdin)
    }

    /// The output of a container with a terminal, and what is typed.
    #[must_use]
    pub fn terminal(terminal: Terminal) -> (Self, File) {
        (Self::Terminal(terminal.output), terminal.input)
    }
}

/// Why a container's output is not written down.
#[derive(Debug, thiserror::Error)]
#[error("start a thread that writes the log {}", path.display())]
pub struct LogError {
    /// The file.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

/// A container's log while it is written.
///
/// The container never waits for the disk's room: what cannot be written is lost, counted, and said in the log when there is
/// room again. Dropping it does not end it; the end of the outputs does, and [`finish`](Self::finish).
#[derive(Debug)]
pub struct Follower {
    stop: Arc<Stop>,
    done: Receiver<()>,
}

impl Follower {
    /// Starts the thread. Logs of attempts before the previous one are removed. `trouble` is called on that thread, at most
    /// once, when output is lost for the first time: also where the log cannot be made, which is tried again.
    ///
    /// # Errors
    /// The system gave no thread. The outputs are closed then.
    pub fn start(
        place: &Place,
        rotation: Rotation,
        source: Source,
        trouble: impl FnOnce(Trouble) + Send + 'static,
    ) -> Result<Self, LogError> {
        let error = |source| LogError {
            path: place.current(),
            source,
        };
        let log = LogFile::open(place.clone(), rotation, trouble);
        let stop = Arc::new(Stop::new().map_err(error)?);
        let (end, done) = sync_channel(1);
        let stopped = Arc::clone(&stop);
        let (files, streams) = match source {
            Source::Pipes { stdout, stderr } => (vec![stdout, stderr], vec![Stream::Stdout, Stream::Stderr]),
            Source::Terminal(output) => (vec![output], vec![Stream::Stdout]),
        };
        std::thread::Builder::new()
            .name("log".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || {
                let mut writer = Writer::new(log, &streams);
                pump(files, PORTION, &stopped, &mut |heard| writer.hear(heard));
                writer.finish();
                drop(end);
            })
            .map_err(error)?;
        Ok(Self { stop, done })
    }

    /// Writes down what the container has said up to now, and ends. To be called when the container has ended, before
    /// anybody is told so: then its log is whole. `false` where `limit` was not enough for that.
    #[must_use]
    pub fn finish(self, limit: Duration) -> bool {
        self.stop.stop();
        // Nothing is ever sent: the sender goes away.
        self.done.recv_timeout(limit) != Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    }
}

/// Cuts what is heard into records and writes these.
pub(super) struct Writer {
    log: LogFile,
    cutters: Vec<Cutter>,
    out: Vec<u8>,
}

impl Writer {
    pub(super) fn new(log: LogFile, streams: &[Stream]) -> Self {
        Self {
            log,
            cutters: streams.iter().copied().map(Cutter::new).collect(),
            out: Vec::new(),
        }
    }

    pub(super) fn hear(&mut self, heard: Heard<'_>) {
        match heard {
            Heard::Bytes(index, bytes) => {
                let Some(cutter) = self.cutters.get_mut(index) else {
                    return;
                };
                // One moment for all that was read at once.
                let now = SystemTime::now();
                let time = timestamp::format(now);
                let limit = self.log.portion();
                let log = &mut self.log;
                let mut write = |records: &mut Vec<u8>| {
                    log.append(records, now);
                    records.clear();
                };
                cutter.cut(bytes, &time, &mut self.out, limit, &mut write);
                write(&mut self.out);
            }
            Heard::End(index) => self.end(index),
            Heard::Quiet => self.out = Vec::new(),
        }
    }

    fn end(&mut self, index: usize) {
        let now = SystemTime::now();
        if let Some(cutter) = self.cutters.get_mut(index) {
            cutter.finish(&timestamp::format(now), &mut self.out);
            self.log.append(&self.out, now);
            self.out.clear();
        }
    }

    pub(super) fn finish(&mut self) {
        for index in 0..self.cutters.len() {
            self.end(index);
        }
        self.log.finish(SystemTime::now());
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::logs::{Query, Reader};

    const LIMIT: Duration = Duration::from_secs(20);

    fn pipe() -> (File, File) {
        let (read, write) = io::pipe().unwrap();
        (OwnedFd::from(read).into(), OwnedFd::from(write).into())
    }

    #[test]
    fn keeps_both_outputs_to_their_ends() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        let ((stdout, mut out), (stderr, mut err)) = (pipe(), pipe());
        let source = Source::Pipes { stdout, stderr };
        let follower = Follower::start(&place, Rotation::default(), source, |_| {}).unwrap();
        out.write_all(b"out\nrest").unwrap();
        err.write_all(b"err\n").unwrap();
        drop((out, err));
        assert!(follower.finish(LIMIT));
        let mut reader = Reader::open(&place, &Query::default()).unwrap();
        let mut said = Vec::new();
        while let Some(line) = reader.next().unwrap() {
            said.push((line.stream, String::from_utf8(line.text).unwrap()));
        }
        said.extend(
            reader
                .rest()
                .into_iter()
                .map(|line| (line.stream, String::from_utf8(line.text).unwrap())),
        );
        said.sort_by_key(|(stream, _)| stream.index());
        let expected = [
            (Stream::Stdout, "out\n"),
            (Stream::Stdout, "rest"),
            (Stream::Stderr, "err\n"),
        ];
        assert_eq!(said, expected.map(|(stream, text)| (stream, text.to_owned())));
    }

    #[test]
    fn ends_when_asked_though_somebody_goes_on_writing() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        let ((stdout, mut out), (stderr, _err)) = (pipe(), pipe());
        let source = Source::Pipes { stdout, stderr };
        let follower = Follower::start(&place, Rotation::default(), source, |_| {}).unwrap();
        // Until nobody reads any more.
        let writer = std::thread::spawn(move || while out.write_all(&[b'\n'; 4096]).is_ok() {});
        assert!(follower.finish(LIMIT), "it ends within {LIMIT:?}");
        writer.join().unwrap();
    }

    #[test]
    fn ends_when_asked_though_somebody_has_the_pipe_and_loses_nothing_said_before() {
        let pod = tempfile::tempdir().unwrap();
        let place = Place::new(pod.path(), "c", 0);
        let ((stdout, mut out), (stderr, _err)) = (pipe(), pipe());
        let source = Source::Pipes { stdout, stderr };
        let follower = Follower::start(&place, Rotation::default(), source, |_| {}).unwrap();
        let said = vec![b'\n'; 60_000];
        out.write_all(&said).unwrap();
        assert!(follower.finish(LIMIT));
        let mut reader = Reader::open(&place, &Query::default()).unwrap();
        let mut lines = 0;
        while reader.next().unwrap().is_some() {
            lines += 1;
        }
        assert_eq!(lines, said.len());
    }
}
