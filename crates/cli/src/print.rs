//! Writing to standard output: whoever has stopped reading has read enough.

use std::io::{self, BufWriter, ErrorKind, Write};

use crate::exit;
use crate::failure::{Attempt as _, Failure};

/// Lets `write` print, without colours of its own.
pub(crate) fn plain(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    through(BufWriter::new(io::stdout().lock()), write)
}

/// Lets `write` print, with colours where the terminal takes them.
pub(crate) fn coloured(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    through(BufWriter::new(anstream::stdout()), write)
}

/// Prints a text, with its colours where the terminal takes them.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    coloured(|out| out.write_all(text.as_bytes()))
}

fn through<W: Write>(
    mut out: BufWriter<W>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let printed = write(&mut out).and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.attempt(exit::UNASKED, || "write to standard output".to_owned()),
    }
}
