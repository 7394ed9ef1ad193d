//! Cargo for this machine and for Windows.

use std::path::PathBuf;
use std::process::Command;

use porthole_tests::program::{self, WINDOWS};

use crate::command::{self, Doing, Result, command};
use crate::{debian, place};

/// What is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// This machine.
    Host,
    /// Windows.
    Windows(Toolchain),
}

/// Which Rust builds for Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one that runs this task.
    Own,
    /// Debian's, which builds the standard library from its source.
    Debian,
}

/// Finds a Rust that can build for Windows, and installs what that takes.
pub(crate) fn windows() -> Result<Target> {
    debian::install(&["gcc-mingw-w64-x86-64"])?;
    if has_windows_std() {
        return Ok(Target::Windows(Toolchain::Own));
    }
    let added = command::run(&mut command("rustup", ["target", "add", WINDOWS]));
    if added.is_ok() && has_windows_std() {
        return Ok(Target::Windows(Toolchain::Own));
    }
    println!("rustup cannot add {WINDOWS}; Debian's Rust builds the standard library for it");
    debian::install(debian::RUST_WITH_SOURCE)?;
    Ok(Target::Windows(Toolchain::Debian))
}

fn has_windows_std() -> bool {
    command::output(&mut command(
        "rustc",
        ["--print", "target-libdir", "--target", WINDOWS],
    ))
    .is_ok_and(|dir| PathBuf::from(dir.trim()).is_dir())
}

impl Target {
    /// `cargo SUBCOMMAND`, in the checkout, for this target.
    pub(crate) fn cargo(self, subcommand: &str) -> Command {
        let program = match self {
            Self::Windows(Toolchain::Debian) => "/usr/bin/cargo",
            _ => "cargo",
        };
        let mut cargo = command(program, [subcommand]);
        cargo.current_dir(place::root());
        // What the Cargo that runs this task says of the task. Build scripts of others would take it for a change, and all that
        // stands on them would be built again whenever Cargo runs by itself and then from here.
        for (name, _) in std::env::vars_os() {
            let is_of_task =
                |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
            if name.to_str().is_some_and(is_of_task) {
                cargo.env_remove(name);
            }
        }
        if let Self::Windows(toolchain) = self {
            cargo.args(["--target", WINDOWS]);
            if toolchain == Toolchain::Debian {
                cargo
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env(
                        "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER",
                        "x86_64-w64-mingw32-gcc",
                    )
                    .args(["-Z", "build-std=std,panic_abort,panic_unwind"]);
            }
        }
        cargo
    }

    /// Where `cargo build` has left the program `name`.
    pub(crate) fn program(self, name: &str) -> Result<PathBuf> {
        match self {
            Self::Host => program::host(name),
            Self::Windows(_) => program::windows(name),
        }
    }

    /// Builds porthole and the examples' programs.
    pub(crate) fn build(self) -> Result<()> {
        self.build_workspace(&["--bins"])
    }

    /// Builds what [`build`](Self::build) does, and the tests.
    pub(crate) fn build_with_tests(self) -> Result<()> {
        self.build_workspace(&["--bins", "--tests", "--examples"])
    }

    /// The whole workspace in any case: with fewer packages Cargo would resolve other features, and compile the
    /// dependencies once more.
    fn build_workspace(self, targets: &[&str]) -> Result<()> {
        command::run(
            self.cargo("build")
                .args(["--workspace", "--locked"])
                .args(targets),
        )?;
        for name in ["porthole", "hostfile", "ping"] {
            self.program(name)?;
        }
        Ok(())
    }

    /// Puts the program `name` as `file` into a directory that stands for an image's file system.
    pub(crate) fn stage(self, name: &str, file: &std::path::Path) -> Result<()> {
        let program = self.program(name)?;
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir).doing(format!("make `{}`", dir.display()))?;
        }
        std::fs::copy(&program, file).doing(format!(
            "copy `{}` to `{}`",
            program.display(),
            file.display()
        ))?;
        Ok(())
    }
}
