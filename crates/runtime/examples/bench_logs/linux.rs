//! The comparison.

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use porthole_runtime::logs::{Follower, Place, Rotation, Source};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A line with its end.
const LINE: usize = 100;
const LINES: usize = 10_000_000;
/// Of each, after one that is not counted.
const ROUNDS: usize = 5;
/// Of the speed of `cat`.
const WANTED: f64 = 0.7;

pub(super) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [word] if word == "lines" => lines().map(|()| true),
        [word, directory] if word == "log" => log(Path::new(directory)).map(|()| true),
        _ => compare(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench_logs: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says the lines, some hundreds with each write.
fn lines() -> Result<()> {
    let mut line = vec![b'x'; LINE - 1];
    line.push(b'\n');
    let many = 500;
    let block = line.repeat(many);
    let mut stdout = File::from(std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()?);
    for _ in 0..LINES / many {
        stdout.write_all(&block)?;
    }
    Ok(())
}

fn say_lines(to: Stdio) -> Result<Child> {
    Ok(Command::new(std::env::current_exe()?)
        .arg("lines")
        .stdin(Stdio::null())
        .stdout(to)
        .spawn()?)
}

/// Writes the log of a container that says the lines.
fn log(pod: &Path) -> Result<()> {
    let mut child = say_lines(Stdio::piped())?;
    let stdout = child.stdout.take().ok_or("no pipe")?;
    let (stderr, quiet) = std::io::pipe()?;
    let source = Source::Pipes {
        stdout: OwnedFd::from(stdout).into(),
        stderr: OwnedFd::from(stderr).into(),
    };
    let place = Place::new(pod, "bench", 0);
    let follower = Follower::start(&place, Rotation::default(), source, |trouble| {
        eprintln!("bench_logs: {trouble}: {}", trouble.source);
    })?;
    child.wait()?;
    drop(quiet);
    if !follower.finish(Duration::from_mins(5)) {
        return Err("the log was not finished within 5 minutes".into());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("unknown");
    println!("{}", peak.trim());
    Ok(())
}

fn cat(directory: &Path) -> Result<()> {
    let (read, write) = std::io::pipe()?;
    let mut lines = say_lines(write.into())?;
    let file = File::create(directory.join("cat"))?;
    let status = Command::new("cat").stdin(read).stdout(file).status()?;
    lines.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cat: {status}").into())
    }
}

fn compare() -> Result<bool> {
    let directory = tempfile::tempdir_in(std::env::current_exe()?.parent().ok_or("no directory")?)?;
    let (mut ratios, mut times, mut peak) = (Vec::new(), [Vec::new(), Vec::new()], String::new());
    for round in 0..=ROUNDS {
        let begin = Instant::now();
        cat(directory.path())?;
        let cat = begin.elapsed();
        std::fs::remove_file(directory.path().join("cat"))?;
        let begin = Instant::now();
        let output = Command::new(std::env::current_exe()?)
            .arg("log")
            .arg(directory.path())
            .stderr(Stdio::inherit())
            .output()?;
        let log = begin.elapsed();
        if !output.status.success() {
            return Err(format!("the log: {}", output.status).into());
        }
        std::fs::remove_dir_all(directory.path().join("logs"))?;
        peak = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if round > 0 {
            ratios.push(cat.as_secs_f64() / log.as_secs_f64());
            times[0].push(cat);
            times[1].push(log);
        }
    }
    let [cat, log] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    });
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    println!("cat > file     median {cat:5.2} s");
    println!("log            median {log:5.2} s, at most {peak} of memory");
    println!("ratio of speed, median of {ROUNDS} pairs: {ratio:.2} (wanted: {WANTED})");
    Ok(ratio >= WANTED)
}
