//! The server's log: one line an event on standard output, as text or as JSON.
//!
//! What goes into a line is chosen here and there by name: never a pod, never contents, never a secret.

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

/// How much weight a line has; also how much one must have to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work, and somebody has to look.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What has happened.
    Info,
    /// Every answer.
    Debug,
}

/// A word that is no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unknown log level {0}, valid log levels are: panic, fatal, error, warn, info, debug, trace")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    /// The levels of the webhook of kubernetes-sigs/windows-gmsa, of which there are more.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "panic" | "fatal" | "error" => Self::Error,
            "warn" | "warning" => Self::Warn,
            "info" => Self::Info,
            "debug" | "trace" => Self::Debug,
            _ => return Err(UnknownLevel(text.to_owned())),
        })
    }
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `2026-01-01T00:00:00.000Z info what has happened key="value"`.
    Text,
    /// An object a line, with `time`, `level` and `message`.
    Json,
}

/// Names and values of a line.
pub type Fields<'a> = &'a [(&'static str, &'a dyn Display)];

/// The log. Clones write to the same place.
#[derive(Clone)]
pub struct Log {
    format: Format,
    level: Level,
    out: Arc<Mutex<Box<dyn Write + Send>>>,
}

impl Log {
    /// A log on standard output.
    #[must_use]
    pub fn new(format: Format, level: Level) -> Self {
        Self::to(format, level, Box::new(io::stdout()))
    }

    /// A log somewhere else.
    #[must_use]
    pub fn to(format: Format, level: Level, out: Box<dyn Write + Send>) -> Self {
        let out = Arc::new(Mutex::new(out));
        Self { format, level, out }
    }

    /// Something does not work.
    pub fn error(&self, message: &str, fields: Fields<'_>) {
        self.write(Level::Error, message, fields);
    }

    /// Something is not as it should be.
    pub fn warn(&self, message: &str, fields: Fields<'_>) {
        self.write(Level::Warn, message, fields);
    }

    /// Something has happened.
    pub fn info(&self, message: &str, fields: Fields<'_>) {
        self.write(Level::Info, message, fields);
    }

    /// Something that happens often.
    pub fn debug(&self, message: &str, fields: Fields<'_>) {
        self.write(Level::Debug, message, fields);
    }

    fn write(&self, level: Level, message: &str, fields: Fields<'_>) {
        if level > self.level {
            return;
        }
        let time = timestamp(SystemTime::now());
        let mut line = match self.format {
            Format::Text => text(&time, level, message, fields),
            Format::Json => json(&time, level, message, fields),
        };
        line.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Where nobody reads the log there is nobody to tell.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Log")
            .field("format", &self.format)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

fn text(time: &str, level: Level, message: &str, fields: Fields<'_>) -> String {
    let mut line = format!("{time} {} ", level.word());
    for character in message.chars() {
        // No quotes are around it, so its own need no escape. It is always porthole's text: what comes from elsewhere is in fields.
        if matches!(character, '\'' | '"') {
            line.push(character);
        } else {
            line.extend(character.escape_debug());
        }
    }
    for (name, value) in fields {
        // Quoted, so that no value can look like another line or field. Writing to a string cannot fail.
        let _ = write!(line, " {name}={:?}", value.to_string());
    }
    line
}

fn json(time: &str, level: Level, message: &str, fields: Fields<'_>) -> String {
    let mut object = Map::new();
    object.insert("time".to_owned(), time.into());
    object.insert("level".to_owned(), level.word().into());
    object.insert("message".to_owned(), message.into());
    for (name, value) in fields {
        object.insert((*name).to_owned(), value.to_string().into());
    }
    Value::Object(object).to_string()
}

/// A time as RFC 3339 writes it, in UTC.
pub(crate) fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, of_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date so many days after 1970-01-01, in the Gregorian calendar, whose years begin in March here.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let of_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * of_year + of_year / 4 - of_year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + of_year + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Said;
    use std::time::Duration;

    fn said(format: Format, level: Level, say: impl Fn(&Log)) -> String {
        let out = Said::default();
        say(&Log::to(format, level, Box::new(out.clone())));
        out.text()
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_825_600, "2000-02-29T12:00:00.000Z"),
            (1_772_323_199, "2026-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_value_cannot_pretend_to_be_a_line() {
        let say = |log: &Log| log.info("denied", &[("name", &"a\n2026 error forged \"x\"")]);
        let text = said(Format::Text, Level::Info, say);
        assert!(
            text.ends_with("Z info denied name=\"a\\n2026 error forged \\\"x\\\"\"\n"),
            "{text}"
        );
        let json = said(Format::Json, Level::Info, say);
        let line: Value = serde_json::from_str(json.trim_end()).unwrap();
        assert_eq!(line["name"], "a\n2026 error forged \"x\"");
        assert_eq!((json.lines().count(), &line["level"]), (1, &Value::from("info")));
    }

    #[test]
    fn a_message_stands_as_it_was_said_in_one_line() {
        let say = |log: &Log| {
            log.info(
                "the certificate's files say \"no\"\nand \\",
                &[("why", &"it's so")],
            );
        };
        let text = said(Format::Text, Level::Info, say);
        let wanted = "Z info the certificate's files say \"no\"\\nand \\\\ why=\"it's so\"\n";
        assert!(text.ends_with(wanted), "{text}");
    }

    #[test]
    fn the_level_decides_what_is_written() {
        let say = |log: &Log| {
            log.debug("one", &[]);
            log.info("two", &[]);
            log.error("three", &[]);
        };
        let count = |level| said(Format::Text, level, say).lines().count();
        assert_eq!(
            [Level::Error, Level::Warn, Level::Info, Level::Debug].map(count),
            [1, 1, 2, 3]
        );
        assert_eq!("trace".parse(), Ok(Level::Debug));
        let error = "loud".parse::<Level>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("Unknown log level loud, valid log levels are: panic,")
        );
    }
}
