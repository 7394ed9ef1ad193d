//! Comparisons of whole processes: porthole against what people use, both in one run.

use crate::cargo::Target;
use crate::command::{self, Failure, Result};
use crate::debian;

/// Unpacking a layer against `tar -xzf`.
pub(crate) fn image() -> Result<()> {
    example("porthole-image", "bench_unpack")
}

/// `porthole run` against `runc run` of the same rootfs, and against the floor.
pub(crate) fn run() -> Result<()> {
    if !command::is_root() {
        return Err(Failure::new(
            "compare with runc",
            "containers need root; run this as root",
        ));
    }
    debian::install(&["runc"])?;
    let mut build = Target::Host.cargo("build");
    command::run(build.args(["--release", "--locked", "-p", "porthole"]))?;
    let mut floor = Target::Host.cargo("build");
    command::run(floor.args([
        "--release",
        "--locked",
        "-p",
        "porthole-tests",
        "--example",
        "floor",
    ]))?;
    example("porthole-tests", "bench_run")
}

/// Benches are programs, examples of the crate that they measure; they print the ratios and fail where one is missed.
fn example(package: &str, name: &str) -> Result<()> {
    command::run(
        Target::Host
            .cargo("run")
            .args(["--release", "--locked", "-p", package, "--example", name]),
    )
}
