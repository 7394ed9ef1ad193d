//! What a container leaves about its end: its termination message, within the kubelet's limits.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The longest message of one container, in bytes.
const LONGEST: u64 = 4096;
/// The longest of all containers of a pod together.
const LONGEST_OF_POD: u64 = 12 << 10;
/// What is taken of a log in its place.
const LOG_LINES: usize = 80;
const LOG_BYTES: usize = 2048;

/// How long a message may be in a pod of so many containers.
pub(super) fn limit(containers: usize) -> u64 {
    let containers = u64::try_from(containers).unwrap_or(u64::MAX).max(1);
    (LONGEST_OF_POD / containers).min(LONGEST)
}

/// Makes the file that an attempt may write, empty, and open to whichever account it runs as.
pub(super) fn make(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    // Past this process's umask.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    #[cfg(not(unix))]
    drop(file);
    Ok(())
}

/// What is in the file, or its end where that is longer than `limit`; nothing where it is empty.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Option<String>> {
    // A program may have put something there that blocks whoever opens it.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok((!bytes.is_empty()).then(|| shortened(String::from_utf8_lossy(&bytes).into_owned(), limit)))
}

/// The last lines of a log, as far as they fit.
pub(super) fn of_log(log: &str, limit: u64) -> Option<String> {
    let lines = log
        .trim_end_matches('\n')
        .rmatch_indices('\n')
        .nth(LOG_LINES - 1)
        .map_or(0, |(index, _)| index + 1);
    let limit = limit.min(u64::try_from(LOG_BYTES).unwrap_or(u64::MAX));
    let text = shortened(log.get(lines..).unwrap_or(log).to_owned(), limit);
    (!text.is_empty()).then_some(text)
}

/// The end of a text, of at most so many bytes and whole characters.
fn shortened(text: String, limit: u64) -> String {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut from = text.len().saturating_sub(limit);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    if from == 0 {
        text
    } else {
        text.get(from..).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_from_its_end_within_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("termination/app");
        make(&path).unwrap();
        assert_eq!(read(&path, 10).unwrap(), None);
        fs::write(&path, "0123456789abc").unwrap();
        assert_eq!(read(&path, 10).unwrap().as_deref(), Some("3456789abc"));
        fs::write(&path, "ääää").unwrap();
        assert_eq!(read(&path, 8).unwrap().as_deref(), Some("ääää"));
        fs::write(&path, [b'\xff'; 20]).unwrap();
        assert!(read(&path, 10).unwrap().unwrap().len() <= 10);
        make(&path).unwrap();
        assert_eq!(
            read(&path, 10).unwrap(),
            None,
            "an attempt begins without a message"
        );
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path(), 10).is_err());
        assert!(read(&directory.path().join("none"), 10).is_err());
    }

    #[test]
    fn the_end_of_a_log_has_80_lines_and_2048_bytes_at_most() {
        let lines: Vec<String> = (0..200).map(|line| line.to_string()).collect();
        let log = lines.join("\n") + "\n";
        let text = of_log(&log, LONGEST).unwrap();
        assert_eq!((text.lines().count(), text.lines().next()), (80, Some("120")));
        let log = "x".repeat(5000);
        assert_eq!(of_log(&log, LONGEST).unwrap().len(), 2048);
        assert_eq!(of_log(&log, 100).unwrap().len(), 100);
        assert_eq!(of_log("", LONGEST), None);
    }

    #[test]
    fn many_containers_share_twelve_kibibytes() {
        assert_eq!((limit(1), limit(3), limit(6)), (4096, 4096, 2048));
    }
}
