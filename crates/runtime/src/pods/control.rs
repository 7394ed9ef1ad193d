//! What is asked of whoever runs a pod: one JSON line, and one in answer, over a connection of its own.
//!
//! Whoever may enter the pod's directory may ask. Nothing is asked that can be read from files, and no answer waits for
//! anything that takes long: the end of a pod is waited for at its lock.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::directory;
use crate::causes::chain;
use crate::life::LifeHandle;
use crate::os::{Listener, Stream};
use crate::plan::Limits;

/// The most bytes of a line.
const LONGEST_LINE: u64 = 64 << 10;

/// How long one connection may take on the side of the one who is asked. There is one at a time.
const TURN: Duration = Duration::from_secs(2);

/// How long an answer is waited for.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Request {
    /// Whether it listens.
    Ping,
    /// The pod's end in order. Answered when the wish is passed on.
    Stop {
        /// In whole seconds; the pod's own where it is not set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace: Option<u64>,
    },
    /// The pod's end at once.
    Kill,
    /// Other limits for one container.
    Limits {
        /// Its name.
        container: String,
        /// All of its limits.
        limits: Limits,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// It is as was asked.
    Done,
    /// The limits as the system has rounded them.
    Limits(Limits),
    /// It is not.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Why nothing came of a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The pod has ended.
    #[error("the {whom} does not run")]
    Ended {
        /// `pod NAMESPACE/NAME`, or `job …`.
        whom: String,
    },
    /// Whoever runs the pod is stopped, or far too slow.
    #[error(
        "the porthole process that runs the {whom} does not answer within {} s{}",
        ANSWER_LIMIT.as_secs(),
        match holder {
            Some(holder) => format!(
                "; if it is stopped, let it go on (kill -CONT {holder}) or end it with all of its containers (kill -KILL {holder})"
            ),
            None => String::new(),
        }
    )]
    Silent {
        /// `pod NAMESPACE/NAME`, or `job …`.
        whom: String,
        /// Its process, where that is known.
        holder: Option<u32>,
    },
    /// The answer is no.
    #[error("the porthole process that runs the {whom} refuses: {reason}")]
    Refused {
        /// `pod NAMESPACE/NAME`, or `job …`.
        whom: String,
        /// Why.
        reason: String,
    },
    /// The way there failed.
    #[error("ask the porthole process that runs the {whom}")]
    Io {
        /// `pod NAMESPACE/NAME`, or `job …`.
        whom: String,
        /// The system's answer.
        source: io::Error,
    },
}

/// Asks whoever runs a pod.
#[derive(Clone, Debug)]
pub struct Control<'a> {
    directory: &'a Path,
    title: String,
}

impl<'a> Control<'a> {
    /// `title` is `pod NAMESPACE/NAME`, or `job …`.
    pub(super) fn new(directory: &'a Path, title: String) -> Self {
        Self { directory, title }
    }

    /// Asks, and waits for the answer for at most [`ANSWER_LIMIT`]. One who is just beginning is waited for, and one who goes away
    /// before it has answered until it is gone. One who stays all the same is asked again, but to stop: the second time that kills.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn ask(&self, request: &Request) -> Result<Answer, ControlError> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        loop {
            match self.ask_once(request, deadline) {
                Ok(Answer::Refused { reason }) => {
                    return Err(ControlError::Refused {
                        whom: self.title.clone(),
                        reason,
                    });
                }
                Ok(answer) => return Ok(answer),
                Err((error, was_sent)) => {
                    let error = self.pause(error, deadline)?;
                    if was_sent && matches!(request, Request::Stop { .. }) {
                        return Err(self.end_or(error, deadline));
                    }
                }
            }
        }
    }

    /// Waits a moment where it may be otherwise then, and gives back why there was no answer.
    fn pause(&self, error: io::Error, deadline: Instant) -> Result<io::Error, ControlError> {
        if !directory::is_held(self.directory) {
            return Err(ControlError::Ended {
                whom: self.title.clone(),
            });
        }
        if error.kind() == ErrorKind::TimedOut {
            return Err(self.silent());
        }
        if !may_pass(&error) {
            return Err(self.io(error));
        }
        if Instant::now() >= deadline {
            return Err(self.silent());
        }
        thread::sleep(Duration::from_millis(5));
        Ok(error)
    }

    /// What becomes of one who may have heard that it shall stop: it ends, or lives and nobody can tell what it has heard.
    fn end_or(&self, lost: io::Error, deadline: Instant) -> ControlError {
        loop {
            match self.ask_once(&Request::Ping, deadline) {
                Ok(_) => return self.io(lost),
                Err((error, _)) => {
                    if let Err(end) = self.pause(error, deadline) {
                        return end;
                    }
                }
            }
        }
    }

    fn io(&self, source: io::Error) -> ControlError {
        ControlError::Io {
            whom: self.title.clone(),
            source,
        }
    }

    /// The answer; else why there is none, and whether the request was sent as a whole.
    fn ask_once(&self, request: &Request, deadline: Instant) -> Result<Answer, (io::Error, bool)> {
        // A pipe all of whose instances are in use is none that says nothing.
        let crowded = |error: io::Error| match error.kind() {
            ErrorKind::TimedOut => io::Error::other(error),
            _ => error,
        };
        let mut stream = Stream::connect(self.directory).map_err(|error| (crowded(error), false))?;
        stream.set_deadline(Some(deadline.saturating_duration_since(Instant::now())));
        send(&mut stream, request).map_err(|error| (error, false))?;
        receive(stream).map_err(|error| (error, true))
    }

    fn silent(&self) -> ControlError {
        ControlError::Silent {
            whom: self.title.clone(),
            holder: directory::holder(self.directory),
        }
    }
}

