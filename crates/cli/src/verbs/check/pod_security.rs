//! The configuration of Pod Security in a file, or in the file that an `AdmissionConfiguration` names.

use std::path::{Path, PathBuf};

use porthole_check::File;
use porthole_manifest::Source;
use porthole_pod::Options;
use porthole_pod::pod_security::{Configuration, ConfigurationError};

use crate::exit;
use crate::failure::{Attempt as _, Failure};
use crate::intake;

/// How many files may name each other.
const STEPS: usize = 4;

/// Reads the configuration.
///
/// # Errors
/// The file cannot be read, is no such configuration, or is one that the API server does not start with.
pub(super) fn read(path: &Path, options: &Options) -> Result<Configuration, Failure> {
    follow(path, options, &mut Vec::new())
}

/// The files that are read for it, as far as they can be.
pub(super) fn files(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // What is wrong with them is told by the check.
    let _ = follow(path, &Options::default(), &mut files);
    files
}

/// Reads the configuration, and notes each file that it is looked for in.
fn follow(path: &Path, options: &Options, files: &mut Vec<PathBuf>) -> Result<Configuration, Failure> {
    let mut path = path.to_owned();
    for _ in 0..STEPS {
        files.push(path.clone());
        let doing = || format!("read the configuration of Pod Security `{}`", path.display());
        let bytes = intake::file(&path).attempt(exit::UNASKED, doing)?;
        let source = Source::from_bytes(path.display().to_string(), bytes).attempt(exit::UNASKED, doing)?;
        let file = File::of(source);
        if let Some(error) = file.stream.errors.first() {
            let place = file.source.place(error.span);
            return Err(Failure::unasked(format!(
                "{}: {place}: {}",
                doing(),
                error.reason
            )));
        }
        let Some(document) = file.stream.documents.first() else {
            return Err(Failure::unasked(format!("{}: the file is empty", doing())));
        };
        match Configuration::read(document.root(), options) {
            Ok(configuration) => return Ok(configuration),
            // A relative path begins where the file is.
            Err(ConfigurationError::Elsewhere(other)) => {
                path = path.parent().unwrap_or(Path::new("")).join(other);
            }
            Err(error) => return Err(Failure::unasked(format!("{}: {error}", doing()))),
        }
    }
    Err(Failure::unasked(format!(
        "read the configuration of Pod Security `{}`: the files name each other without end",
        path.display()
    )))
}
