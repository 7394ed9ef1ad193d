//! A channel of the event log.

use std::io;
use std::process::Command;

use agents::{Stop, say, seconds, setting};
use serde_json::{Value, json};

/// Records asked for at once.
const AT_ONCE: usize = 100;

pub(crate) fn follow(level: u8, stop: &Stop) -> io::Result<()> {
    let channel = setting("CHANNEL", "System");
    let interval = seconds("INTERVAL_SECONDS", 5)?;
    say(&json!({"reading": channel}))?;
    // What was there before is not passed on.
    let mut last = query(&channel, "*", &["/rd:true", "/c:1"])?
        .iter()
        .filter_map(|record| number(record, "EventRecordID"))
        .max()
        .unwrap_or(0);
    loop {
        let newer = format!("*[System[EventRecordID>{last}]]");
        for record in query(&channel, &newer, &[&format!("/c:{AT_ONCE}")])? {
            last = number(&record, "EventRecordID").unwrap_or(last).max(last);
            if let Some(entry) = entry(&record, level) {
                say(&entry)?;
            }
        }
        if stop.within(interval) {
            return Ok(());
        }
    }
}

/// The records as XML, the oldest first.
fn query(channel: &str, query: &str, more: &[&str]) -> io::Result<Vec<String>> {
    let output = Command::new("wevtutil")
        .args(["qe", channel, &format!("/q:{query}"), "/f:RenderedXml"])
        .args(more)
        .output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("wevtutil: {}", text.trim())));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .split_inclusive("</Event>")
        .filter(|record| record.contains("<Event "))
        .map(str::to_owned)
        .collect())
}

/// A record of the level or worse. Windows counts from 1, critical, to 4, information; syslog's 2, 3, 4 and 6.
fn entry(record: &str, level: u8) -> Option<Value> {
    let of = match number(record, "Level") {
        Some(1) => 2,
        Some(2) => 3,
        Some(3) => 4,
        _ => 6,
    };
    let provider = record
        .split_once("<Provider Name=")
        .and_then(|(_, rest)| rest.get(1..)?.split(['\'', '"']).next());
    (of <= level).then(|| {
        json!({
            "unit": provider,
            "level": of,
            "message": element(record, "Message"),
        })
    })
}

fn number(record: &str, name: &str) -> Option<u64> {
    element(record, name)?.parse().ok()
}

fn element<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = record.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_level_provider_and_message_of_a_record() {
        let record = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='disk' \
                      Guid='{1}'/><Level>2</Level><EventRecordID>7</EventRecordID></System><RenderingInfo><Message>bad \
                      block</Message></RenderingInfo></Event>";
        assert_eq!(
            entry(record, 4),
            Some(json!({"unit": "disk", "level": 3, "message": "bad block"}))
        );
        assert_eq!(number(record, "EventRecordID"), Some(7));
        assert_eq!(entry(&record.replace(">2<", ">4<"), 4), None);
    }
}
