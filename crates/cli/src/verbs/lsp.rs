//! `porthole lsp`: `check` in the editor, by the Language Server Protocol on standard input and output.

mod account;
mod actions;
mod diagnostics;
mod hover;
mod position;
mod server;
mod transport;
mod uri;
mod workspace;

use std::collections::VecDeque;
use std::io::{self, BufReader, Write as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use clap::Args;

use super::check::flags::Flags;
use crate::exit;
use crate::failure::{Attempt as _, Failure};
use server::Server;
use transport::Received;

/// Options of `porthole lsp`.
#[derive(Debug, Args)]
pub(crate) struct Lsp {
    #[command(flatten)]
    flags: Flags,
    /// Taken and ignored: editors give it to every server
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Lsp {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let doing = || "answer the editor".to_owned();
        let (sender, messages) = mpsc::channel();
        // The editor is read while a file is checked: what is outdated meanwhile is not checked.
        thread::spawn(move || {
            let mut input = BufReader::new(io::stdin().lock());
            loop {
                let received = transport::read(&mut input);
                let end = matches!(received, Received::End);
                if sender.send(received).is_err() || end {
                    break;
                }
            }
        });
        let mut server = Server::new(self.flags.clone());
        let mut waiting: VecDeque<Received> = VecDeque::new();
        loop {
            waiting.extend(messages.try_iter());
            if waiting.is_empty() {
                send(&server.check()).attempt(exit::UNASKED, doing)?;
                match messages.recv() {
                    Ok(received) => waiting.push_back(received),
                    Err(_) => return Ok(ExitCode::from(exit::NO)),
                }
                continue;
            }
            let Some(received) = waiting.pop_front() else {
                continue;
            };
            let message = match received {
                Received::Message(message) => message,
                Received::Fault { code, text } => {
                    let fault = server::error(&serde_json::Value::Null, code, &text);
                    send(&[fault]).attempt(exit::UNASKED, doing)?;
                    continue;
                }
                // The editor is gone without a word.
                Received::End => return Ok(ExitCode::from(exit::NO)),
            };
            let cancelled = message.get("id").is_some_and(|id| {
                waiting.iter().any(|later| {
                    matches!(later, Received::Message(later)
                        if later["method"] == "$/cancelRequest" && later["params"]["id"] == *id)
                })
            });
            let replies = server.answer(&message, cancelled);
            send(&replies).attempt(exit::UNASKED, doing)?;
            if let Some(code) = server.ended() {
                return Ok(ExitCode::from(code));
            }
        }
    }
}

fn send(messages: &[serde_json::Value]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for message in messages {
        transport::write(&mut out, message)?;
    }
    out.flush()
}
