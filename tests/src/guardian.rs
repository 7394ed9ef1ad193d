//! What is done when a testbed ends, whatever ends it.
//!
//! A testbed that was only dropped would leave its servers behind when its program is killed. So a shell of its own
//! session of signals waits at a pipe, which closes when the program lets go of it or is no more, and then does what it
//! was told. There is no other way in which a testbed ends, so that the way after a murder is the one that is always
//! tested.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::failure::{Doing, Result};

/// Reads commands, a line each, up to the end of its input; then runs them, the last one first.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
last=
while IFS= read -r line; do
    last="$line
$last"
done
eval "$last"
"#;

/// Does its last will when it is dropped, and when this program ends in any way.
#[derive(Debug)]
pub struct Guardian {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// One with nothing to do yet.
    ///
    /// # Errors
    /// There is no `sh`.
    pub fn new() -> Result<Self> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Ctrl-C at the terminal, and the end of a job, are for the program alone.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let mut shell = shell.spawn().doing("run `sh`")?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Adds a command, which is run before those that are there already. Words are taken as they are.
    ///
    /// # Errors
    /// The guardian is no more.
    pub fn at_the_end(&mut self, words: &[&str]) -> Result<()> {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        self.script(&words.join(" "))
    }

    /// Adds a line of the shell's language, which is run before what is there already.
    ///
    /// # Errors
    /// The guardian is no more.
    pub fn script(&mut self, line: &str) -> Result<()> {
        let what = "tell a guardian what to end";
        match &mut self.pipe {
            Some(pipe) => writeln!(pipe, "{line}").doing(what),
            None => Ok(()),
        }
    }

    /// Kills this process at the end. Whoever started it waits for it after that, so that its number is not another's
    /// before.
    ///
    /// # Errors
    /// The guardian is no more.
    pub fn kill_at_the_end(&mut self, process: &Child) -> Result<()> {
        self.at_the_end(&["kill", "-s", "KILL", &process.id().to_string()])
    }

    /// Removes a directory and what is in it at the end.
    ///
    /// # Errors
    /// The guardian is no more.
    pub fn remove_at_the_end(&mut self, directory: &Path) -> Result<()> {
        self.at_the_end(&["rm", "-rf", "--one-file-system", &directory.to_string_lossy()])
    }

    /// Does what is to be done now, and waits until it is.
    pub fn end(&mut self) {
        drop(self.pipe.take());
        // Fails only for a guardian that has been waited for.
        let _ = self.shell.wait();
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.end();
    }
}

/// A word as the shell reads it back.
#[must_use]
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait;

    #[test]
    fn does_what_it_was_told_in_the_reverse_order_when_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("it's said");
        let mut guardian = Guardian::new().unwrap();
        for word in ["last", "first"] {
            let line = format!("echo {word} >> {}", quoted(&file.to_string_lossy()));
            guardian.script(&line).unwrap();
        }
        assert!(!file.exists(), "nothing is done before the end");
        drop(guardian);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "first\nlast\n");
    }

    #[test]
    fn kills_what_a_killed_program_has_started() {
        let directory = tempfile::tempdir().unwrap();
        let told = directory.path().join("told");
        let mut victim = Command::new("sleep")
            .arg("600")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // What holds the pipe is another program here, which is killed as a test may be.
        let will = format!(
            "echo 'kill -s KILL {}'; : > {}; exec sleep 600",
            victim.id(),
            quoted(&told.to_string_lossy())
        );
        let mut holder = Command::new("sh")
            .args(["-c", &will])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(holder.stdout.take().unwrap())
            .spawn()
            .unwrap();
        assert!(
            victim.try_wait().unwrap().is_none(),
            "it runs as long as the program"
        );
        wait::until("the guardian to be told", Duration::from_secs(20), || {
            Ok(told.exists().then_some(()))
        })
        .unwrap();
        holder.kill().unwrap();
        holder.wait().unwrap();
        wait::until("the victim to end", Duration::from_secs(20), || {
            victim.try_wait().doing("look after the victim")
        })
        .unwrap();
        assert!(shell.wait().unwrap().success());
    }
}
