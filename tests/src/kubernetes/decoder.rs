//! The cluster's own decoder of YAML: a program of this repository, `tests/decoder`, on the module that Kubernetes reads YAML by.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use crate::failure::{Failure, Result};
use crate::{cache, program};

/// The version of sigs.k8s.io/yaml that it stands on.
pub const VERSION: &str = "1.6.0";
/// What the program is built of.
const SOURCES: [&[u8]; 3] = [
    include_bytes!("../../decoder/main.go"),
    include_bytes!("../../decoder/go.mod"),
    include_bytes!("../../decoder/go.sum"),
];

/// Where its sources are.
#[must_use]
pub fn sources() -> PathBuf {
    program::checkout().join("tests").join("decoder")
}

/// Where the cache keeps it, whether or not it is there.
///
/// # Errors
/// There is no cache.
pub fn cached() -> Result<PathBuf> {
    let mut print = DefaultHasher::new();
    SOURCES.hash(&mut print);
    Ok(cache::base()?
        .join(format!("decoder-{VERSION}-{:016x}", print.finish()))
        .join("decoder"))
}

/// The program.
///
/// # Errors
/// It is not built.
pub fn find() -> Result<PathBuf> {
    let program = cached()?;
    if program.is_file() {
        return Ok(program);
    }
    Err(Failure::new(
        format!("find `{}`", program.display()),
        "it is not built; `cargo xtask test kubernetes` builds it",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_module() {
        let module = std::fs::read_to_string(sources().join("go.mod")).unwrap();
        assert!(
            module.contains(&format!("sigs.k8s.io/yaml v{VERSION}\n")),
            "{module}"
        );
    }
}
