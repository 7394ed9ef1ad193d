//! Waiting until files of some directories change: by looking, a few times a second.

use std::io;
use std::path::Path;
use std::time::Duration;

/// How often is looked. Windows tells of a file's growth only when somebody asks for its size.
const STEP: Duration = Duration::from_millis(200);

/// Directories whose files are watched.
#[derive(Debug)]
pub struct Watch(());

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// None on this system.
    pub fn new() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Watches a directory too.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn add(&self, directory: &Path) -> io::Result<()> {
        std::fs::metadata(directory).map(drop)
    }

    /// Waits until it is time to look again, for at most `limit`.
    ///
    /// # Errors
    /// None on this system.
    pub fn wait(&self, limit: Duration) -> io::Result<()> {
        std::thread::sleep(limit.min(STEP));
        Ok(())
    }
}
