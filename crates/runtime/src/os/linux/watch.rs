//! Waiting until files of some directories change.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

/// Directories whose files are watched, by inotify.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// This user has too many watches.
    pub fn new() -> io::Result<Self> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        Ok(Self(inotify::init(flags)?))
    }

    /// Watches a directory too. Whatever changes after this returns ends the next [`wait`](Self::wait).
    ///
    /// # Errors
    /// There is no such directory, or this user has too many watches.
    pub fn add(&self, directory: &Path) -> io::Result<()> {
        use inotify::WatchFlags as Flags;

        let flags = Flags::MODIFY
            | Flags::CREATE
            | Flags::MOVED_TO
            | Flags::MOVED_FROM
            | Flags::DELETE
            | Flags::DELETE_SELF
            | Flags::CLOSE_WRITE
            | Flags::ONLYDIR;
        inotify::add_watch(&self.0, directory, flags)?;
        Ok(())
    }

    /// Waits for a change, for at most `limit`.
    ///
    /// # Errors
    /// The system refused to wait.
    pub fn wait(&self, limit: Duration) -> io::Result<()> {
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // What has changed does not matter: everything is looked at.
        let mut events = [0_u8; 4096];
        loop {
            match rustix::io::read(&self.0, &mut events) {
                Ok(1..) | Err(rustix::io::Errno::INTR) => {}
                Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