/// Whether it is so only while somebody begins or ends: it does not listen yet or no longer, or goes away with what it was
/// asked.
fn may_pass(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::WouldBlock
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
    )
}

/// Whoever answers what is asked of a pod or a job.
pub(super) trait Respond: Send + 'static {
    /// Answers one request, soon.
    fn respond(&self, request: Request) -> Answer;
}

impl Respond for LifeHandle {
    fn respond(&self, request: Request) -> Answer {
        match request {
            Request::Ping => {}
            Request::Stop { grace } => self.stop(grace.map(Duration::from_secs)),
            Request::Kill => self.kill(),
            Request::Limits { container, limits } => {
                return match self.set_limits(&container, &limits) {
                    Ok(limits) => Answer::Limits(limits),
                    Err(error) => Answer::Refused {
                        reason: chain(&error),
                    },
                };
            }
        }
        Answer::Done
    }
}

/// Requests are taken until this is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    directory: PathBuf,
    over: Arc<AtomicBool>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // Wakes the thread up. Where that fails, nobody is left to be woken.
        drop(Stream::connect(&self.directory));
    }
}

/// Takes requests for a pod or a job in its directory, on a thread of its own that sleeps meanwhile.
pub(super) fn serve(directory: &Path, whom: impl Respond) -> io::Result<Listening> {
    let listener = Listener::bind(directory)?;
    let over = Arc::new(AtomicBool::new(false));
    let listening = Listening {
        directory: directory.to_owned(),
        over: Arc::clone(&over),
    };
    let serve = move || {
        while !over.load(Ordering::Acquire) {
            match listener.accept() {
                // What comes of one connection is for the one at its other end.
                Ok(stream) => drop(serve_one(stream, &whom)),
                // As long as there is no descriptor or memory to be had.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    };
    thread::Builder::new()
        .name("control".to_owned())
        .stack_size(128 << 10)
        .spawn(serve)?;
    Ok(listening)
}

fn serve_one(mut stream: Stream, whom: &impl Respond) -> io::Result<()> {
    stream.set_deadline(Some(TURN));
    let answer = match receive(&mut stream) {
        Ok(request) => whom.respond(request),
        Err(error) if error.kind() == ErrorKind::InvalidData => Answer::Refused {
            reason: error.to_string(),
        },
        Err(error) => return Err(error),
    };
    stream.set_deadline(Some(TURN));
    send(&mut stream, &answer)
}

fn send(stream: &mut Stream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line)
}

fn receive<T: DeserializeOwned>(stream: impl io::Read) -> io::Result<T> {
    let mut line = Vec::new();
    BufReader::with_capacity(1024, stream)
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    if line.last() != Some(&b'\n') {
        let reason = if line.len() as u64 == LONGEST_LINE {
            format!("a line has at most {LONGEST_LINE} bytes")
        } else {
            "the line has no end".to_owned()
        };
        return Err(io::Error::new(ErrorKind::InvalidData, reason));
    }
    serde_json::from_slice(&line).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::super::directory::{self, Held};
    use super::super::shelf::Shelf;
    use super::*;
    use crate::plan::PodIdentity;

    fn held(state: &Path) -> Held {
        let identity = PodIdentity {
            namespace: "default".to_owned(),
            name: "p".to_owned(),
            uid: "1".to_owned(),
        };
        directory::claim(state, Shelf::Pods, &identity).unwrap()
    }

    /// Takes connections and lets them go, the first before it has read what it is asked.
    fn goes_away(listener: &Listener, times: usize) {
        for turn in 0..times {
            let mut stream = listener.accept().unwrap();
            if turn > 0 {
                let _ = receive::<Request>(&mut stream);
            }
        }
    }

    /// What is heard by one who lets two connections go, and answers what comes then; and what the asker is told.
    fn heard_and_told(request: &Request) -> (Request, Result<Answer, ControlError>) {
        let state = tempfile::tempdir().unwrap();
        let held = held(state.path());
        let listener = Listener::bind(held.directory()).unwrap();
        let answering = thread::spawn(move || {
            goes_away(&listener, 2);
            let mut stream = listener.accept().unwrap();
            let heard = receive::<Request>(&mut stream).unwrap();
            send(&mut stream, &Answer::Done).unwrap();
            heard
        });
        let control = Control::new(held.directory(), "pod default/p".to_owned());
        let told = control.ask(request);
        (answering.join().unwrap(), told)
    }

    #[test]
    fn one_who_goes_away_before_it_answers_is_asked_again() {
        let (heard, told) = heard_and_told(&Request::Kill);
        assert!(matches!(heard, Request::Kill), "{heard:?}");
        assert!(matches!(told, Ok(Answer::Done)), "{told:?}");
    }

    #[test]
    fn one_who_may_have_heard_that_it_shall_stop_is_not_told_again() {
        let (heard, told) = heard_and_told(&Request::Stop { grace: None });
        assert!(matches!(heard, Request::Ping), "{heard:?}");
        assert!(matches!(told, Err(ControlError::Io { .. })), "{told:?}");
    }

    #[test]
    fn one_who_goes_away_for_good_does_not_run() {
        let state = tempfile::tempdir().unwrap();
        let held = held(state.path());
        let listener = Listener::bind(held.directory()).unwrap();
        let path = held.directory().to_owned();
        let ending = thread::spawn(move || {
            goes_away(&listener, 2);
            drop(listener);
            // As long as it takes to end behind the socket.
            thread::sleep(Duration::from_millis(50));
            drop(held);
        });
        let control = Control::new(&path, "pod default/p".to_owned());
        let answer = control.ask(&Request::Kill);
        ending.join().unwrap();
        assert!(matches!(answer, Err(ControlError::Ended { .. })), "{answer:?}");
    }
}
