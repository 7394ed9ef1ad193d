//! The one way in which a verb fails: what was being done, why it failed, what to try, and the exit code.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};

use crate::exit;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const CAUSE: Style = Style::new().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<dyn Error + Send + Sync>,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// A failure with an exit code of [`exit`].
    pub(crate) fn new(code: u8, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            error: error.into(),
            help: None,
            code,
        }
    }

    /// The question could not be asked.
    pub(crate) fn unasked(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(exit::UNASKED, error)
    }

    /// A cluster could not be asked.
    pub(crate) fn of_cluster(error: porthole_cluster::Error) -> Self {
        let help = error.help().map(str::to_owned);
        Self::unasked(error).help_if(help)
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Adds what to try.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to try, where that is known.
    #[must_use]
    pub(crate) fn help_if(self, help: Option<impl Into<String>>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// The same where a program's own code may be 1: then "no" is a failure of porthole's.
    #[must_use]
    pub(crate) fn beside_a_program(mut self) -> Self {
        if self.code == exit::NO {
            self.code = exit::OWN_FAILURE;
        }
        self
    }

    /// Prints the failure with its causes to stderr.
    pub(crate) fn report(&self) -> ExitCode {
        anstream::eprint!("{}", self.render());
        ExitCode::from(self.code)
    }

    fn render(&self) -> String {
        let mut text = format!("{ERROR}error{ERROR:#}: {}\n", self.error);
        let mut last = self.error.to_string();
        let mut source = self.error.source();
        while let Some(cause) = source {
            // An error that repeats its source in its own text is not printed twice.
            let cause_text = cause.to_string();
            if !last.ends_with(&cause_text) {
                let _ = writeln!(text, "  {CAUSE}caused by{CAUSE:#}: {cause_text}");
            }
            last = cause_text;
            source = cause.source();
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "{HELP}help{HELP:#}: {help}");
        }
        text
    }
}

impl fmt::Display for Failure {
    /// As it is reported, without colours.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", anstream::adapter::strip_str(&self.render()))
    }
}

/// A failure on its way from one process of porthole's to another.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    code: u8,
    error: String,
    #[serde(default)]
    causes: Vec<String>,
    #[serde(default)]
    help: Option<String>,
}

impl Told {
    /// What there is to tell of an error.
    pub(crate) fn of(code: u8, error: &dyn Error, help: Option<&str>) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self {
            code,
            error: error.to_string(),
            causes,
            help: help.map(str::to_owned),
        }
    }
}

impl Failure {
    /// What another process needs to report it in the same words.
    pub(crate) fn told(&self) -> Told {
        Told::of(self.code, &*self.error, self.help.as_deref())
    }

    /// The failure that another process has told of.
    pub(crate) fn from_told(told: Told) -> Self {
        let cause = told
            .causes
            .into_iter()
            .rev()
            .fold(None, |source, text| Some(Box::new(Said { text, source })));
        Self {
            error: Box::new(Said {
                text: told.error,
                source: cause,
            }),
            help: told.help,
            code: told.code,
        }
    }
}

/// An error in another process's words.
#[derive(Debug)]
struct Said {
    text: String,
    source: Option<Box<Said>>,
}

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Error for Said {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// An error of this crate: what was being done, and the library's or the system's reason.
#[derive(Debug)]
pub(crate) struct While<E> {
    doing: String,
    source: E,
}

impl<E: Error + 'static> fmt::Display for While<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.doing)
    }
}

impl<E: Error + 'static> Error for While<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Turns a library's result into a verb's.
pub(crate) trait Attempt<T> {
    /// The failure says what was being done.
    fn attempt(self, code: u8, doing: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Error + Send + Sync + 'static> Attempt<T> for Result<T, E> {
    fn attempt(self, code: u8, doing: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|source| {
            Failure::new(
                code,
                While {
                    doing: doing(),
                    source,
                },
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_causes_and_help_below_the_error() {
        let gone = std::io::Error::other("no such thing");
        let failure = Err::<(), _>(gone)
            .attempt(exit::UNASKED, || "read `pod.yaml`".to_owned())
            .unwrap_err()
            .help("give a file that exists");
        let plain = anstream::adapter::strip_str(&failure.render()).to_string();
        assert_eq!(
            plain,
            "error: read `pod.yaml`\n  caused by: no such thing\nhelp: give a file that exists\n"
        );
        let told = serde_json::to_string(&failure.told()).unwrap();
        let heard = Failure::from_told(serde_json::from_str(&told).unwrap());
        assert_eq!(
            heard.render(),
            failure.render(),
            "told by another process it reads the same"
        );
    }
}
