//! `cargo xtask image`: the image of the webhook, one static program, as other tools import it.

use std::path::Path;

use porthole_tests::{cache, image};

use crate::cargo::Target;
use crate::command::{self, Doing, Failure, Result, command};
use crate::{debian, place};

/// The places that the program mends when it starts, by ranges instead of one by one: nearly a megabyte.
const PACKED: &str = "link-arg=-Wl,-z,pack-relative-relocs";

/// Builds the program and the image, and writes the image to `output`: an archive of an OCI layout.
pub(crate) fn build(output: &Path) -> Result<()> {
    let program = program()?;
    let bytes = std::fs::metadata(&program)
        .doing(format!("read `{}`", program.display()))?
        .len();
    if bytes > image::LARGEST {
        return Err(Failure::new(
            "build the image",
            format!(
                "the program has {bytes} bytes, and an image is to have at most {}",
                image::LARGEST
            ),
        ));
    }
    if output.exists() {
        std::fs::remove_file(output).doing(format!("remove `{}`", output.display()))?;
    }
    let state = place::fresh("image")?;
    let add = format!("{}:{}", program.display(), image::PROGRAM);
    let mut build = command(&program, ["image", "build", "--platform", "linux/amd64", "--tag"]);
    build
        .arg(image::name())
        .args([
            "--add",
            &add,
            "--entrypoint",
            image::PROGRAM,
            "--user",
            image::USER,
        ])
        .arg("--output")
        .arg(output)
        .arg("--state")
        .arg(&state)
        .arg(&state);
    command::run(&mut build)?;
    std::fs::remove_dir_all(&state).doing(format!("remove `{}`", state.display()))?;
    println!(
        "{}: {}, unpacked {:.1} MB",
        output.display(),
        image::name(),
        bytes_in_mb(bytes)
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn bytes_in_mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Builds the image where the tests look for it.
pub(crate) fn provide() -> Result<()> {
    let path = image::archive()?;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).doing(format!("make `{}`", directory.display()))?;
    }
    build(&path)
}

/// The static program.
fn program() -> Result<std::path::PathBuf> {
    // ring is partly C and assembly.
    debian::install(debian::IMAGE)?;
    let target = image::TARGET;
    let libraries = command::output(&mut command(
        "rustc",
        ["--print", "target-libdir", "--target", target],
    ))?;
    if !Path::new(libraries.trim()).is_dir() {
        if command::find_program("rustup").is_none() {
            return Err(Failure::new(
                format!("build for {target}"),
                "this Rust has no standard library for it, and there is no rustup here to add it; install Rust by rustup \
                 (https://rustup.rs)",
            ));
        }
        command::run(&mut command("rustup", ["target", "add", target]))?;
    }
    // What is compiled for it outlives the checkout: much of the time goes to other people's crates.
    let directory = cache::directory("image-build")?;
    let mut build = Target::Host.cargo("rustc");
    build.args([
        "--locked",
        "--package",
        "porthole",
        "--bin",
        "porthole",
        "--profile",
        "image",
    ]);
    build.args(["--target", target, "--target-dir"]);
    build.arg(&directory).args(["--", "-C", PACKED]);
    command::run(&mut build)?;
    Ok(directory.join(target).join("image").join("porthole"))
}
