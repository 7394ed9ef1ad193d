//! Programs that are asked for credentials: docker's credential helpers, Kubernetes' credential plug-ins.
//!
//! What they answer is bounded in length and time, and wiped: a program that hangs, or writes without end, is killed.

use std::io::Read as _;
use std::process::{Child, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// What is set aside for an answer at first: what an answer outgrows is not wiped.
const USUAL: usize = 8192;

/// What a program has answered.
#[derive(Debug)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to standard output, which is wiped when it is dropped.
    pub text: Zeroizing<Vec<u8>>,
}

/// The answer of a program whose standard output is a pipe: at most `longest` bytes, and its end within `patience`. Whatever
/// it answers, it has ended afterwards.
///
/// # Errors
/// Why there is no answer, without anything of it; the program was killed.
pub fn answer(child: &mut Child, longest: u64, patience: Duration) -> Result<Answer, String> {
    let text = listen(child, longest, patience);
    if text.is_err() {
        // It has ended already, or ends now.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok(Answer { status, text: text? })
}

fn listen(child: &mut Child, longest: u64, patience: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let deadline = Instant::now() + patience;
    let Some(output) = child.stdout.take() else {
        return Err("it has no output".to_owned());
    };
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Zeroizing::new(Vec::with_capacity(USUAL));
        let read = output.take(longest + 1).read_to_end(&mut text);
        let _ = sender.send(read.map(|_| text));
    });
    let text = match received.recv_timeout(patience) {
        Ok(text) => text.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("no answer within {} s", patience.as_secs())),
    };
    if text.len() as u64 > longest {
        return Err(format!("its answer is longer than {longest} bytes"));
    }
    // It has closed its output, and should end at once.
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() >= deadline {
            return Err(format!("it did not end within {} s", patience.as_secs()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(text)
}
