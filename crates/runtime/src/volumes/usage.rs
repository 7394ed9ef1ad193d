//! What volumes take up, and pods that take more than they may.

use std::collections::HashSet;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fs, io};

use super::system::{blocks, device};
use super::{Content, Volume};

/// How often volumes with a limit are measured: the kubelet's period.
pub const PERIOD: Duration = Duration::from_secs(10);

/// The bytes that a file or directory takes up on its own file system: a file of several names once, what is mounted
/// below not. What vanishes meanwhile counts for nothing.
#[must_use]
pub fn used(path: &Path) -> u64 {
    used_of(path, usize::MAX).0
}

/// As [`used`], of so many files and directories. `true`: there are more, and the answer is the least that it is.
#[must_use]
pub fn used_of(path: &Path, most: usize) -> (u64, bool) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return (0, false);
    };
    let mut left = most;
    let mut total = blocks(&metadata).0;
    let mut met = HashSet::new();
    let mut todo = vec![path.to_owned()];
    while let Some(directory) = todo.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            if left == 0 {
                return (total, true);
            }
            left -= 1;
            let Ok(inside) = fs::symlink_metadata(entry.path()) else {
                continue;
            };
            if device(&inside) != device(&metadata) {
                continue;
            }
            let (bytes, again) = blocks(&inside);
            if again.is_none_or(|file| met.insert(file)) {
                total = total.saturating_add(bytes);
            }
            if inside.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    (total, false)
}

/// Volumes whose limit is kept by measuring.
fn measured(volumes: &[Volume]) -> impl Iterator<Item = (&Volume, u64, &str)> {
    volumes.iter().filter_map(|volume| match &volume.content {
        // A file system in memory has its own limit.
        Content::Empty(empty) if !(empty.memory && cfg!(target_os = "linux")) => {
            let limit = empty.limit.as_ref()?;
            Some((volume, limit.bytes, limit.text.as_str()))
        }
        _ => None,
    })
}

/// The kubelet's words for the first volume that has more in it than its `sizeLimit`.
#[must_use]
pub fn exceeded(volumes: &[Volume]) -> Option<String> {
    measured(volumes)
        .find(|(volume, limit, _)| used(&volume.path) > *limit)
        .map(|(volume, _, text)| {
            format!(
                "Usage of EmptyDir volume {:?} exceeds the limit {text:?}. ",
                volume.name
            )
        })
}

/// Measures the volumes of a pod until it is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Measures every `period`, and says once that a volume has more in it than it may. Without a volume that has a limit
    /// nothing is measured, and there is no thread.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(
        volumes: &[Volume],
        period: Duration,
        evict: impl FnOnce(String) + Send + 'static,
    ) -> io::Result<Self> {
        if measured(volumes).next().is_none() {
            return Ok(Self {
                stop: None,
                thread: None,
            });
        }
        let volumes = volumes.to_vec();
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().stack_size(128 << 10).spawn(move || {
            while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                if let Some(message) = exceeded(&volumes) {
                    return evict(message);
                }
            }
        })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The watch may be dropped by what it calls.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}
