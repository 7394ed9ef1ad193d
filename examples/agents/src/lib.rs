//! What the four agents share: the wait between two rounds, which ends when the pod is stopped, and one line of JSON for
//! everything that is said.

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

/// Hears of the end: SIGTERM and SIGINT, and the console's events on Windows, shutdown among them.
pub struct Stop(Receiver<()>);

impl Stop {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn listen() -> io::Result<Self> {
        let (tell, told) = channel();
        ctrlc::set_handler(move || {
            let _ = tell.send(());
        })
        .map_err(io::Error::other)?;
        Ok(Self(told))
    }

    /// Waits so long; `true` when the agent has been asked to stop.
    #[must_use]
    pub fn within(&self, time: Duration) -> bool {
        !matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }

    /// Waits until the agent is asked to stop.
    pub fn wait(&self) {
        let _ = self.0.recv();
    }
}

/// Says something: one line, at once, so that nothing of it is lost when the pod is killed.
///
/// # Errors
/// Standard output is gone: nobody hears the agent any more.
pub fn say(what: &Value) -> io::Result<()> {
    let mut line = what.to_string();
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

/// A variable of the manifest, or what it is without one.
#[must_use]
pub fn setting(name: &str, otherwise: &str) -> String {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| otherwise.to_owned())
}

/// A number of seconds of the manifest, at least one.
///
/// # Errors
/// The variable is no number.
pub fn seconds(name: &str, otherwise: u64) -> io::Result<Duration> {
    let text = setting(name, &otherwise.to_string());
    match text.parse::<u64>() {
        Ok(number) => Ok(Duration::from_secs(number.max(1))),
        Err(error) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name} is {text:?}: {error}"),
        )),
    }
}
