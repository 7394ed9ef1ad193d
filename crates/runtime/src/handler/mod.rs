//! Carries out what a probe asks or a hook tells: a program in the container, a request, a connection, a pause.
//!
//! Nothing is kept between two calls, and nothing is set up for a way of asking that is not used. What failed is said in
//! the kubelet's words, because that is what people look for.

mod exec;
mod http;
mod redirect;
mod tcp;

use std::time::{Duration, Instant};

use crate::conduct::Handler;
use crate::{Engine, Plan};

/// What a handler is carried out on.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Runs programs in the container.
    pub engine: &'a dyn Engine,
    /// The plan of the container's attempt that runs now.
    pub plan: &'a Plan,
    /// The pod's address, where the handler names no host of its own.
    pub address: &'a str,
}

/// A handler that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failed {
    /// Why, for people: at most some ten KiB, of which most may be the program's own output.
    pub message: String,
}

impl Failed {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// The most of a program's output or an answer's body that is looked at, in bytes. The kubelet's limit.
const MOST_OUTPUT: usize = 10 << 10;

/// Carries out a handler, for at most `limit`: what takes longer is ended and has failed. Blocks.
///
/// # Errors
/// It did not succeed.
pub fn perform(handler: &Handler, target: &Target<'_>, limit: Duration) -> Result<(), Failed> {
    match handler {
        Handler::Exec(command) => exec::perform(command, target, limit),
        Handler::HttpGet(get) => http::perform(get, target.address, limit),
        Handler::TcpSocket { host, port } => {
            tcp::perform(host.as_deref().unwrap_or(target.address), *port, limit)
        }
        Handler::Sleep(pause) => {
            std::thread::sleep((*pause).min(limit));
            if *pause > limit {
                return Err(Failed::new(format!(
                    "the pause of {pause:?} did not end within {limit:?}"
                )));
            }
            Ok(())
        }
    }
}

/// What is left of a limit that began then; nothing once it is used up.
fn left(since: Instant, limit: Duration) -> Option<Duration> {
    limit
        .checked_sub(since.elapsed())
        .filter(|left| *left >= Duration::from_millis(1))
}

/// A network address as it is written before a port: IPv6 in brackets.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// What the system says of a connection, as Go and so the kubelet says it.
fn said(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "i/o timeout".to_owned(),
        ErrorKind::UnexpectedEof => "EOF".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
