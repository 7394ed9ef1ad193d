//! The programs of the workspace, where Cargo leaves them.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The triple of the Windows programs: GNU, because it links on Linux with what Debian has.
pub const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// The checkout: the one that Cargo runs this program for, else the one that it was built from.
///
/// Two checkouts may share a target directory, and then the program too.
#[must_use]
pub fn checkout() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().unwrap_or(&manifest).to_owned()
}

/// Cargo's target directory: the one that this program was built into.
///
/// # Errors
/// This program is not below a directory `debug` or `release`.
pub fn target() -> Result<PathBuf> {
    let what = "find Cargo's target directory";
    let program = std::env::current_exe().map_err(|error| Failure::new(what, error))?;
    program
        .ancestors()
        .find(|dir| dir.ends_with("debug") || dir.ends_with("release"))
        .and_then(Path::parent)
        .map(Path::to_owned)
        .ok_or_else(|| Failure::new(what, format!("`{}` was not built by Cargo", program.display())))
}

/// The program `name` for this machine.
///
/// # Errors
/// It has not been built.
pub fn host(name: &str) -> Result<PathBuf> {
    built(target()?.join("debug").join(name), "--bins")
}

/// The program `name` for Windows.
///
/// # Errors
/// It has not been built.
pub fn windows(name: &str) -> Result<PathBuf> {
    built(
        target()?.join(WINDOWS).join("debug").join(format!("{name}.exe")),
        "--bins --target x86_64-pc-windows-gnu",
    )
}

/// The example `name` of a package of this workspace, for Windows.
///
/// # Errors
/// It has not been built.
pub fn windows_example(name: &str) -> Result<PathBuf> {
    let examples = target()?.join(WINDOWS).join("debug").join("examples");
    built(
        examples.join(format!("{name}.exe")),
        "--examples --target x86_64-pc-windows-gnu",
    )
}

fn built(program: PathBuf, option: &str) -> Result<PathBuf> {
    if program.is_file() {
        Ok(program)
    } else {
        let what = format!("find `{}`", program.display());
        Err(Failure::new(
            what,
            format!("it is not built; try `cargo build --workspace {option}`"),
        ))
    }
}
