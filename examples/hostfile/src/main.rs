//! The app of the host-file tutorial: prints a file of the host, appends a line to a file of the host, and sleeps.
//!
//! It does what the tutorial's Go program does, text for text: two header lines, the file, the line, one hour.
//! Errors are printed and not fatal, because the pod is meant to be looked at with its log.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// What is appended to the host's file.
const GREETING: &str = "Hello from the container!\n";

/// How long the app stays after its work is done, so that there is a pod to look at.
const STAY: Duration = Duration::from_hours(1);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(read), Some(write)) = (arguments.next(), arguments.next()) else {
        // Standard error may be closed; there is nobody left to tell.
        let _ = writeln!(io::stderr(), "usage: app FILE_TO_READ FILE_TO_WRITE");
        return ExitCode::from(2);
    };
    // As in the original, an error of standard output does not keep the file from being written.
    let _ = report(&mut io::stdout().lock(), &read, &write);
    std::thread::sleep(STAY);
    ExitCode::SUCCESS
}

/// Prints the file `read`, appends the greeting to the file `write`, and tells all of it to `out`.
fn report(out: &mut impl Write, read: &OsString, write: &OsString) -> io::Result<()> {
    let mut told = writeln!(out, "host file to read: {}", read.display());
    told = told.and(writeln!(out, "host file to write: {}", write.display()));

    let text = match fs::read(read) {
        Ok(text) => text,
        Err(error) => {
            told = told.and(writeln!(out, "Error from reading: {error}"));
            Vec::new()
        }
    };
    // The bytes as they are: the file may be of any encoding, and may lack its last newline.
    told = told.and(out.write_all(&text)).and(writeln!(out));

    match open_to_append(Path::new(write)) {
        Ok(mut file) => {
            if let Err(error) = file.write_all(GREETING.as_bytes()) {
                told = told.and(writeln!(out, "Error writing to file: {error}"));
            }
        }
        Err(error) => {
            told = told.and(writeln!(out, "Error opening file to write: {error}"));
            // The original goes on to write to the file that it did not open, and prints what comes of it.
            told = told.and(writeln!(out, "Error writing to file: invalid argument"));
        }
    }
    told.and(out.flush())
}

/// Opens a file for appending; where there is none, makes one that only its owner can read.
fn open_to_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(read: &Path, write: &Path) -> String {
        let mut out = Vec::new();
        report(
            &mut out,
            &read.as_os_str().to_owned(),
            &write.as_os_str().to_owned(),
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_the_file_and_appends_the_greeting() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hostfile.txt");
        fs::write(&file, "Hello from the host").unwrap();
        let name = file.display();
        assert_eq!(
            run(&file, &file),
            format!("host file to read: {name}\nhost file to write: {name}\nHello from the host\n")
        );
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "Hello from the hostHello from the container!\n"
        );
    }

    #[test]
    fn goes_on_when_the_file_to_read_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        let out = run(&dir.path().join("missing"), &target);
        assert!(out.contains("\nError from reading: "), "{out}");
        assert_eq!(fs::read_to_string(&target).unwrap(), GREETING);
    }

    #[test]
    fn goes_on_when_the_file_to_write_cannot_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "text\n").unwrap();
        let out = run(&file, &dir.path().join("missing").join("file"));
        assert!(out.contains("\ntext\n\nError opening file to write: "), "{out}");
        assert!(
            out.ends_with("Error writing to file: invalid argument\n"),
            "{out}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn makes_a_file_that_only_its_owner_can_read() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        run(&dir.path().join("missing"), &target);
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
