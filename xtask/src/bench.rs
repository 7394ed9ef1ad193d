//! Comparisons of whole processes: porthole against what people use, both in one run.

use crate::cargo::Target;
use crate::command::{self, Failure, Result};
use crate::debian;

/// A container's log against `cat > file`.
pub(crate) fn logs() -> Result<()> {
    example("porthole-runtime", "bench_logs")
}

/// Unpacking a layer against `tar -xzf`.
pub(crate) fn image() -> Result<()> {
    example("porthole-image", "bench_unpack")
}

/// `porthole run` against `runc run` of the same rootfs, and against the floor.
pub(crate) fn run() -> Result<()> {
    as_root()?;
    debian::install(&["runc"])?;
    release(&["porthole"])?;
    release(&["porthole-tests", "--example", "floor"])?;
    example("porthole-tests", "bench_run")
}

/// Detached pods: an idle one, and many.
pub(crate) fn pods() -> Result<()> {
    as_root()?;
    release(&["porthole"])?;
    example("porthole-tests", "bench_pods")
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
fn example(package: &str, name: &str) -> Result<()> {
    command::run(
        Target::Host
            .cargo("run")
            .args(["--release", "--locked", "-p", package, "--example", name]),
    )
}
