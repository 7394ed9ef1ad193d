//! `cargo xtask fuzz`: libFuzzer behind every target of the crate `fuzz`, and the program itself behind texts of its mutator.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cargo::Target;
use crate::command::{self, Doing, Failure, Result, command};
use crate::report::Outcome;
use crate::{debian, place};

/// The targets that libFuzzer drives, as the crate `fuzz` names them.
const GUIDED: [&str; 6] = ["check", "fixes", "suppress", "credspec", "access", "review"];
/// The targets that are tests of `porthole-tests` and drive the program, with the files they are in.
const DRIVEN: [(&str, &str); 3] = [
    ("lsp", "lsp"),
    ("settings", "check_settings"),
    ("webhook", "webhook_bad_input"),
];
/// What this machine's targets are called, without which build scripts would be instrumented too.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// How many targets run side by side.
const BESIDE: usize = 2;

/// Coverage as libFuzzer reads it. The flags are the stable compiler's own: a nightly one and `cargo fuzz` add the
/// sanitizers of memory to this, and there is no unsafe code here for them to watch.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// What is asked for.
struct Asked {
    seconds: u64,
    target: Option<String>,
    seed: u64,
}

impl Asked {
    fn read(options: &[&str]) -> Result<Self> {
        let what = "read the command line";
        let mut asked = Self {
            seconds: 60,
            target: None,
            seed: 0,
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let value = options
                .next()
                .ok_or_else(|| Failure::new(what, format!("`{option}` has no value")))?;
            let number = || value.parse::<u64>().doing(format!("read `{option} {value}`"));
            match *option {
                "--seconds" => asked.seconds = number()?,
                "--seed" => asked.seed = number()?,
                "--target" if targets().any(|target| target == *value) => {
                    asked.target = Some((*value).to_owned());
                }
                "--target" => {
                    let known: Vec<&str> = targets().collect();
                    let reason = format!("there is no target `{value}`; there are {}", known.join(", "));
                    return Err(Failure::new(what, reason));
                }
                _ => return Err(Failure::new(what, format!("unknown option `{option}`"))),
            }
        }
        Ok(asked)
    }
}

fn targets() -> impl Iterator<Item = &'static str> {
    GUIDED.into_iter().chain(DRIVEN.map(|(name, _)| name))
}

/// A minute of each target; what is found anew each time is decided by the clock.
pub(crate) fn tier() -> Result<Outcome> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let asked = Asked {
        seconds: 60,
        target: None,
        seed: now.as_secs(),
    };
    let tried = fuzz(&asked)?;
    Ok(Outcome::Passed(format!(
        "{tried} texts on {} targets, no finding; seed {}",
        targets().count(),
        asked.seed
    )))
}

/// Runs the task with these options.
pub(crate) fn run(options: &[&str]) -> Result<ExitCode> {
    let asked = Asked::read(options)?;
    let tried = fuzz(&asked)?;
    println!("{tried} texts, no finding");
    Ok(ExitCode::SUCCESS)
}

/// Builds what is needed, and lets every target run for its time, some beside each other. Answers with how many texts were
/// tried.
fn fuzz(asked: &Asked) -> Result<u64> {
    let wanted: Vec<&str> = targets()
        .filter(|name| asked.target.as_deref().is_none_or(|target| target == *name))
        .collect();
    let work = place::work("fuzz")?;
    let guided = if wanted.iter().any(|name| test_of(name).is_none()) {
        Some(build()?)
    } else {
        None
    };
    if wanted.iter().any(|name| test_of(name).is_some()) {
        Target::Host.build_with_tests()?;
    }
    let mut tried = 0;
    let mut found = Vec::new();
    for beside in wanted.chunks(BESIDE) {
        let mut running = Vec::new();
        for name in beside {
            let log = work.join(format!("{name}.log"));
            let mut command = match (test_of(name), &guided) {
                (Some(test), _) => driven(test, asked),
                (None, Some(program)) => libfuzzer(program, &work, name, asked)?,
                (None, None) => {
                    return Err(Failure::new(format!("run `{name}`"), "nothing was built for it"));
                }
            };
            command::show(&command);
            let file = std::fs::File::create(&log).doing(format!("write `{}`", log.display()))?;
            let copy = file.try_clone().doing(format!("write `{}`", log.display()))?;
            let child = command
                .stdin(Stdio::null())
                .stdout(file)
                .stderr(copy)
                .spawn()
                .doing(format!("run `{}`", command::words(&command)))?;
            running.push((*name, log, child));
        }
        for (name, log, mut child) in running {
            let status = child.wait().doing(format!("wait for `{name}`"))?;
            let said = std::fs::read(&log).doing(format!("read `{}`", log.display()))?;
            let said = String::from_utf8_lossy(&said);
            let runs = count(&said);
            println!("{name}: {runs} texts, {status}");
            tried += runs;
            if !status.success() || runs == 0 {
                found.push(format!("{name}: see `{}`", place::short(&log).display()));
            }
        }
    }
    if found.is_empty() {
        return Ok(tried);
    }
    let help =
        "keep what was found, made small with libFuzzer's -minimize_crash=1, as fuzz/regressions/WHAT.yaml";
    Err(Failure::new("fuzz", format!("{}\n{help}", found.join("\n"))))
}

