//! Output of a container on porthole's own console, and its input from there.
//!
//! A process that shares a console gets its Ctrl-C at once, before porthole has decided how the container is stopped. So a
//! container never shares porthole's; where porthole's own streams are a console, a thread brings the output there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::api::{Api, Handle};

/// A thread that brings one stream to the console.
pub(super) struct Relay {
    done: Receiver<()>,
}

impl Relay {
    /// Starts it for the read end of a pipe.
    pub(super) fn start(api: &dyn Api, from: Handle, which: u32) -> io::Result<Self> {
        let (from, mut to) = (api.file_of(from), api.own_stream(which));
        let (end, done) = mpsc::channel();
        std::thread::Builder::new()
            .name("relay".to_owned())
            .spawn(move || {
                bring(from, &mut *to);
                let _ = end.send(());
            })?;
        Ok(Self { done })
    }

    /// Waits until everything was shown. A console that is held (by a selection, say) is not waited for longer.
    pub(super) fn finish(&self, limit: Duration) {
        let _ = self.done.recv_timeout(limit);
    }
}

/// Brings what is typed on the console to the write end of a pipe, in a thread that ends when nobody reads there any more
/// or nothing more is typed. A line that is being waited for cannot be taken back: it is lost when the program has ended.
pub(super) fn feed(api: &dyn Api, to: Handle) -> io::Result<()> {
    let (mut from, mut to) = (api.own_input(), api.file_of(to));
    std::thread::Builder::new()
        .name("feed".to_owned())
        .spawn(move || io::copy(&mut from, &mut to))?;
    Ok(())
}

/// Copies text until its end. A console takes whole characters only: one that has come in part waits for the rest, and
/// what is none is shown as U+FFFD.
fn bring(mut from: File, to: &mut dyn Write) {
    let mut pending = Vec::new();
    let mut buffer = vec![0; 8192];
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        pending.extend_from_slice(&buffer[..length]);
        let whole = whole(&pending);
        // Output that nobody can see any more is still read, or the program would wait for ever.
        let _ = show(&pending[..whole], to);
        pending.drain(..whole);
    }
    let _ = show(&pending, to);
}

/// How many of the bytes are not the beginning of a character whose end is still to come.
fn whole(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(&bytes[at..]) {
        at += error.valid_up_to();
        match error.error_len() {
            Some(length) => at += length,
            None => return at,
        }
    }
    bytes.len()
}

fn show(bytes: &[u8], to: &mut dyn Write) -> io::Result<()> {
    to.write_all(String::from_utf8_lossy(bytes).as_bytes())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::super::api::{Processes as _, STD_OUTPUT_HANDLE};
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn brings_everything_and_says_when() {
        let fake = Fake::new();
        fake.contents(&["grüß\n"]);
        let relay = Relay::start(&*fake, fake.open_nul().unwrap(), STD_OUTPUT_HANDLE).unwrap();
        relay.finish(Duration::from_mins(1));
        assert_eq!(fake.shown(), "grüß\n");
    }

    #[test]
    fn characters_are_never_cut() {
        assert_eq!(whole("aü".as_bytes()), 3);
        assert_eq!(whole(&"aü".as_bytes()[..2]), 1);
        assert_eq!(whole(b"a\xff\xffb"), 4);
        assert_eq!(whole(b"a\xff\xe2\x82"), 2);
        let mut shown = Vec::new();
        show(b"a\xffb", &mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "a\u{FFFD}b");
    }
}
