//! A Wine prefix in which the Windows programs run.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::cache;
use crate::failure::{Doing, Failure, Result};

/// What Wine 8 lacks and Rust's standard library imports: `ProcessPrng`, here over what Wine has. For tests alone.
const RANDOM: &str = "\
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    return SystemFunction036(buffer, (ULONG)length);
}
";

/// A prefix that is ready.
#[derive(Clone, Debug)]
pub struct Prefix {
    dir: PathBuf,
}

/// A program of Wine's that does nothing.
#[derive(Debug)]
pub struct StaysUp(Child);

impl Drop for StaysUp {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Prefix {
    /// The prefix of this user for the installed version of Wine, made where it is missing (half a minute).
    ///
    /// # Errors
    /// Wine or the MinGW compiler is missing, or fails.
    pub fn ready() -> Result<Self> {
        let version = Command::new("wine")
            .arg("--version")
            .output()
            .doing("run `wine --version`")?;
        let version = String::from_utf8_lossy(&version.stdout);
        // `wine-8.0 (Debian 8.0~repack-4)`
        let name = version.split_whitespace().next().unwrap_or("wine");
        let prefix = Self {
            dir: cache::directory("wine")?.join(name),
        };
        let ready = prefix.dir.join("ready");
        if !ready.exists() {
            prefix.wine("wineboot", &["--init"])?;
            // A fresh prefix calls itself Windows 7.
            prefix.wine("winecfg", &["/v", "win10"])?;
            prefix.add_random()?;
            // The registry is on disk when the prefix's server has ended.
            prefix.run(Command::new("wineserver").arg("--wait"))?;
            std::fs::write(&ready, "").doing(format!("write `{}`", ready.display()))?;
        }
        Ok(prefix)
    }

    /// Sets the variables that make a command, and what it starts, use this prefix.
    pub fn enter<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("WINEPREFIX", &self.dir)
            .env("WINEDEBUG", "-all")
            .env_remove("DISPLAY")
    }

    /// A command that runs a Windows program.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut wine = Command::new("wine");
        self.enter(&mut wine).arg(program);
        wine
    }

    /// Keeps Wine's server and services up, which every program that finds none starts for itself, until this is dropped.
    ///
    /// # Errors
    /// Wine does not start.
    pub fn stay_up(&self) -> Result<StaysUp> {
        let mut ping = self.command(Path::new("ping"));
        ping.args(["-n", "3600", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        ping.spawn().doing("keep Wine up").map(StaysUp)
    }

    /// The place of a path on drive C, as in `users/azureuser`.
    #[must_use]
    pub fn drive_c(&self, path: &str) -> PathBuf {
        self.dir.join("drive_c").join(path)
    }

    /// An absolute path of this machine as Windows programs see it.
    #[must_use]
    pub fn windows_path(path: &Path) -> String {
        format!("Z:{}", path.display()).replace('/', r"\")
    }

    fn wine(&self, program: &str, arguments: &[&str]) -> Result<()> {
        self.run(Command::new("wine").arg(program).args(arguments))
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let what = format!("run `{}`", command.get_program().display());
        let command = self.enter(command).stdin(Stdio::null());
        let output = command.output().doing(&what)?;
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(
            what,
            format!("{}\n{}", output.status, errors.trim_end()),
        ))
    }

    fn add_random(&self) -> Result<()> {
        let source = self.dir.join("random.c");
        std::fs::write(&source, RANDOM).doing(format!("write `{}`", source.display()))?;
        let dll = self.drive_c("windows/system32/bcryptprimitives.dll");
        let mut compile = Command::new("x86_64-w64-mingw32-gcc");
        self.run(
            compile
                .args(["-shared", "-O1", "-o"])
                .arg(dll)
                .arg(source)
                .arg("-ladvapi32"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_paths_as_windows_programs_see_them() {
        assert_eq!(Prefix::windows_path(Path::new("/a/b c")), r"Z:\a\b c");
    }
}
