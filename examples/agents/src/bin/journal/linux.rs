//! The journal, or the kernel's log.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use agents::{Stop, say};
use serde_json::{Value, json};

/// Exists while a journal runs.
const JOURNAL: &str = "/run/systemd/journal/socket";

pub(crate) fn follow(level: u8, stop: &Stop) -> io::Result<()> {
    if Path::new(JOURNAL).exists() {
        journal(level, stop)
    } else {
        kernel(level, stop)
    }
}

fn journal(level: u8, stop: &Stop) -> io::Result<()> {
    say(&json!({"reading": "the journal"}))?;
    let mut journalctl = Command::new("journalctl")
        .args(["--follow", "--lines=0", "--output=json"])
        .arg(format!("--priority={level}"))
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(lines) = journalctl.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                let told = say(&json!({
                    "unit": entry["_SYSTEMD_UNIT"],
                    "level": entry["PRIORITY"].as_str().and_then(|text| text.parse::<u8>().ok()),
                    "message": entry["MESSAGE"],
                }));
                if told.is_err() {
                    return;
                }
            }
        });
    }
    stop.wait();
    journalctl.kill()?;
    journalctl.wait().map(drop)
}

fn kernel(level: u8, stop: &Stop) -> io::Result<()> {
    let mut log = File::open("/dev/kmsg")?;
    // What was there before is not passed on.
    log.seek(SeekFrom::End(0))?;
    say(&json!({"reading": "/dev/kmsg"}))?;
    thread::spawn(move || {
        // Each read is one record. EPIPE says that some were overwritten before they were read.
        let mut record = vec![0; 8192];
        loop {
            match log.read(&mut record) {
                Ok(0) => return,
                Ok(length) => {
                    let text = String::from_utf8_lossy(&record[..length]);
                    let entry = parse(&text, level);
                    if entry.is_some_and(|entry| say(&entry).is_err()) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                Err(_) => return,
            }
        }
    });
    stop.wait();
    Ok(())
}

/// `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;MESSAGE`: the level is in the lowest three bits of the priority.
fn parse(record: &str, level: u8) -> Option<Value> {
    let (head, message) = record.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    let of = u8::try_from(priority & 7).ok()?;
    let line = message.lines().next().unwrap_or_default();
    (of <= level).then(|| json!({"unit": "kernel", "level": of, "message": line}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_level_and_the_first_line_of_a_record() {
        let entry = parse("12,1,2,-;disk is full\n KEY=value\n", 4);
        assert_eq!(
            entry,
            Some(json!({"unit": "kernel", "level": 4, "message": "disk is full"}))
        );
        assert_eq!(parse("6,1,2,-;hello", 4), None);
        assert_eq!(parse("no record", 4), None);
    }
}
