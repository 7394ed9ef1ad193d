//! Lines on their way to whoever asked: what was said on standard error goes to standard error.

use std::io::{self, ErrorKind, Write};

use porthole_runtime::logs::{Line, Stream};

use crate::exit;
use crate::failure::{Attempt as _, Failure};

/// So much is gathered for one write.
const PORTION: usize = 1 << 16;

/// Whether whoever asked goes on listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// So far.
    Everything,
    /// Nobody reads any more.
    Enough,
}

pub(super) struct Printer {
    prefixes: Vec<String>,
    timestamps: bool,
    /// Written when the other stream's turn comes: on one screen they keep their order.
    pending: Vec<u8>,
    stream: Stream,
    /// Whose line has no end yet.
    unfinished: Option<(usize, Stream)>,
}

impl Printer {
    pub(super) fn new(containers: &[String], timestamps: bool) -> Self {
        let prefix = |name: &String| match containers.len() {
            1 => String::new(),
            _ => format!("[{name}] "),
        };
        Self {
            prefixes: containers.iter().map(prefix).collect(),
            timestamps,
            pending: Vec::new(),
            stream: Stream::Stdout,
            unfinished: None,
        }
    }

    pub(super) fn print(&mut self, container: usize, line: &Line) -> Result<Heard, Failure> {
        let own = (container, line.stream);
        let goes_on = self.unfinished == Some(own);
        if self.unfinished.is_some() && !goes_on {
            self.pending.push(b'\n');
        }
        let mut heard = Heard::Everything;
        if line.stream != self.stream || self.pending.len() > PORTION {
            heard = self.flush()?;
            self.stream = line.stream;
        }
        if !goes_on {
            if let Some(prefix) = self.prefixes.get(container) {
                self.pending.extend_from_slice(prefix.as_bytes());
            }
            if self.timestamps {
                self.pending.extend_from_slice(line.time.as_bytes());
                self.pending.push(b' ');
            }
        }
        self.pending.extend_from_slice(&line.text);
        self.unfinished = (!line.text.ends_with(b"\n")).then_some(own);
        Ok(heard)
    }

    pub(super) fn flush(&mut self) -> Result<Heard, Failure> {
        let written = match self.stream {
            Stream::Stdout => write(&mut io::stdout().lock(), &self.pending),
            Stream::Stderr => write(&mut io::stderr().lock(), &self.pending),
        };
        self.pending.clear();
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Heard::Enough),
            written => written
                .map(|()| Heard::Everything)
                .attempt(exit::UNASKED, || "write the log to standard output".to_owned()),
        }
    }
}

fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stream: Stream, text: &str) -> Line {
        Line {
            time: "T".to_owned(),
            stream,
            text: text.as_bytes().to_vec(),
        }
    }

    fn printed(names: &[&str], timestamps: bool, lines: &[(usize, &str)]) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut printer = Printer::new(&names, timestamps);
        for (container, text) in lines {
            printer.print(*container, &line(Stream::Stdout, text)).unwrap();
        }
        String::from_utf8(printer.pending).unwrap()
    }

    #[test]
    fn one_container_is_printed_as_it_spoke() {
        assert_eq!(printed(&["a"], false, &[(0, "one\n"), (0, "two")]), "one\ntwo");
        assert_eq!(printed(&["a"], true, &[(0, "one\n")]), "T one\n");
    }

    #[test]
    fn pieces_of_a_line_are_one_line_and_never_anothers() {
        let lines = [(0, "pie"), (0, "ce\n"), (1, "no end"), (0, "next\n")];
        assert_eq!(
            printed(&["a", "b"], false, &lines),
            "[a] piece\n[b] no end\n[a] next\n"
        );
    }
}
