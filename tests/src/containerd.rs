//! A containerd of a test's own: the Debian package containerd.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::failure::{Doing, Result};
use crate::wait;

/// A containerd in progress, killed when dropped.
#[derive(Debug)]
pub struct Containerd {
    child: Child,
    socket: PathBuf,
}

impl Containerd {
    /// Starts one that keeps everything below a directory, and waits until it answers.
    ///
    /// # Errors
    /// It is not installed, or does not answer.
    pub fn start(work: &Path) -> Result<Self> {
        let socket = work.join("containerd.sock");
        let config = work.join("config.toml");
        let text = "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";
        std::fs::write(&config, text).doing("write containerd's configuration")?;
        let child = Command::new("containerd")
            .arg("--config")
            .arg(&config)
            .arg("--root")
            .arg(work.join("root"))
            .arg("--state")
            .arg(work.join("run"))
            .arg("--address")
            .arg(&socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .doing("run `containerd`")?;
        let containerd = Self { child, socket };
        wait::until("containerd answers", Duration::from_secs(30), || {
            let mut version = containerd.ctr(&["version"]);
            let answered = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
            Ok(answered.is_ok_and(|status| status.success()).then_some(()))
        })?;
        Ok(containerd)
    }

    /// Its client, with these arguments.
    #[must_use]
    pub fn ctr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket).args(arguments);
        command
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
