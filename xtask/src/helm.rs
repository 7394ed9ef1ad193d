//! Helm, by which the chart is rendered and installed in tests: built from its Go module.

use porthole_tests::{cache, helm};

use crate::command::{self, Doing, Result};
use crate::{go, place};

const PACKAGE: &str = "helm.sh/helm/v3/cmd/helm";

/// Builds the program where it is missing; the user's cache keeps it.
pub(crate) fn provide() -> Result<()> {
    let program = helm::program()?;
    if program.is_file() {
        return Ok(());
    }
    let directory = program.parent().unwrap_or(&program);
    let version = helm::VERSION;
    println!("building Helm {version} once, for `{}`", directory.display());
    cache::fill(directory, |directory| {
        let go = go::program()?;
        let work = place::fresh(&format!("helm-{}", std::process::id()))?;
        let package = format!("{PACKAGE}@v{version}");
        let mut install = go::go(
            &go,
            &work,
            &["install", "-trimpath", "-ldflags", "-s -w", &package],
        );
        command::run(install.env("GOBIN", directory))?;
        std::fs::remove_dir_all(&work).doing(format!("remove `{}`", work.display()))
    })
}
