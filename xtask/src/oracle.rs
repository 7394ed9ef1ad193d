//! `cargo xtask oracle`: porthole's verdict and that of a real API server on the same objects.

use std::process::ExitCode;

use porthole_tests::kubernetes::programs::{NEWEST, OLDEST};

use crate::cargo::Target;
use crate::command::{self, Failure, Result};
use crate::kubernetes;
use crate::report::Outcome;

/// The gate without which servers of 1.24 know no HostProcess containers.
const WITHOUT: &str = "WindowsHostProcessContainers=false";

/// Runs the oracle with these options, whose list it prints itself. Builds the server where it is missing.
pub(crate) fn run(options: &[&str]) -> Result<ExitCode> {
    let value = |name| {
        let place = options.iter().position(|option| *option == name)?;
        options.get(place + 1).copied()
    };
    if value("--server").is_none() {
        let version = value("--kubernetes").unwrap_or(NEWEST);
        kubernetes::provide_api_server(version.trim_start_matches('v'))?;
    }
    let mut cargo = Target::Host.cargo("run");
    cargo
        .args(["--quiet", "--locked", "--package", "porthole-oracle", "--"])
        .args(options);
    // What it prints says it all; only that it failed is told on.
    Ok(command::run(&mut cargo).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

/// A few thousand objects that are the same each time, and some that are not, for each server that the tests have.
pub(crate) fn tier() -> Result<Outcome> {
    let mut asked = 0;
    for (version, gates) in [(NEWEST, ""), (OLDEST, ""), (OLDEST, WITHOUT)] {
        for (count, seed) in [(2000, "1"), (500, "fresh")] {
            let number = count.to_string();
            let mut options = vec!["--kubernetes", version, "--count", &number, "--seed", seed];
            if !gates.is_empty() {
                options.extend(["--feature-gates", gates]);
            }
            if run(&options)? != ExitCode::SUCCESS {
                let what = format!("compare answers of Kubernetes {version} {gates}");
                return Ok(Outcome::Failed(Failure::new(what, "see the disagreements above")));
            }
            asked += count;
        }
    }
    Ok(Outcome::Passed(format!("{asked} objects, no disagreement")))
}
