//! Reading a container's outputs: a thread a pipe, because Windows waits for one pipe at a time.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use crate::logs::Heard;

const MOST: usize = 64 * 1024;

/// Nothing ends a blocking read here: whoever waits for a [`pump`] does so with a limit.
#[derive(Debug)]
pub(crate) struct Stop(());

impl Stop {
    #[expect(clippy::unnecessary_wraps, reason = "can fail elsewhere")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(()))
    }

    #[expect(clippy::unused_self, reason = "as on other systems")]
    pub(crate) fn stop(&self) {}
}

/// Reads files to their end, at most `portion` bytes at once, and tells what comes, by the file's number.
pub(crate) fn pump(files: Vec<File>, portion: usize, _stop: &Stop, hear: &mut (dyn FnMut(Heard<'_>) + Send)) {
    let hear = Mutex::new(hear);
    let read = |index: usize, mut file: File| {
        let mut buffer = vec![0; portion.min(MOST)];
        loop {
            let heard = match file.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => Heard::End(index),
                Ok(length) => Heard::Bytes(index, &buffer[..length]),
            };
            let ended = matches!(heard, Heard::End(_));
            let mut hear = hear.lock().unwrap_or_else(PoisonError::into_inner);
            hear(heard);
            if ended {
                return;
            }
            // Nothing of a busy stream is kept for a quiet one.
            hear(Heard::Quiet);
        }
    };
    std::thread::scope(|scope| {
        let mut files = files.into_iter().enumerate();
        let first = files.next();
        for (index, file) in files {
            let read = &read;
            let started = std::thread::Builder::new()
                .stack_size(64 * 1024)
                .spawn_scoped(scope, move || read(index, file));
            // Without a thread the stream is closed, so that its writer does not wait for a reader.
            drop(started);
        }
        if let Some((index, file)) = first {
            read(index, file);
        }
    });
}
