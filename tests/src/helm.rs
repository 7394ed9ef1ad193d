//! Helm, as a user of the chart runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::{cache, program};

/// The versions that the tests run, one of each major version that is in use.
pub const VERSIONS: [&str; 2] = [THREE, FOUR];
/// Helm 3.
pub const THREE: &str = "3.22.0";
/// Helm 4, which applies on the server's side. It has the Kubernetes libraries of the other, which are compiled once.
pub const FOUR: &str = "4.3.0";

/// Where the cache keeps a version, whether or not it is there.
///
/// # Errors
/// There is no cache.
pub fn program(version: &str) -> Result<PathBuf> {
    Ok(cache::base()?.join(format!("helm-{version}")).join("helm"))
}

/// The chart of this checkout.
#[must_use]
pub fn chart() -> PathBuf {
    program::checkout().join("charts").join("porthole")
}

/// `helm` of a version, with nothing that this user has set; what it keeps is below a directory.
///
/// # Errors
/// It is not built.
pub fn command(version: &str, directory: &Path) -> Result<Command> {
    let program = program(version)?;
    if !program.is_file() {
        return Err(Failure::new(
            format!("find `{}`", program.display()),
            "it is not built; `cargo xtask test kubernetes` builds it",
        ));
    }
    let mut helm = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HELM_") {
            helm.env_remove(name);
        }
    }
    helm.env_remove("KUBECONFIG")
        .env("HELM_CACHE_HOME", directory.join("helm-cache"))
        .env("HELM_CONFIG_HOME", directory.join("helm-config"))
        .env("HELM_DATA_HOME", directory.join("helm-data"))
        // What it has been told of a server, by the server's address, which the next one may have.
        .env("KUBECACHEDIR", directory.join("kube-cache"));
    Ok(helm)
}
