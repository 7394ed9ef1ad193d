//! Records: how a stream's bytes are cut into them, and how one is read.

use super::timestamp;

/// One of a program's two outputs. A terminal has one, which is taken for standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// 0 or 1, for what is kept of each.
    pub(super) fn index(self) -> usize {
        usize::from(self == Self::Stderr)
    }
}

/// Longer lines are written in parts, as containerd does (`max_container_log_line_size`).
pub(super) const MAX_TEXT: usize = 16 * 1024;
/// What comes before the text.
pub(super) const HEADER: usize = timestamp::LENGTH + b" stdout F ".len();
const TAG: usize = HEADER - 2;

/// What comes before the text of a record.
pub(super) fn header(time: &[u8; timestamp::LENGTH], stream: Stream, full: bool) -> [u8; HEADER] {
    let mut header = [b' '; HEADER];
    header[..timestamp::LENGTH].copy_from_slice(time);
    header[timestamp::LENGTH + 1..TAG - 1].copy_from_slice(match stream {
        Stream::Stdout => b"stdout",
        Stream::Stderr => b"stderr",
    });
    header[TAG] = if full { b'F' } else { b'P' };
    header
}

/// Whether a record that [`header`] began is the last of its line.
pub(super) fn is_full(record: &[u8]) -> bool {
    record.get(TAG) == Some(&b'F')
}

/// The stream of a record that [`header`] began.
pub(super) fn stream_of(record: &[u8]) -> Stream {
    match record.get(timestamp::LENGTH + 1..TAG - 1) {
        Some(b"stderr") => Stream::Stderr,
        _ => Stream::Stdout,
    }
}

/// Cuts what comes from one stream into records.
#[derive(Debug)]
pub(super) struct Cutter {
    stream: Stream,
    /// The beginning of a line, of at most [`MAX_TEXT`] bytes.
    pending: Vec<u8>,
}

impl Cutter {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            pending: Vec::new(),
        }
    }

    /// Adds the records of `data` to `out`, and calls `full` whenever that has `limit` bytes; what it leaves is kept.
    pub(super) fn cut(
        &mut self,
        data: &[u8],
        time: &[u8; timestamp::LENGTH],
        out: &mut Vec<u8>,
        limit: usize,
        mut full: impl FnMut(&mut Vec<u8>),
    ) {
        let whole = header(time, self.stream, true);
        let part = header(time, self.stream, false);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', data) {
            let mut line = &data[start..=end];
            start = end + 1;
            if !self.pending.is_empty() || line.len() > MAX_TEXT + 1 {
                line = self.parts(line, &part, 1, out, limit, &mut full);
                out.extend_from_slice(&whole);
                out.append(&mut self.pending);
            } else {
                out.extend_from_slice(&whole);
            }
            out.extend_from_slice(line);
            if out.len() >= limit {
                full(out);
            }
        }
        let rest = self.parts(&data[start..], &part, 0, out, limit, &mut full);
        self.pending.extend_from_slice(rest);
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
    }

    /// Writes parts until what is pending and what is returned are one record's text at most; `end` bytes of that are not
    /// text.
    fn parts<'a>(
        &mut self,
        mut text: &'a [u8],
        part: &[u8; HEADER],
        end: usize,
        out: &mut Vec<u8>,
        limit: usize,
        full: &mut impl FnMut(&mut Vec<u8>),
    ) -> &'a [u8] {
        while self.pending.len() + text.len() > MAX_TEXT + end {
            let (now, later) = text.split_at(MAX_TEXT - self.pending.len());
            out.extend_from_slice(part);
            out.append(&mut self.pending);
            out.extend_from_slice(now);
            out.push(b'\n');
            text = later;
            if out.len() >= limit {
                full(out);
            }
        }
        text
    }

    /// The stream has ended: a line without an end is a part, as containerd writes it.
    pub(super) fn finish(&mut self, time: &[u8; timestamp::LENGTH], out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            out.extend_from_slice(&header(time, self.stream, false));
            out.append(&mut self.pending);
            out.push(b'\n');
        }
    }
}

/// One record, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) time: &'a [u8],
    pub(super) stream: Stream,
    /// The line ends with this record.
    pub(super) full: bool,
    pub(super) text: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a record without its line feed. The tag may have further ones behind a colon, which nobody uses yet.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.splitn(4, |byte| *byte == b' ');
        let time = fields.next()?;
        let stream = match fields.next()? {
            b"stdout" => Stream::Stdout,
            b"stderr" => Stream::Stderr,
            _ => return None,
        };
        let full = match fields.next()?.split(|byte| *byte == b':').next()? {
            b"F" => true,
            b"P" => false,
            _ => return None,
        };
        Some(Self {
            time,
            stream,
            full,
            text: fields.next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &[u8; 30] = b"2026-11-22T09:00:00.000000000Z";

    fn records(cutter: &mut Cutter, data: &[u8]) -> Vec<(bool, usize)> {
        let mut out = Vec::new();
        cutter.cut(data, TIME, &mut out, usize::MAX, |_| {});
        cutter.finish(TIME, &mut out);
        out.split_inclusive(|byte| *byte == b'\n')
            .map(|line| {
                let record = Record::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
                (record.full, record.text.len())
            })
            .collect()
    }

    #[test]
    fn writes_the_format_of_the_cri() {
        let mut out = Vec::new();
        let mut cutter = Cutter::new(Stream::Stderr);
        cutter.cut(b"one\n\ntw", TIME, &mut out, usize::MAX, |_| {});
        cutter.cut(b"o\nrest", TIME, &mut out, usize::MAX, |_| {});
        cutter.finish(TIME, &mut out);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix("2026-11-22T09:00:00.000000000Z ").unwrap())
            .collect();
        assert_eq!(
            lines,
            ["stderr F one", "stderr F ", "stderr F two", "stderr P rest"]
        );
    }

    #[test]
    fn cuts_lines_only_where_they_are_longer_than_a_record() {
        let line = |length: usize| [vec![b'x'; length], vec![b'\n']].concat();
        let cut = |length| records(&mut Cutter::new(Stream::Stdout), &line(length));
        assert_eq!(cut(MAX_TEXT), [(true, MAX_TEXT)]);
        assert_eq!(cut(MAX_TEXT + 1), [(false, MAX_TEXT), (true, 1)]);
        assert_eq!(cut(2 * MAX_TEXT), [(false, MAX_TEXT), (true, MAX_TEXT)]);
        let mut open = Cutter::new(Stream::Stdout);
        assert_eq!(
            records(&mut open, &vec![b'x'; MAX_TEXT + 5]),
            [(false, MAX_TEXT), (false, 5)]
        );
    }

    #[test]
    fn refuses_what_is_no_record() {
        for line in ["", "a b c", "t stdout X text", "t stdin F text", "t stdout F"] {
            assert_eq!(Record::parse(line.as_bytes()), None, "{line}");
        }
        assert_eq!(Record::parse(b"t stdout F:x a b").unwrap().text, b"a b");
    }
}
