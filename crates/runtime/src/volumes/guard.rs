//! One at a time: whoever updates the volumes of a pod, or removes them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

const LOCK: &str = "update.lock";
/// Longer than any update takes that has not got stuck.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(5);

/// Waits until nobody else changes the volumes of a pod. Given up when dropped, or when the process ends.
pub(super) fn lock(pod: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(pod.join(LOCK))?;
    let until = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(BETWEEN),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another porthole has been updating this pod for half a minute",
                ));
            }
        }
    }
}

/// Removes the lock of a pod that has no volumes any more. Whoever takes it after that finds none.
pub(super) fn remove(pod: &Path) -> io::Result<()> {
    super::system::remove_file(&pod.join(LOCK))
}
