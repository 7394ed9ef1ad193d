//! A Wine prefix in which the Windows programs run.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

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

/// How often Wine is started before it counts as broken.
const STARTS: usize = 3;

/// A prefix that is ready, and in which Wine's server and services stay up as long as this lives.
///
/// Every program that finds none starts them for itself; where several do so at once, or while the server of an earlier one
/// ends, one may fail with 1 and no word.
#[derive(Clone, Debug)]
pub struct Prefix {
    place: Place,
    _up: Arc<StaysUp>,
}

/// Where a prefix is.
#[derive(Clone, Debug)]
struct Place {
    dir: PathBuf,
}

/// A program of Wine's that does nothing, and ends when nobody holds its input any more.
#[derive(Debug)]
struct StaysUp(Child);

impl StaysUp {
    /// Starts it, and hears of it when Wine has started all that it needs. `None` where it ended without a word.
    fn start(place: &Place) -> Result<Option<Self>> {
        let mut shell = Command::new("wine");
        place
            .enter(&mut shell)
            .arg("cmd")
            .args(["/k", "echo up"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut up = Self(shell.spawn().doing("keep Wine up")?);
        let mut word = [0; 1];
        let heard = match &mut up.0.stdout {
            Some(out) => out.read(&mut word).doing("hear whether Wine is up")?,
            None => 0,
        };
        Ok((heard > 0).then_some(up))
    }
}

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
        let root = cache::directory("wine")?;
        // One after the other: who comes second finds it made, and up.
        let lock = root.join(format!("{name}.lock"));
        let lock = File::create(&lock).doing(format!("open `{}`", lock.display()))?;
        lock.lock().doing("wait for others who start Wine")?;
        let place = Place { dir: root.join(name) };
        let ready = place.dir.join("ready");
        if !ready.exists() {
            place.make()?;
            std::fs::write(&ready, "").doing(format!("write `{}`", ready.display()))?;
        }
        for _ in 0..STARTS {
            if let Some(up) = StaysUp::start(&place)? {
                return Ok(Self {
                    place,
                    _up: Arc::new(up),
                });
            }
        }
        Err(Failure::new(
            "start Wine",
            format!("its shell ended without a word, {STARTS} times"),
        ))
    }

    /// Sets the variables that make a command, and what it starts, use this prefix.
    pub fn enter<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.place.enter(command)
    }

    /// A command that runs a Windows program.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut wine = Command::new("wine");
        self.enter(&mut wine).arg(program);
        wine
    }

    /// The place of a path on drive C, as in `users/azureuser`.
    #[must_use]
    pub fn drive_c(&self, path: &str) -> PathBuf {
        self.place.drive_c(path)
    }

    /// An absolute path of this machine as Windows programs see it.
    #[must_use]
    pub fn windows_path(path: &Path) -> String {
        format!("Z:{}", path.display()).replace('/', r"\")
    }
}

impl Place {
    fn make(&self) -> Result<()> {
        self.run(Command::new("wine").args(["wineboot", "--init"]))?;
        // A fresh prefix calls itself Windows 7.
        self.run(Command::new("wine").args(["winecfg", "/v", "win10"]))?;
        self.add_random()?;
        // The registry is on disk when the prefix's server has ended.
        self.run(Command::new("wineserver").arg("--wait"))
    }

    fn enter<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("WINEPREFIX", &self.dir)
            .env("WINEDEBUG", "-all")
            .env_remove("DISPLAY")
    }

    fn drive_c(&self, path: &str) -> PathBuf {
        self.dir.join("drive_c").join(path)
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
