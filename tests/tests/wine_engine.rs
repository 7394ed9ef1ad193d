//! The Windows engine under Wine, from outside: what only shows when its holder dies, and console events.
//!
//! What an engine does within one process is tested in its own crate (`os/windows/system_tests.rs`).
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use porthole_tests::program;
use porthole_tests::wine::Prefix;

const SOON: Duration = Duration::from_mins(1);

struct Bed {
    prefix: Prefix,
    driver: PathBuf,
    state: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        Self {
            prefix: Prefix::ready().unwrap(),
            driver: program::windows_example("wine_driver").unwrap(),
            state: tempfile::tempdir().unwrap(),
        }
    }

    fn state(&self) -> String {
        Prefix::windows_path(self.state.path())
    }

    /// The driver, which is also what runs in the container.
    fn command(&self, verb: &[&str], container: &[&str]) -> Command {
        let mut command = self.prefix.command(&self.driver);
        command.args(verb);
        if !container.is_empty() {
            command.arg(Prefix::windows_path(&self.driver)).args(container);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    fn rootfs(&self, id: &str) -> PathBuf {
        self.prefix.drive_c("hpc").join(id)
    }
}

/// Runs `work` in a thread, and fails when it takes too long.
fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = done.send(work());
    });
    result
        .recv_timeout(SOON)
        .unwrap_or_else(|_| panic!("{what} takes more than {SOON:?}"))
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[test]
#[ignore = "needs Wine"]
fn kill_of_the_holder_kills_children_and_grandchildren() {
    let bed = Bed::new();
    let id = format!("holder-{}", std::process::id());
    let mut holder = bed
        .command(&["hold", &bed.state(), &id], &["tree", "2"])
        .spawn()
        .unwrap();
    let mut output = BufReader::new(holder.stdout.take().unwrap());
    let mut output = within("the start of three processes", move || {
        let mut ready = 0;
        let mut line = String::new();
        while ready < 3 {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the holder ended");
            ready += usize::from(line.starts_with("ready "));
        }
        output
    });
    assert!(exists(&bed.rootfs(&id)));
    // SIGKILL: the holder does nothing more.
    holder.kill().unwrap();
    holder.wait().unwrap();
    // Each of the three processes holds the pipe open, so its end is the end of them all.
    within("the end of what the holder held", move || {
        output.read_to_end(&mut Vec::new()).unwrap()
    });

    let swept = bed.command(&["sweep", &bed.state()], &[]).output().unwrap();
    assert!(swept.status.success(), "{swept:?}");
    assert_eq!(String::from_utf8_lossy(&swept.stdout).trim(), id);
    assert!(!exists(&bed.rootfs(&id)));
    let left = bed.state.path().join("containers").join(&id);
    assert!(!exists(&left), "{}", left.display());
}

#[test]
#[ignore = "needs Wine"]
fn console_events_reach_the_program_and_kill_does_not_ask() {
    let bed = Bed::new();
    for (signal, expected) in [
        ("term", "ready asked exit 42"),
        ("int", "ready asked exit 42"),
        ("hup", "ready asked exit 42"),
        ("kill", "ready exit 1"),
    ] {
        let id = format!("signal-{signal}-{}", std::process::id());
        let mut command = bed.command(&["signal", &bed.state(), &id, signal], &["handler"]);
        let output = within(signal, move || command.output().unwrap());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(words.join(" "), expected, "{signal}: {output:?}");
        assert!(!exists(&bed.rootfs(&id)));
    }
}

#[test]
#[ignore = "needs Wine"]
fn a_program_of_another_process_runs_in_the_container_and_dies_with_its_holder() {
    let bed = Bed::new();
    let id = format!("exec-{}", std::process::id());
    let mut holder = bed
        .command(&["hold", &bed.state(), &id], &["tree", "0"])
        .spawn()
        .unwrap();
    let mut output = BufReader::new(holder.stdout.take().unwrap());
    let mut output = within("the start of the container", move || {
        let mut line = String::new();
        while !line.starts_with("ready ") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the holder ended");
        }
        output
    });

    let mut command = bed.command(&["exec", &bed.state(), &id], &["code", "7"]);
    let ran = within("a program in the container", move || command.output().unwrap());
    assert_eq!(ran.status.code(), Some(7), "{ran:?}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "here");
    let mut command = bed.command(&["stats", &bed.state(), &id], &[]);
    let counted = within("a count", move || command.output().unwrap());
    // The program and, under Wine, the process of its console.
    let count = String::from_utf8_lossy(&counted.stdout).trim().parse::<u32>();
    assert!(count.is_ok_and(|count| (1..=2).contains(&count)), "{counted:?}");

    let mut exec = bed
        .command(&["exec", &bed.state(), &id], &["tree", "0"])
        .spawn()
        .unwrap();
    let mut said = BufReader::new(exec.stdout.take().unwrap());
    let mut said = within("the start of a further program", move || {
        let mut line = String::new();
        while !line.starts_with("ready ") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the program ended");
        }
        said
    });
    holder.kill().unwrap();
    holder.wait().unwrap();
    within("the end of the container", move || {
        output.read_to_end(&mut Vec::new()).unwrap()
    });
    // It has no handle of the holder's, and was in the job.
    within("the end of the further program", move || {
        said.read_to_end(&mut Vec::new()).unwrap()
    });
    within("the end of who started it", move || exec.wait().unwrap());
    let swept = bed.command(&["sweep", &bed.state()], &[]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&swept.stdout).trim(), id, "{swept:?}");
    let gone = bed
        .command(&["exec", &bed.state(), &id], &["code", "0"])
        .output()
        .unwrap();
    assert!(!gone.status.success(), "{gone:?}");
}

#[test]
#[ignore = "needs Wine"]
fn what_is_typed_comes_to_the_program_and_ends() {
    let bed = Bed::new();
    let id = format!("type-{}", std::process::id());
    let mut command = bed.command(&["type", &bed.state(), &id], &["echo"]);
    let typed = within("a program that is typed to", move || command.output().unwrap());
    assert_eq!(
        String::from_utf8_lossy(&typed.stdout).trim(),
        "typed",
        "{typed:?}"
    );
    assert!(typed.status.success());
}

#[test]
#[ignore = "needs Wine"]
fn a_detached_process_outlives_its_maker() {
    let bed = Bed::new();
    let file = bed.state.path().join("alive");
    let mut command = bed.command(&["detach", &Prefix::windows_path(&file)], &[]);
    let made = within("the maker of a detached process", move || {
        command.output().unwrap()
    });
    assert_eq!(
        String::from_utf8_lossy(&made.stdout).trim(),
        "heard hello",
        "{made:?}"
    );
    let deadline = std::time::Instant::now() + SOON;
    while !std::fs::read(&file).is_ok_and(|text| text == b"alive") {
        assert!(
            std::time::Instant::now() < deadline,
            "the detached process did nothing"
        );
        std::thread::yield_now();
    }
}
