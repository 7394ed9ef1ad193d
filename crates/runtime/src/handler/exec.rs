//! A program in the container, its output, and its end within the limit.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Failed, MOST_OUTPUT, Target, left};
use crate::engine::{Entry, Running, Stdio};
use crate::logs::Heard;
use crate::os::{Stop, pump};

/// How long the last of the output may take to come once the program has ended.
const OUTPUT_LIMIT: Duration = Duration::from_secs(1);
/// How much of the output is read at once.
const PORTION: usize = 4096;
/// How long a killed program may take to be gone before it is left to the end of the container.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Runs the program; exit code 0 within the limit is success.
pub(super) fn perform(command: &[String], target: &Target<'_>, limit: Duration) -> Result<(), Failed> {
    let since = Instant::now();
    let entry = Entry {
        command: command.to_vec(),
        environment: Vec::new(),
        working_directory: None,
        user: None,
    };
    let running = target
        .engine
        .exec(target.plan, &entry, Stdio::Piped)
        .map_err(|error| Failed::new(with_causes(&error)))?;
    let output = Arc::new(Mutex::new(Vec::new()));
    let (done, ends) = channel::<()>();
    let stop = match read(&running, &output, done) {
        Ok(stop) => stop,
        Err(error) => {
            let _ = running.kill();
            let _ = running.delete();
            return Err(Failed::new(format!("read its output: {error}")));
        }
    };
    let failed = if let Some(exit) = running.wait_for(left(since, limit).unwrap_or_default()) {
        let _ = ends.recv_timeout(OUTPUT_LIMIT);
        (exit.code() != 0).then(|| {
            let output = output.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(&output);
            if text.trim().is_empty() {
                format!("command '{}' exited with {}", command.join(" "), exit.code())
            } else {
                text.into_owned()
            }
        })
    } else {
        if running.kill().is_ok() {
            let _ = running.wait_for(KILL_LIMIT);
        }
        Some(format!(
            "command timed out: {:?} timed out after {limit:?}",
            command.join(" ")
        ))
    };
    // What it has left behind may have its outputs for as long as the container runs, and so would the thread.
    stop.stop();
    let removed = running.delete();
    match (failed, removed) {
        (Some(message), _) => Err(Failed::new(message)),
        (None, Err(error)) => Err(Failed::new(with_causes(&error))),
        (None, Ok(())) => Ok(()),
    }
}

/// Reads what the program says on a thread, so that it does not block, and keeps the beginning. The thread lets go of
/// `done` when everything is read.
fn read(running: &Arc<dyn Running>, output: &Arc<Mutex<Vec<u8>>>, done: Sender<()>) -> io::Result<Arc<Stop>> {
    let stop = Arc::new(Stop::new()?);
    let Some(streams) = running.take_output() else {
        return Ok(stop);
    };
    // Nothing is typed into a probe.
    drop(streams.stdin);
    let (stopped, output) = (Arc::clone(&stop), Arc::clone(output));
    std::thread::Builder::new().stack_size(64 << 10).spawn(move || {
        let files = vec![streams.stdout, streams.stderr];
        pump(files, PORTION, &stopped, &mut |heard| {
            if let Heard::Bytes(_, bytes) = heard {
                let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MOST_OUTPUT.saturating_sub(output.len());
                output.extend(bytes.iter().take(room));
            }
        });
        drop(done);
    })?;
    Ok(stop)
}

/// An error with its causes on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
