//! What is asked of whoever runs a pod: one JSON line, and one in answer, over a connection of its own.
//!
//! Whoever may enter the pod's directory may ask. Nothing is asked that can be read from files, and no answer waits for
//! anything that takes long: the end of a pod is waited for at its lock.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Pod;
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
    #[error("the pod {pod} does not run")]
    Ended {
        /// `NAMESPACE/NAME`.
        pod: String,
    },
    /// Whoever runs the pod is stopped, or far too slow.
    #[error(
        "the porthole process that runs the pod {pod} does not answer within {} s{}",
        ANSWER_LIMIT.as_secs(),
        match holder {
            Some(holder) => format!(
                "; if it is stopped, let it go on (kill -CONT {holder}) or end it with all of its containers (kill -KILL {holder})"
            ),
            None => String::new(),
        }
    )]
    Silent {
        /// `NAMESPACE/NAME`.
        pod: String,
        /// Its process, where that is known.
        holder: Option<u32>,
    },
    /// The answer is no.
    #[error("the porthole process that runs the pod {pod} refuses: {reason}")]
    Refused {
        /// `NAMESPACE/NAME`.
        pod: String,
        /// Why.
        reason: String,
    },
    /// The way there failed.
    #[error("ask the porthole process that runs the pod {pod}")]
    Io {
        /// `NAMESPACE/NAME`.
        pod: String,
        /// The system's answer.
        source: io::Error,
    },
}

/// Asks whoever runs a pod.
#[derive(Clone, Debug)]
pub struct Control<'a> {
    pod: &'a Pod,
}

impl<'a> Control<'a> {
    pub(super) fn new(pod: &'a Pod) -> Self {
        Self { pod }
    }

    /// Asks, and waits for the answer for at most [`ANSWER_LIMIT`]. One who is just beginning is waited for.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn ask(&self, request: &Request) -> Result<Answer, ControlError> {
        let title = || self.pod.title();
        let deadline = Instant::now() + ANSWER_LIMIT;
        let mut stream = loop {
            match Stream::connect(&self.pod.directory) {
                Ok(stream) => break stream,
                Err(_) if !self.pod.is_alive() => return Err(ControlError::Ended { pod: title() }),
                Err(error)
                    if !matches!(
                        error.kind(),
                        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::WouldBlock
                    ) =>
                {
                    return Err(ControlError::Io {
                        pod: title(),
                        source: error,
                    });
                }
                Err(_) if Instant::now() >= deadline => return Err(self.silent()),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        };
        stream.set_deadline(Some(deadline.saturating_duration_since(Instant::now())));
        let asked = send(&mut stream, request).and_then(|()| receive(stream));
        match asked {
            Ok(Answer::Refused { reason }) => Err(ControlError::Refused { pod: title(), reason }),
            Ok(answer) => Ok(answer),
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(self.silent()),
            // It ended before it had answered.
            Err(_) if !self.pod.is_alive() => Err(ControlError::Ended { pod: title() }),
            Err(source) => Err(ControlError::Io { pod: title(), source }),
        }
    }

    fn silent(&self) -> ControlError {
        ControlError::Silent {
            pod: self.pod.title(),
            holder: self.pod.holder(),
        }
    }
}

/// Takes requests for a pod in its directory until this process ends, on a thread of its own that sleeps meanwhile.
pub(super) fn serve(directory: &Path, life: LifeHandle) -> io::Result<()> {
    let listener = Listener::bind(directory)?;
    let directory: PathBuf = directory.to_owned();
    thread::Builder::new()
        .name("control".to_owned())
        .stack_size(128 << 10)
        .spawn(move || {
            while directory.exists() {
                match listener.accept() {
                    // What comes of one connection is for the one at its other end.
                    Ok(stream) => drop(serve_one(stream, &life)),
                    // As long as there is no descriptor or memory to be had.
                    Err(_) => thread::sleep(Duration::from_millis(100)),
                }
            }
        })
        .map(drop)
}

fn serve_one(mut stream: Stream, life: &LifeHandle) -> io::Result<()> {
    stream.set_deadline(Some(TURN));
    let answer = match receive(&mut stream) {
        Ok(request) => answer(request, life),
        Err(error) if error.kind() == ErrorKind::InvalidData => Answer::Refused {
            reason: error.to_string(),
        },
        Err(error) => return Err(error),
    };
    stream.set_deadline(Some(TURN));
    send(&mut stream, &answer)
}

fn answer(request: Request, life: &LifeHandle) -> Answer {
    match request {
        Request::Ping => Answer::Done,
        Request::Stop { grace } => {
            life.stop(grace.map(Duration::from_secs));
            Answer::Done
        }
        Request::Kill => {
            life.kill();
            Answer::Done
        }
        Request::Limits { container, limits } => match life.set_limits(&container, &limits) {
            Ok(limits) => Answer::Limits(limits),
            Err(error) => {
                let mut reason = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    reason = format!("{reason}: {cause}");
                    source = cause.source();
                }
                Answer::Refused { reason }
            }
        },
    }
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
