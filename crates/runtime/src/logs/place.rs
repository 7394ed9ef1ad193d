//! Where logs are, and how their files are called.

use std::io;
use std::path::{Path, PathBuf};

/// When a log begins a new file, and how many are kept. The defaults are the kubelet's (`containerLogMaxSize`,
/// `containerLogMaxFiles`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The bytes that a file may have. One record is written whatever its length.
    pub max_bytes: u64,
    /// The files that are kept, with the one that is written; at least 2.
    pub max_files: u32,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            max_bytes: 10 * 1024 * 1024,
            max_files: 5,
        }
    }
}

/// Where the log of one attempt of a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    directory: PathBuf,
    attempt: u32,
}

impl Place {
    /// The log of an attempt (0 for the first) of a container of the pod that is kept in a directory.
    #[must_use]
    pub fn new(pod: &Path, container: &str, attempt: u32) -> Self {
        Self {
            directory: pod.join("logs").join(container),
            attempt,
        }
    }

    /// The directory of the container's logs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Which attempt.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The file that is being written.
    #[must_use]
    pub fn current(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.attempt))
    }

    pub(super) fn rotated(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{}.log.{number}", self.attempt))
    }

    /// The numbers of the files that are not written any more, ascending.
    pub(super) fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for (attempt, number) in files(&self.directory)? {
            if attempt == self.attempt {
                numbers.extend(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The attempts of a container whose logs are kept, ascending. A container that never ran has none.
///
/// # Errors
/// The directory could not be read.
pub fn attempts(pod: &Path, container: &str) -> io::Result<Vec<u32>> {
    let files = match files(&pod.join("logs").join(container)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let mut attempts: Vec<u32> = files.into_iter().map(|(attempt, _)| attempt).collect();
    attempts.sort_unstable();
    attempts.dedup();
    Ok(attempts)
}

/// Removes the logs of attempts before the one before `attempt`: as with the kubelet, the previous one can be read.
pub(super) fn forget_older(place: &Place) -> io::Result<()> {
    for (attempt, number) in files(&place.directory)? {
        if attempt.saturating_add(1) < place.attempt {
            let old = Place {
                directory: place.directory.clone(),
                attempt,
            };
            remove(&number.map_or_else(|| old.current(), |number| old.rotated(number)))?;
        }
    }
    Ok(())
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Attempts and numbers of the log files of a directory. What has another name is none of ours.
fn files(directory: &Path) -> io::Result<Vec<(u32, Option<u64>)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let Some((attempt, rest)) = name.to_str().and_then(|name| name.split_once(".log")) else {
            continue;
        };
        let number = match rest.strip_prefix('.') {
            None if rest.is_empty() => None,
            Some(number) => match number.parse() {
                Ok(number) => Some(number),
                Err(_) => continue,
            },
            None => continue,
        };
        if let Ok(attempt) = attempt.parse() {
            files.push((attempt, number));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_logs_of_the_previous_attempt_alone() {
        let pod = tempfile::tempdir().unwrap();
        assert!(attempts(pod.path(), "c").unwrap().is_empty());
        let place = Place::new(pod.path(), "c", 3);
        std::fs::create_dir_all(place.directory()).unwrap();
        for name in [
            "0.log", "0.log.1", "1.log", "2.log", "2.log.12", "2.log.9", "other", "3.log",
        ] {
            std::fs::write(place.directory().join(name), "").unwrap();
        }
        forget_older(&place).unwrap();
        assert_eq!(attempts(pod.path(), "c").unwrap(), [2, 3]);
        assert_eq!(Place::new(pod.path(), "c", 2).numbers().unwrap(), [9, 12]);
        assert!(place.directory().join("other").exists());
    }
}
