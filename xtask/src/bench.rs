//! Comparisons of whole processes: porthole against what people use, both in one run.

use std::process::Command;

use crate::cargo::Target;
use crate::command::{self, Failure, Result};
use crate::{debian, kubeconform};

/// What is compared below the name `run`, in its order: what a name is told of, and the example that measures it.
const RUN: [(&str, &str); 4] = [
    ("start", "bench_run"),
    ("exec", "bench_exec"),
    ("logs", "bench_logs"),
    ("pods", "bench_pods"),
];

/// Unpacking a layer against `tar -xzf`.
pub(crate) fn image() -> Result<()> {
    command::run(&mut example("porthole-image", "bench_unpack"))
}

/// Checking ten thousand pods against kubeconform.
pub(crate) fn check() -> Result<()> {
    let (peer, schema) = kubeconform::provide()?;
    release(&["porthole"])?;
    command::run(
        example("porthole-tests", "bench_check")
            .arg("--")
            .arg(peer)
            .arg(schema),
    )
}

/// `porthole webhook` under load against a handler that does nothing; changes go on for that many minutes.
pub(crate) fn webhook(minutes: &str) -> Result<()> {
    release(&["porthole"])?;
    command::run(example("porthole-tests", "bench_webhook").args(["--", minutes]))
}

/// Whether there is a comparison of `porthole run` and its kin of that name.
pub(crate) fn is_one(name: &str) -> bool {
    RUN.iter().any(|(known, _)| *known == name)
}

/// One comparison, or with `run` all of them. Each prints its ratios with their limits; all are made though one is missed.
pub(crate) fn run(name: &str) -> Result<()> {
    as_root()?;
    debian::install(&["runc"])?;
    release(&["porthole"])?;
    release(&["porthole-tests", "--example", "floor"])?;
    let mut missed = Vec::new();
    for (one, program) in RUN.iter().filter(|(one, _)| name == "run" || name == *one) {
        println!("\n{one}:");
        if let Err(failure) = command::run(&mut example("porthole-tests", program)) {
            eprintln!("xtask: {failure}");
            missed.push(*one);
        }
    }
    if missed.is_empty() {
        return Ok(());
    }
    let what = format!("reach what is allowed of {}", missed.join(", "));
    Err(Failure::new(what, "see above"))
}

fn as_root() -> Result<()> {
    if command::is_root() {
        return Ok(());
    }
    Err(Failure::new(
        "run containers",
        "their limits and mounts need root; run this as root",
    ))
}

fn release(package: &[&str]) -> Result<()> {
    let mut build = Target::Host.cargo("build");
    command::run(build.args(["--release", "--locked", "-p"]).args(package))
}

/// Benches are programs, examples of the crate that they measure; they print the ratios and fail where one is missed.
fn example(package: &str, name: &str) -> Command {
    let mut run = Target::Host.cargo("run");
    run.args(["--release", "--locked", "-p", package, "--example", name]);
    run
}
