//! Reading a container's outputs: one thread over all of them, which sleeps while nothing is said.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::logs::Heard;

/// As much as a pipe takes of an unprivileged process. Fewer changes between the writer and the reader.
const PIPE: usize = 1 << 20;
/// Whoever reads no more at once wants no larger pipe.
const LITTLE: usize = 64 * 1024;
/// How long nothing must be said before the buffers are given back.
const QUIET: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Ends a [`pump`] from another thread, once it has read everything that was said before.
#[derive(Debug)]
pub(crate) struct Stop(OwnedFd);

impl Stop {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(crate) fn stop(&self) {
        // The only failure is a counter at its limit, which is as good.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// Reads files to their end, at most `portion` bytes at once, and tells what comes, by the file's number.
pub(crate) fn pump(files: Vec<File>, portion: usize, stop: &Stop, hear: &mut (dyn FnMut(Heard<'_>) + Send)) {
    for file in files.iter().filter(|_| portion > LITTLE) {
        // Refused for what is not a pipe, and beyond what this user may have: then it is as large as it is.
        let _ = rustix::pipe::fcntl_setpipe_size(file, PIPE);
    }
    let mut files: Vec<Option<File>> = files.into_iter().map(Some).collect();
    let mut buffer = Vec::new();
    let mut stopping = false;
    // What was said before the stop is no more than a pipe holds: who goes on writing does not keep this from ending.
    let mut left = vec![PIPE; files.len()];
    while files.iter().any(Option::is_some) {
        let mut fds = vec![PollFd::new(&stop.0, PollFlags::IN)];
        fds.extend(
            files
                .iter()
                .flatten()
                .map(|file| PollFd::new(file, PollFlags::IN)),
        );
        let limit = match (stopping, buffer.is_empty()) {
            (true, _) => Some(Timespec::default()),
            (false, true) => None,
            (false, false) => Some(QUIET),
        };
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) if stopping => break,
            Ok(0) => {
                buffer = Vec::new();
                hear(Heard::Quiet);
                continue;
            }
            // A signal, or no memory for a moment (poll(2)): asked again.
            Ok(_) | Err(_) => {}
        }
        let said: Vec<bool> = fds[1..].iter().map(|fd| !fd.revents().is_empty()).collect();
        let stop_asked = !fds[0].revents().is_empty();
        drop(fds);
        // What is there now was said before: it is read until nothing is left, without waiting.
        let only_stop = stopping && !said.contains(&true);
        if only_stop {
            break;
        }
        stopping |= stop_asked;
        let mut said = said.into_iter();
        for (index, slot) in files.iter_mut().enumerate() {
            let Some(file) = slot else { continue };
            if said.next() != Some(true) {
                continue;
            }
            if buffer.is_empty() {
                buffer = vec![0; portion];
            }
            match file.read(&mut buffer) {
                Err(error) if retry(&error) => {}
                // A terminal that nobody has any more fails with EIO.
                Ok(0) | Err(_) => {
                    *slot = None;
                    hear(Heard::End(index));
                }
                Ok(length) => {
                    hear(Heard::Bytes(index, &buffer[..length]));
                    if let Some(left) = left.get_mut(index).filter(|_| stopping) {
                        *left = left.saturating_sub(length);
                        if *left == 0 {
                            *slot = None;
                            hear(Heard::End(index));
                        }
                    }
                }
            }
        }
    }
}

fn retry(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}
