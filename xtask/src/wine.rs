//! A Wine prefix in which the Windows programs run.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{self, Doing, Result, command};
use crate::{debian, place};

/// What Wine 8 lacks and Rust's standard library imports: `ProcessPrng`, here over what Wine has. For tests alone.
const RANDOM: &str = "\
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) { return SystemFunction036(buffer, (ULONG)length); }
";

/// A prefix that is ready.
pub(crate) struct Prefix {
    dir: PathBuf,
}

/// The prefix of the tasks, made where it is missing.
pub(crate) fn prefix() -> Result<Prefix> {
    debian::install(debian::WINDOWS)?;
    let version = command::output(&mut command("wine", ["--version"]))?;
    let name: String = version
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let prefix = Prefix {
        dir: place::cache("wine")?.join(name),
    };
    let ready = prefix.dir.join("ready");
    if !ready.exists() {
        println!("making the Wine prefix `{}`", prefix.dir.display());
        command::run(prefix.enter(&mut command("wine", ["wineboot", "--init"])))?;
        // A fresh prefix calls itself Windows 7.
        command::run(prefix.enter(&mut command("wine", ["winecfg", "/v", "win10"])))?;
        prefix.add_random()?;
        // The files of the prefix are complete when its server has ended.
        command::run(prefix.enter(&mut command("wineserver", ["--wait"])))?;
        std::fs::write(&ready, "").doing(format!("write `{}`", ready.display()))?;
    }
    Ok(prefix)
}

impl Prefix {
    /// Sets the variables that make a command, and what it starts, use this prefix.
    pub(crate) fn enter<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("WINEPREFIX", &self.dir)
            .env("WINEDEBUG", "-all")
            .env_remove("DISPLAY")
    }

    /// As [`enter`](Self::enter), and lets Cargo start Windows programs with Wine.
    pub(crate) fn runs<'a>(&self, cargo: &'a mut Command) -> &'a mut Command {
        self.enter(cargo)
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine")
    }

    /// The place of a path on drive C.
    pub(crate) fn drive_c(&self, path: &str) -> PathBuf {
        self.dir.join("drive_c").join(path)
    }

    fn add_random(&self) -> Result<()> {
        let source = place::work("wine")?.join("random.c");
        std::fs::write(&source, RANDOM).doing(format!("write `{}`", source.display()))?;
        let dll = self.drive_c("windows/system32/bcryptprimitives.dll");
        let mut compile = command("x86_64-w64-mingw32-gcc", ["-shared", "-O1", "-o"]);
        command::run(compile.arg(&dll).arg(&source).arg("-ladvapi32"))
    }
}
