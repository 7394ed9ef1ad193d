//! One at a time: whoever updates the volumes of a pod, or removes them.

use std::fs::File;
use std::io;
use std::path::Path;

const LOCK: &str = "update.lock";

/// Waits until nobody else changes the volumes of a pod.
pub(super) fn lock(pod: &Path) -> io::Result<File> {
    crate::lock::take(&pod.join(LOCK))
}

/// Removes the lock of a pod that has no volumes any more. Whoever takes it after that finds none.
pub(super) fn remove(pod: &Path) -> io::Result<()> {
    super::system::remove_file(&pod.join(LOCK))
}
