//! The programs of Kubernetes and where they are kept.
//!
//! They are taken from the directory that `KUBEBUILDER_ASSETS` names, which is the convention of those who test against
//! an API server, where its programs are of the minor version that is asked for; else from the user's cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache;
use crate::failure::{Failure, Result};

/// The newest version that the tests know: what the answers of `porthole` are compared with where nothing else is said.
pub const NEWEST: &str = "1.37.0";
/// The oldest one that can be built from its module; HostProcess has a feature gate in it that can be turned off.
pub const OLDEST: &str = "1.24.17";

/// Where the cache keeps the program `name` of a version, whether or not it is there.
///
/// # Errors
/// There is no cache.
pub fn cached(name: &str, version: &str) -> Result<PathBuf> {
    Ok(cache::base()?.join(format!("{name}-{version}")).join(name))
}

/// The program `name` of a version, such as `kubelet` of `1.37.0`; nothing where it is not on this machine.
///
/// # Errors
/// There is no cache.
pub fn look(name: &str, version: &str) -> Result<Option<PathBuf>> {
    if let Some(program) = asset(name).filter(|program| minor(program).as_deref() == minor_of(version)) {
        return Ok(Some(program));
    }
    Ok(Some(cached(name, version)?).filter(|program| program.is_file()))
}

/// The program `name` of a version.
///
/// # Errors
/// It is not on this machine.
pub fn find(name: &str, version: &str) -> Result<PathBuf> {
    look(name, version)?.ok_or_else(|| {
        Failure::new(
            format!("find {name} {version}"),
            format!(
                "it is neither in `{}` nor in KUBEBUILDER_ASSETS; `cargo xtask test kubernetes` builds it",
                cached(name, version)
                    .map_or_else(|failure| failure.to_string(), |path| path.display().to_string())
            ),
        )
    })
}

/// etcd: of the assets, else the one that this system has.
#[must_use]
pub fn etcd() -> PathBuf {
    asset("etcd").unwrap_or_else(|| PathBuf::from("etcd"))
}

fn asset(name: &str) -> Option<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS")?;
    Some(Path::new(&assets).join(name)).filter(|program| program.is_file())
}

/// The `1.N` of a version `1.N.P`.
fn minor_of(version: &str) -> Option<&str> {
    let (minor, _patch) = version.rsplit_once('.')?;
    Some(minor)
}

/// The `1.N` that a program of Kubernetes says of itself.
fn minor(program: &Path) -> Option<String> {
    let kubectl = program.ends_with("kubectl");
    let arguments: &[&str] = if kubectl {
        &["version", "--client"]
    } else {
        &["--version"]
    };
    let said = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?
        .stdout;
    said_minor(&String::from_utf8_lossy(&said))
}

/// From `Kubernetes v1.37.0` and `Client Version: v1.37.0`.
fn said_minor(said: &str) -> Option<String> {
    let version = said
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v1."))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("1.{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_that_a_program_says() {
        for (said, minor) in [
            ("Kubernetes v1.37.0\n", Some("1.37")),
            (
                "Client Version: v1.24.17\nKustomize Version: v5.8.1\n",
                Some("1.24"),
            ),
            ("Kubernetes v0.0.0-master+$Format:%H$\n", None),
            ("", None),
        ] {
            assert_eq!(said_minor(said).as_deref(), minor, "{said}");
        }
        assert_eq!(minor_of("1.37.0"), Some("1.37"));
    }
}
