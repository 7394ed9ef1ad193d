//! cargo-deny, kept in the user's cache by version.

use std::path::PathBuf;

use crate::command::{self, Result, command};
use crate::place;
use porthole_tests::cache;

const VERSION: &str = "0.20.2";

/// The program; built first where this user has not built that version yet.
pub(crate) fn program() -> Result<PathBuf> {
    let root = cache::directory("tools")?.join(format!("cargo-deny-{VERSION}"));
    let program = root.join("bin").join("cargo-deny");
    if !program.is_file() {
        println!("building cargo-deny {VERSION} once, for `{}`", root.display());
        // Unoptimised and without debug information: it compiles in half the time, and a check takes a second either way.
        let mut install = command(
            "cargo",
            [
                "install",
                "cargo-deny",
                "--locked",
                "--debug",
                "--no-default-features",
            ],
        );
        install
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .args(["--quiet", "--version", VERSION, "--root"])
            .arg(&root);
        install.arg("--target-dir").arg(place::work("cargo-deny")?);
        command::run(&mut install)?;
        // Half a gigabyte that nothing uses again; the program is what matters.
        let _ = std::fs::remove_dir_all(place::work("cargo-deny")?);
    }
    Ok(program)
}

/// Licences, banned and duplicate crates, and sources. Advisories need a database from the network, and a new one
/// must not fail a build that changed nothing: they are no part of it.
pub(crate) fn check() -> Result<()> {
    let mut deny = command(program()?, ["--locked", "check", "bans", "licenses", "sources"]);
    command::run(deny.current_dir(place::root()))
}
