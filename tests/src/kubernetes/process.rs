//! A server as a process: what it writes goes to a file, and its end is seen without taking its number away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::failure::{Doing, Failure, Result};
use crate::guardian::Guardian;

/// How much of a log is shown of a server that has ended.
const SHOWN: usize = 30;

/// A server in progress. It is killed by the guardian that it was given to.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a server that writes to `NAME.log` in a directory.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(
        name: &str,
        command: &mut Command,
        directory: &Path,
        guardian: &mut Guardian,
    ) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let what = format!("run `{}`", command.get_program().display());
        let out = File::create(&log).doing(format!("make `{}`", log.display()))?;
        let error = out.try_clone().doing(format!("open `{}`", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(error)
            .spawn()
            .doing(what)?;
        let name = name.to_owned();
        let mut process = Self { name, child, log };
        if let Err(failure) = guardian.kill_at_the_end(&process.child) {
            let _ = process.child.kill();
            return Err(failure);
        }
        Ok(process)
    }

    /// Fails when it has ended, with what it said last.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn check(&self) -> Result<()> {
        let state = self.state();
        if state.first().is_some_and(|state| state != "Z" && state != "X") {
            return Ok(());
        }
        Err(Failure::new(
            format!("run {}", self.name),
            format!("it has ended:\n{}", self.tail()),
        ))
    }

    /// Its state and what follows it in `/proc/PID/stat`; nothing where it was waited for. The child is not asked: it would be
    /// waited for then, and its number given to another before it is killed.
    fn state(&self) -> Vec<String> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        fields.split_whitespace().map(str::to_owned).collect()
    }

    /// Its number.
    #[cfg(feature = "client")]
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it. It is not waited for, so that its number is nobody else's as long as the guardian knows it.
    ///
    /// # Errors
    /// It has been waited for.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill().doing(format!("kill {}", self.name))
    }

    /// Its exit status, as `wait` gives it, once it has ended: 0 where all was well.
    #[cfg(feature = "client")]
    pub(super) fn ended(&self) -> Option<i32> {
        let fields = self.state();
        // The last field of a process that nobody has waited for.
        let [state, .., code] = fields.as_slice() else {
            return None;
        };
        code.parse().ok().filter(|_| state == "Z")
    }

    /// All that it has said.
    #[cfg(feature = "client")]
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What it said last.
    pub(super) fn tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }

    /// Waits for one that has been killed.
    pub(super) fn reap(&mut self) {
        // Fails only for a process that has been waited for.
        let _ = self.child.wait();
    }
}
