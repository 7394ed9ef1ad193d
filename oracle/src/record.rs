//! Answers kept in files, one JSON object a line: what was asked, and what a server answered.

use std::path::Path;

use porthole_tests::failure::{Doing, Failure, Result};
use serde_json::{Value, json};

use crate::answer::Answer;

/// An answer that was kept.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The object as JSON text, repeated keys and all.
    pub object: String,
    /// The namespace that it was to be created in.
    pub namespace: String,
    /// What the server answered.
    pub answer: Answer,
}

impl Recorded {
    /// The line of it.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = json!({"object": self.object, "namespace": self.namespace});
        if let (Value::Object(line), Value::Object(answer)) = (&mut line, self.answer.to_json()) {
            line.extend(answer);
        }
        line.to_string()
    }

    fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        Some(Self {
            object: value["object"].as_str()?.to_owned(),
            namespace: value["namespace"].as_str()?.to_owned(),
            answer: Answer::from_json(&value)?.settled(),
        })
    }
}

/// The answers of a file.
///
/// # Errors
/// It cannot be read, or a line of it is none.
pub fn read(path: &Path) -> Result<Vec<Recorded>> {
    let what = format!("read `{}`", path.display());
    let text = std::fs::read_to_string(path).doing(&what)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(number, line)| {
            Recorded::read(line)
                .ok_or_else(|| Failure::new(&what, format!("line {} is no answer", number + 1)))
        })
        .collect()
}

/// Writes answers to a file.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, recorded: &[Recorded]) -> Result<()> {
    let what = format!("write `{}`", path.display());
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).doing(&what)?;
    }
    let text: String = recorded.iter().map(|recorded| recorded.line() + "\n").collect();
    std::fs::write(path, text).doing(what)
}
