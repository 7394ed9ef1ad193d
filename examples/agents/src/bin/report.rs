//! `report`: reads a file of the host, keeps a file of its own on the host, and reports over HTTP.
//!
//! Every round it reads `HOST_FILE` and writes `STATE_FILE` (under another name, then renamed: whoever reads it sees the old
//! or the new one): how often it has been written, over all lives of the agent, and what the host's file says. `GET /healthz`
//! answers 200 while the last round was good, and `GET /report` with the report.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agents::{Stop, say, seconds, setting};
use serde_json::{Value, json};

/// More of the host's file is not read.
const LONGEST: u64 = 64 * 1024;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let stop = Stop::listen()?;
    let interval = seconds("INTERVAL_SECONDS", 5)?;
    let host = PathBuf::from(setting("HOST_FILE", "/etc/hosts"));
    let state = PathBuf::from(setting("STATE_FILE", "/var/lib/node-report/report.json"));
    let last: Last = Arc::default();
    let listener = TcpListener::bind(setting("LISTEN", "127.0.0.1:8099"))?;
    say(&json!({"listening": listener.local_addr()?.to_string()}))?;
    let told = Arc::clone(&last);
    std::thread::spawn(move || serve(&listener, &told));
    loop {
        let round = report(&host, &state);
        say(&match &round {
            Ok(report) => report.clone(),
            Err(error) => json!({"error": error.to_string()}),
        })?;
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(round);
        if stop.within(interval) {
            return say(&json!({"stopped": true}));
        }
    }
}

type Last = Arc<Mutex<Option<io::Result<Value>>>>;

/// One round: the host's file is read, the agent's own one is written.
fn report(host: &Path, state: &Path) -> io::Result<Value> {
    let named =
        |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut text = Vec::new();
    fs::File::open(host)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut text))
        .map_err(|error| named(host, error))?;
    let rounds = match fs::read(state) {
        Ok(old) => serde_json::from_slice::<Value>(&old)
            .ok()
            .and_then(|old| old["rounds"].as_u64())
            .unwrap_or(0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(named(state, error)),
    };
    let report = json!({
        "node": setting("NODE_NAME", "?"),
        "rounds": rounds + 1,
        "bytes": text.len(),
        "firstLine": String::from_utf8_lossy(&text).lines().next().unwrap_or_default(),
    });
    let new = state.with_extension("new");
    fs::write(&new, format!("{report}\n"))
        .and_then(|()| fs::rename(&new, state))
        .map_err(|error| named(state, error))?;
    Ok(report)
}

/// Answers one request after the other, each within a second.
fn serve(listener: &TcpListener, last: &Last) {
    for stream in listener.incoming().flatten() {
        let _ = answer(stream, last);
    }
}

fn answer(mut stream: TcpStream, last: &Last) -> io::Result<()> {
    let limit = Some(Duration::from_secs(1));
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    let mut line = String::new();
    BufReader::new((&stream).take(4096)).read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = {
        let last = last.lock().unwrap_or_else(PoisonError::into_inner);
        match (path.as_str(), &*last) {
            ("/healthz", Some(Ok(_))) => ("200 OK", "ok\n".to_owned()),
            ("/report", Some(Ok(report))) => ("200 OK", format!("{report}\n")),
            ("/healthz" | "/report", Some(Err(error))) => ("503 Service Unavailable", format!("{error}\n")),
            ("/healthz" | "/report", None) => ("503 Service Unavailable", "no round yet\n".to_owned()),
            _ => ("404 Not Found", "there are /healthz and /report\n".to_owned()),
        }
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_its_rounds_over_all_its_lives() {
        let dir = tempfile::tempdir().unwrap();
        let (host, state) = (dir.path().join("host"), dir.path().join("state.json"));
        fs::write(&host, "first\nsecond\n").unwrap();
        assert_eq!(report(&host, &state).unwrap()["rounds"], 1);
        let again = report(&host, &state).unwrap();
        assert_eq!(
            (again["rounds"].as_u64(), again["firstLine"].as_str()),
            (Some(2), Some("first"))
        );
    }

    #[test]
    fn names_the_file_that_it_cannot_read() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let error = report(&missing, &dir.path().join("state")).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
