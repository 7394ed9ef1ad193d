//! What a process takes.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use porthole_tests::bench::processor_time;
use porthole_tests::failure::{Doing, Failure, Result};

/// What a process has taken.
pub(crate) struct Used {
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
    /// The most memory, in bytes; as far as it was seen, once a millisecond.
    pub(crate) memory: u64,
}

/// Runs a command whose answer does not count, without its output.
pub(crate) fn run(command: &mut Command) -> Result<Used> {
    let what = format!("run `{}`", command.get_program().display());
    let before = processor_time()?;
    let start = Instant::now();
    let mut child = spawn(command.stdout(Stdio::null()), &what)?;
    let mut memory = 0;
    let status = loop {
        memory = peak(&child).unwrap_or(memory);
        if let Some(status) = child.try_wait().doing(&what)? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let wall = start.elapsed();
    // 1: there is something to say.
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(Failure::new(what, status.to_string()));
    }
    Ok(Used {
        wall,
        processor: processor_time()?.saturating_sub(before),
        memory,
    })
}

/// The time until a command has written something.
pub(crate) fn first_byte(command: &mut Command) -> Result<Duration> {
    let what = format!("run `{}`", command.get_program().display());
    let start = Instant::now();
    let mut child = spawn(command.stdout(Stdio::piped()), &what)?;
    let Some(mut output) = child.stdout.take() else {
        return Err(Failure::new(what, "it has no output"));
    };
    let read = output.read(&mut [0]).doing(&what)?;
    let elapsed = start.elapsed();
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).doing(&what)?;
    child.wait().doing(&what)?;
    if read == 0 {
        return Err(Failure::new(what, "it found nothing"));
    }
    Ok(elapsed)
}

fn spawn(command: &mut Command, what: &str) -> Result<Child> {
    command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .doing(what)
}

/// The most memory that a process has had, in bytes.
fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}
