//! Helm, by which the chart is rendered and installed in tests: each version is built from its Go module.

use porthole_tests::{cache, helm};

use crate::command::{self, Doing, Result};
use crate::{go, place};

/// Builds the programs that are missing; the user's cache keeps them.
pub(crate) fn provide() -> Result<()> {
    helm::VERSIONS.into_iter().try_for_each(provide_version)
}

fn provide_version(version: &str) -> Result<()> {
    let program = helm::program(version)?;
    if program.is_file() {
        return Ok(());
    }
    let directory = program.parent().unwrap_or(&program);
    println!("building Helm {version} once, for `{}`", directory.display());
    cache::fill(directory, |directory| {
        let go = go::program()?;
        let work = place::fresh(&format!("helm-{}", std::process::id()))?;
        let major = version.split('.').next().unwrap_or(version);
        let package = format!("helm.sh/helm/v{major}/cmd/helm@v{version}");
        let mut install = go::go(
            &go,
            &work,
            &["install", "-trimpath", "-ldflags", "-s -w", &package],
        );
        command::run(install.env("GOBIN", directory))?;
        std::fs::remove_dir_all(&work).doing(format!("remove `{}`", work.display()))
    })
}
