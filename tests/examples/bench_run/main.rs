//! `porthole run` of a pod whose container ends at once, against `runc run` of the same rootfs, and against the floor: a
//! program that does the least that must be done (`tests/examples/floor`).
//!
//! All are whole processes, started in turn, with the image unpacked. runc's configuration is `config.json`: what
//! `runc spec` writes, with the program and without a terminal. What counts is the median of the ratios of pairs, each of
//! which ran in one and the same moment of a machine that may be busy. Processor time is that of all processes that were
//! waited for. Fails where a ratio of wall time is missed. Needs root, runc, a C compiler, and porthole and the floor built
//! with `--release`.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use porthole_tests::bench::{compile, finish, processor_time, ratio, work};
use porthole_tests::failure::{Doing, Result};
use porthole_tests::program;

/// Of each, after [`WARM`] that are not counted.
const ROUNDS: usize = 60;
/// Starts that are not counted: caches fill, and cgroup parents are made.
const WARM: usize = 5;
/// What `porthole run` may take of the time that `runc run` takes.
const OF_RUNC: f64 = 0.4;
/// What `porthole run` may take of the time that the floor takes.
const OF_FLOOR: f64 = 3.0;

fn main() -> ExitCode {
    match compare() {
        Ok([of_runc, of_floor]) if of_runc <= OF_RUNC && of_floor <= OF_FLOOR => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench_run: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The ratios to runc and to the floor.
fn compare() -> Result<[f64; 2]> {
    let work = work("bench-run")?;
    let rootfs = work.join("rootfs");
    std::fs::create_dir_all(&rootfs).doing(format!("make `{}`", rootfs.display()))?;
    let here = program::checkout()
        .join("tests")
        .join("examples")
        .join("bench_run");
    std::fs::copy(here.join("config.json"), work.join("config.json")).doing("copy runc's configuration")?;
    // It needs no library of the rootfs.
    compile("int main(void) { return 0; }\n", &rootfs.join("noop"))?;

    let porthole = program::target()?.join("release").join("porthole");
    let state = work.join("state");
    let mut build = Command::new(&porthole);
    build.args([
        "image",
        "build",
        "-t",
        "noop:latest",
        "--platform",
        "linux/amd64",
        "--add",
        "noop:/noop",
    ]);
    finish(build.arg("--state").arg(&state).current_dir(&rootfs))?;

    let floor = program::target()?.join("release").join("examples").join("floor");
    let mut times = [const { Vec::new() }; 3];
    let mut processor = [Duration::ZERO; 3];
    for round in 0..WARM + ROUNDS {
        let mut run = Command::new(&porthole);
        run.arg("run")
            .arg("--state")
            .arg(&state)
            .arg(here.join("pod.yaml"));
        let mut runc = Command::new("runc");
        runc.args(["run", "--bundle"])
            .arg(&work)
            .arg(format!("porthole-bench-{}", std::process::id()));
        let mut least = Command::new(&floor);
        least.arg(&rootfs).arg("noop");
        for (index, command) in [&mut run, &mut runc, &mut least].into_iter().enumerate() {
            let before = processor_time()?;
            let start = Instant::now();
            finish(command)?;
            let elapsed = start.elapsed();
            if round >= WARM {
                times[index].push(elapsed);
                processor[index] += processor_time()? - before;
            }
        }
    }
    let of_runc = ratio(&times[0], &times[1]);
    let of_floor = ratio(&times[0], &times[2]);
    for (name, times) in ["porthole run", "runc run", "the floor"].into_iter().zip(times) {
        println!("{name:12}  {}", Summary::of(times));
    }
    println!("of runc's wall time, median of {ROUNDS} pairs: {of_runc:.2} (allowed: {OF_RUNC})");
    println!("of the floor's wall time, median of {ROUNDS} pairs: {of_floor:.2} (allowed: {OF_FLOOR})");
    match processor {
        // A handful of the kernel's ticks says nothing.
        [porthole, runc, _] if runc >= Duration::from_millis(100) => println!(
            "of runc's processor time, all rounds: {:.2}",
            porthole.as_secs_f64() / runc.as_secs_f64()
        ),
        _ => println!("of runc's processor time: too little was used to tell"),
    }
    Ok([of_runc, of_floor])
}

/// What is printed of one program's times.
struct Summary {
    fastest: Duration,
    median: Duration,
    slowest: Duration,
}

impl Summary {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            fastest: times[0],
            median: times[times.len() / 2],
            slowest: times[times.len() - 1],
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (median, fastest, slowest) = (ms(self.median), ms(self.fastest), ms(self.slowest));
        write!(
            f,
            "median {median:6.2} ms, fastest {fastest:6.2} ms, slowest {slowest:6.2} ms"
        )
    }
}