/// Builds libFuzzer with the targets, into a target directory of its own, and writes the seeds down.
fn build() -> Result<PathBuf> {
    // libFuzzer is C++.
    debian::install(&["g++"])?;
    let into = place::target()?.join("fuzz");
    let mut cargo = command("cargo", ["build", "--release", "--locked", "--target", TRIPLE]);
    cargo
        .current_dir(place::root().join("fuzz").join("guided"))
        .env("CARGO_TARGET_DIR", &into)
        .env("RUSTFLAGS", COVERAGE);
    command::run(&mut cargo)?;
    let program = into.join(TRIPLE).join("release").join("porthole-guided");
    let mut write = command(&program, ["-runs=0"]);
    write
        .env("PORTHOLE_FUZZ_TARGET", "check")
        .env("PORTHOLE_FUZZ_SEEDS", place::fresh("fuzz/seeds")?);
    command::output(&mut write)?;
    Ok(program)
}

/// What libFuzzer is asked: it stops at the first text that panics, takes more than ten seconds or two gigabytes.
fn libfuzzer(program: &Path, work: &Path, name: &str, asked: &Asked) -> Result<Command> {
    let corpus = work.join("corpus").join(name);
    std::fs::create_dir_all(&corpus).doing(format!("make `{}`", corpus.display()))?;
    let mut fuzzer = command(program, [] as [&str; 0]);
    fuzzer
        .arg(format!("-max_total_time={}", asked.seconds))
        // Nought is libFuzzer's word for a seed of the clock's.
        .arg(format!("-seed={}", asked.seed % 0xffff_fffe + 1))
        .args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=65536",
            "-len_control=0",
            "-print_final_stats=1",
        ])
        .arg(format!("-artifact_prefix={}/{name}-", work.display()))
        .arg(&corpus)
        .arg(work.join("seeds"))
        .env("PORTHOLE_FUZZ_TARGET", name);
    Ok(fuzzer)
}

/// The file of the test that drives the program for a target, if one does.
fn test_of(target: &str) -> Option<&'static str> {
    let found = DRIVEN.iter().find(|(name, _)| *name == target);
    found.map(|(_, test)| *test)
}

/// A test that drives the program for the time that it is given.
fn driven(test: &str, asked: &Asked) -> Command {
    let mut cargo = Target::Host.cargo("test");
    cargo
        .args(["--locked", "--workspace", "--test", test, "fuzz_"])
        .args(["--", "--nocapture"])
        .env("PORTHOLE_FUZZ_SECONDS", asked.seconds.to_string())
        .env("PORTHOLE_FUZZ_SEED", asked.seed.to_string());
    cargo
}

/// How many texts were tried: as libFuzzer says it at its end, or the tests do.
fn count(said: &str) -> u64 {
    said.lines()
        .filter_map(|line| {
            line.strip_prefix("stat::number_of_executed_units:")
                .or_else(|| line.strip_prefix("texts tried:"))
        })
        .filter_map(|number| number.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_tried() {
        assert_eq!(
            count("INFO: x\nstat::number_of_executed_units: 1234\nDone\n"),
            1234
        );
        assert_eq!(count("texts tried: 7\n"), 7);
        assert_eq!(count("nothing"), 0);
    }

    #[test]
    fn refuses_what_is_no_option() {
        assert!(Asked::read(&["--seconds", "x"]).is_err());
        assert!(Asked::read(&["--target", "none"]).is_err());
        assert!(Asked::read(&["--seed"]).is_err());
        let asked = Asked::read(&["--seconds", "5", "--target", "lsp", "--seed", "9"])
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (asked.seconds, asked.target.as_deref(), asked.seed),
            (5, Some("lsp"), 9)
        );
    }
}
